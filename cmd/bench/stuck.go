package main

import (
	"github.com/spf13/cobra"

	"ddcos/bench"
)

func stuckCommand() *cobra.Command {
	o := bench.DefaultStuckOptions()
	cmd := measurement(&cobra.Command{
		Use:   "stuck",
		Short: "Measure what stopped members cost the others",
		Long: `stuck stops some of a room's members and prints how long the others take to
answer, by the accounts, beside what the same ones take while nobody is stopped,
in turn. It also prints what was resident of the broker at the end, beside the
beginning.

The ratio is with / without: 1 is nothing.`,
		Example: `  bench stuck
  bench stuck --members 200 --one-in 10 --json`,
	}, &o.Setting, func(cmd *cobra.Command) error { return bench.Stuck(cmd.Context(), o) })
	f := cmd.Flags()
	f.IntVar(&o.Members, "members", o.Members, "`N` members of the room, a socket each")
	f.IntVar(&o.OneIn, "one-in", o.OneIn, "`N` members, of which one is stopped")
	f.IntVar(&o.Calls, "calls", o.Calls, "`N` calls that are measured with, and without")
	f.IntVar(&o.Rounds, "rounds", o.Rounds, "`N` rounds that both are spread over")
	f.IntVar(&o.Bytes, "bytes", o.Bytes, "`BYTES` of the payload, and of each reply")
	f.DurationVar(&o.Deadline, "deadline", o.Deadline, "`DURATION` of a call")
	return cmd
}

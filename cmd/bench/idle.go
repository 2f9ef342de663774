package main

import (
	"github.com/spf13/cobra"

	"ddcos/bench"
)

func idleCommand() *cobra.Command {
	o := bench.DefaultIdleOptions()
	cmd := measurement(&cobra.Command{
		Use:   "idle",
		Short: "Measure what an idle session takes of the broker's memory",
		Long: `idle opens sessions that join rooms and then do nothing but answer their
broker's heartbeat, and prints how much more of the broker is resident than of
an empty one, for each session, beside the peers. Memory is taken when it does not become less any more.

A broker cannot be told to collect its garbage: those in Go run with a small
GOGC, and at most that share of what lives is garbage in the figure.

The ratio is ours / the peer's: below 1, middlecon takes less.`,
		Example: `  bench idle
  bench idle --sessions 5000 --transport unix --json`,
	}, &o.Setting, func(cmd *cobra.Command) error { return bench.Idle(cmd.Context(), o) })
	f := cmd.Flags()
	f.IntVar(&o.Sessions, "sessions", o.Sessions, "`N` idle sessions of each system")
	f.IntVar(&o.Rooms, "rooms", o.Rooms, "`N` rooms that each of them is in")
	f.DurationVar(&o.Quiet, "quiet", o.Quiet, "`DURATION` for which a broker's memory has not become less when it is taken")
	f.DurationVar(&o.Settle, "settle", o.Settle, "`DURATION` that this may take at most")
	f.DurationVar(&o.Beat, "beat", o.Beat, "`DURATION` for which the brokers' heartbeats are waited for")
	f.IntVar(&o.GOGC, "gogc", o.GOGC, "`PERCENT` of its heap that a broker in Go lets grow until it collects")
	return cmd
}

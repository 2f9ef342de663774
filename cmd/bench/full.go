package main

import (
	"github.com/spf13/cobra"

	"ddcos/bench"
)

func fullCommand() *cobra.Command {
	o := bench.DefaultFullOptions()
	cmd := measurement(&cobra.Command{
		Use:   "full",
		Short: "Measure what a full file table does to a broker",
		Long: `full lets a broker with members open only a few more files, asks it for more
sessions than that, and calls the members while it cannot open any: all have to
answer. Then it ends the sessions that were accepted, and prints how long it
takes until the first of those that wait is greeted, and until all are. A session
that is hung up on asks again 10 ms later; full-hangups counts that, a round.

The ratio is ours / the peer's: below 1, middlecon is quicker.`,
		Example: `  bench full
  bench full --members 200 --rounds 3 --peer c --json`,
	}, &o.Setting, func(cmd *cobra.Command) error { return bench.Full(cmd.Context(), o) })
	f := cmd.Flags()
	f.IntVar(&o.Members, "members", o.Members, "`N` members that have joined before")
	f.IntVar(&o.Spare, "spare", o.Spare, "`N` files that the broker may open still; twice as many sessions are asked for")
	f.IntVar(&o.Rounds, "rounds", o.Rounds, "`N` rounds in which the table becomes full and free again")
	f.DurationVar(&o.Hold, "hold", o.Hold, "`DURATION` that it stays full")
	return cmd
}

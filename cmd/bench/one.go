package main

import (
	"github.com/spf13/cobra"

	"ddcos/bench"
)

func oneCommand() *cobra.Command {
	o := bench.DefaultOneOptions()
	cmd := measurement(&cobra.Command{
		Use:   "one",
		Short: "Measure a message to one member and its reply, beside other brokers",
		Long: `one sends messages to one member, one after the other and then with many in
flight, and prints the percentiles of the round trips and how many there were in
a second, beside those of each peer. Every caller is the same program with
another protocol.

The ratio is ours / the peer's: of times, below 1 middlecon is quicker; of the
rate, above 1.`,
		Example: `  bench one
  bench one --transport unix --window 16 --json`,
	}, &o.Setting, func(cmd *cobra.Command) error { return bench.One(cmd.Context(), o) })
	f := cmd.Flags()
	f.IntVar(&o.Messages, "messages", o.Messages, "`N` messages one after the other")
	f.IntVar(&o.Stream, "stream", o.Stream, "`N` messages with many in flight")
	f.IntVar(&o.Window, "window", o.Window, "`N` of those that are in flight at once")
	f.IntVar(&o.Rounds, "rounds", o.Rounds, "`N` rounds that they are spread over: the systems take turns")
	f.IntVar(&o.Bytes, "bytes", o.Bytes, "`BYTES` of the message, and of the reply")
	return cmd
}

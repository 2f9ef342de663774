package main

import (
	"errors"

	"github.com/spf13/cobra"

	"ddcos/bench"
)

func callCommand() *cobra.Command {
	o := bench.DefaultCallOptions()
	cmd := measurement(&cobra.Command{
		Use:   "call",
		Short: "Measure a call to every member of a room, beside other brokers",
		Long: `call starts a broker and a fleet of members, each a process of its own, calls all
members again and again, checks every account and prints the 50th and 99th
percentile and the longest call beside those of a peer, which gets the same load
from the same kind of fleet, turn by turn.

The ratio is ours / the peer's: below 1, middlecon is quicker. 'make peers'
builds the peers.`,
		Example: `  bench call
  bench call --members 10000 --calls 50
  bench call --transport unix --json
  bench call --members 100 --rate 50     # each call timed from when it was due`,
	}, &o.Setting, func(cmd *cobra.Command) error { return bench.Call(cmd.Context(), o) })
	f := cmd.Flags()
	f.IntVar(&o.Members, "members", o.Members, "`N` members of the room, a socket each")
	f.IntVar(&o.Calls, "calls", o.Calls, "`N` calls that are measured of each system")
	f.IntVar(&o.Rounds, "rounds", o.Rounds, "`N` rounds that they are spread over: the systems take turns")
	f.IntVar(&o.Warmup, "warmup", o.Warmup, "`N` calls before each round that are not measured")
	f.IntVar(&o.Bytes, "bytes", o.Bytes, "`BYTES` of the payload, and of each reply")
	f.Float64Var(&o.Rate, "rate", o.Rate, "`N` calls a second, each timed from when it was due; 0: half of what the system can do")
	return cmd
}

// membersCommand is the program of a measurement's members.
func membersCommand() *cobra.Command {
	var o bench.FleetOptions
	cmd := &cobra.Command{
		Use: "members", Short: "Be the members of a measurement", Hidden: true, Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Out = cmd.OutOrStdout()
			return asMisuse(bench.Fleet(cmd.Context(), o))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.System, "system", "middlecon", "`SYSTEM` whose members they are")
	f.StringVar(&o.Broker, "broker", "", "`ADDRESS` of the broker: unix:///path or tcp://host:port")
	f.IntVar(&o.Members, "members", 1, "`N` of them")
	f.IntVar(&o.First, "first", 0, "`N`, the number of the first")
	f.BoolVar(&o.Counts, "counts", false, "members tell which delivery they answer")
	f.IntVar(&o.Rooms, "rooms", 1, "`N` rooms that each of them joins")
	return cmd
}

// asMisuse marks what cannot be measured as wrong use.
func asMisuse(err error) error {
	if errors.Is(err, bench.ErrOptions) {
		return misuse{err}
	}
	return err
}

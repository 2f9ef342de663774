package main

import (
	"github.com/spf13/cobra"

	"ddcos/bench"
)

func stormCommand() *cobra.Command {
	o := bench.DefaultStormOptions()
	cmd := measurement(&cobra.Command{
		Use:   "storm",
		Short: "Measure how long very many clients take to come back to a killed broker",
		Long: `storm kills a broker (SIGKILL) that has very many clients and starts it again at
the same address. Each client comes back by its own library, with back-off and
jitter. It prints after how many seconds half of them, 99 in 100 and all were
members of their room again, for how long no broker answered, and how many came
back in a second. One call to all then has to be answered by all. storm-max is
that of the worst round, the others are medians.

The peer nats has clients of nats.go; other peers have none that come back.
The ratio is ours / the peer's.`,
		Example: `  bench storm
  bench storm --clients 1000 --rounds 1 --peer '' --json`,
	}, &o.Setting, func(cmd *cobra.Command) error { return bench.Storm(cmd.Context(), o) })
	f := cmd.Flags()
	f.IntVar(&o.Clients, "clients", o.Clients, "`N` clients, a connection each")
	f.IntVar(&o.Rounds, "rounds", o.Rounds, "`N` rounds, in each of which the broker is killed")
	f.DurationVar(&o.Calm, "calm", o.Calm, "`DURATION` before each round")
	return cmd
}

// clientsCommand is the program of a storm's clients.
func clientsCommand() *cobra.Command {
	var o bench.ClientsOptions
	cmd := &cobra.Command{
		Use: "clients", Short: "Be the clients of a measurement", Hidden: true, Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Out = cmd.OutOrStdout()
			return asMisuse(bench.Clients(cmd.Context(), o))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Broker, "broker", "", "`ADDRESS` of the broker: unix:///path or tcp://host:port")
	f.IntVar(&o.Members, "members", 1, "`N` of them")
	f.IntVar(&o.First, "first", 0, "`N`, the number of the first")
	return cmd
}

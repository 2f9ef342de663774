package main

import (
	"github.com/spf13/cobra"

	"ddcos/bench"
)

func datacenterCommand() *cobra.Command {
	o := bench.DefaultDatacenterOptions()
	cmd := measurement(&cobra.Command{
		Use:   "fleet",
		Short: "Measure dps over very many hosts",
		Long: `fleet starts a broker and very many simulated agents, which speak the real
protocol and hold this host's processes under other names, and runs dps, the
whole command, for the processes that use most CPU. Its rows must be those that
sorting all rows of all hosts gives. In the end some hosts are stopped, and dps
must name each of them at its deadline.`,
		Example: `  bench fleet
  bench fleet --agents 5000 --json`,
	}, &o.Setting, func(cmd *cobra.Command) error { return bench.Datacenter(cmd.Context(), o) })
	f := cmd.Flags()
	f.IntVar(&o.Agents, "agents", o.Agents, "`N` hosts")
	f.IntVar(&o.Processes, "processes", o.Processes, "`N` processes of each host")
	f.IntVar(&o.Asked, "asked", o.Asked, "`N` times that dps is run")
	f.IntVar(&o.Limit, "limit", o.Limit, "`N` rows that it asks for")
	f.IntVar(&o.OneIn, "one-in", o.OneIn, "`N` hosts, of which one is stopped in the end")
	f.DurationVar(&o.Deadline, "deadline", o.Deadline, "`DURATION` that dps may take")
	return cmd
}

// agentsCommand is the program of simulated agents.
func agentsCommand() *cobra.Command {
	var o bench.AgentsOptions
	cmd := &cobra.Command{
		Use: "agents", Short: "Be the agents of a measurement", Hidden: true, Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Out = cmd.OutOrStdout()
			return asMisuse(bench.Agents(cmd.Context(), o))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Broker, "broker", "", "`ADDRESS` of the broker: unix:///path or tcp://host:port")
	f.StringVar(&o.Rows, "rows", "", "`FILE` with an agent's answer")
	f.IntVar(&o.First, "first", 0, "`N`, the number of the first")
	f.IntVar(&o.Agents, "agents", 1, "`N` of them")
	f.IntVar(&o.Processes, "processes", 400, "`N` processes of each")
	return cmd
}

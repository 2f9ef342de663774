package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ddcos/bench"
)

func k2iCommand() *cobra.Command {
	o := bench.DefaultK2iOptions()
	cmd := &cobra.Command{
		Use:   "k2i",
		Short: "Measure what the agent k2i costs and misses, beside other collectors",
		Long: `k2i makes thousands of processes that sleep, and others that begin and end, and
measures the agent among them: whole passes over all processes, scrapes, the CPU
time and memory of an agent that samples once a second, how soon a program is
seen, and whether anything that ran is missing. Peers read the same processes in
the same run. All of it takes some three minutes, --quick less than one.

The processes end with the command, however that ends. As root they are in a PID
namespace of their own, and BPF programs that run in other processes are counted
in, for which kernel.bpf_stats_enabled is set meanwhile.

The ratio is ours / the peer's: below 1, k2i takes less. 'make peers' builds the
libraries' programs; exporters come from Debian.`,
		Example: `  bench k2i --processes 5000 --json
  bench k2i --step pass,scrape --quick
  bench k2i --step execs --exec-rate 2000 --seconds 60`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Out, o.Progress = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return asMisuse(bench.K2i(cmd.Context(), o))
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.Steps, "step", nil, fmt.Sprintf("`STEP`s to take, of %s; all without it", strings.Join(bench.K2iSteps(), ", ")))
	f.BoolVar(&o.Quick, "quick", false, "fewer processes, rounds and seconds")
	f.IntVar(&o.Processes, "processes", o.Processes, "`N` processes in a pass, in a scrape, and while execs are looked for")
	f.IntVar(&o.Many, "many", o.Many, "`N` processes of the step of that name")
	f.IntVar(&o.Rounds, "rounds", o.Rounds, "`N` rounds of passes and scrapes: the systems take turns")
	f.IntVar(&o.Execs, "execs", o.Execs, "`N` programs that are looked for in the step fresh")
	f.DurationVar(&o.Steady, "steady", o.Steady, "`DURATION` for which a steady agent is watched")
	f.IntVar(&o.ExecRate, "exec-rate", o.ExecRate, "`N` processes that begin and end a second in the step execs")
	f.IntVar(&o.Seconds, "seconds", o.Seconds, "`N` seconds that the step execs takes")
	f.IntVar(&o.Runs, "runs", o.Runs, "`N` runs of the whole measurement, of which the medians are taken")
	f.BoolVar(&o.JSON, "json", false, "one object a line instead of a table")
	f.StringSliceVar(&o.Peers, "peer", o.Peers, fmt.Sprintf("`PEER`s to compare with, of %s; an empty one for none", strings.Join(bench.CollectorNames(), ", ")))
	for name, values := range map[string][]string{"step": bench.K2iSteps(), "peer": bench.CollectorNames()} { // not those of the other measurements
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // both are there
	}
	return cmd
}

// lookCommand is the program of the agent's passes.
func lookCommand() *cobra.Command {
	var o bench.LookOptions
	cmd := &cobra.Command{
		Use: "look", Short: "Be the agent whose passes are measured", Hidden: true, Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.In, o.Out = cmd.InOrStdin(), cmd.OutOrStdout()
			return asMisuse(bench.Look(cmd.Context(), o))
		},
	}
	cmd.Flags().StringVar(&o.Mode, "mode", "bpf", "`ROAD`: bpf or procfs")
	return cmd
}

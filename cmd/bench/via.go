package main

import (
	"github.com/spf13/cobra"

	"ddcos/bench"
)

func viaCommand() *cobra.Command {
	o := bench.DefaultViaOptions()
	cmd := repeated(&cobra.Command{
		Use:   "via",
		Short: "Measure dps over hosts behind ssh, beside a loop of ssh and ps",
		Long: `via starts servers of ssh on this machine, each with a process table, a name and
processes of its own, and runs two commands in turn: dps --via ssh aux --sort=-rss
over all of them, and a shell's loop of ssh HOST ps aux, which asks all at the same
time as well. It prints the medians of the time until they had ended, and as via-cpu
the CPU time of both ends in all turns. Before that dps must have printed one table
of all hosts, sorted.

It takes root, and Debian's openssh-server and openssh-client. The servers and their
processes end with the command, however that ends.

The ratio is dps / the loop: below 1, dps is quicker.`,
		Example: `  bench via
  bench via --processes 0
  bench via --hosts 2 --asked 50 --json`,
	}, &o.Setting, func(cmd *cobra.Command) error { return bench.Via(cmd.Context(), o) })
	f := cmd.Flags()
	f.IntVar(&o.Hosts, "hosts", o.Hosts, "`N` hosts")
	f.IntVar(&o.Processes, "processes", o.Processes, "`N` processes of each host, beside what serves it")
	f.IntVar(&o.Asked, "asked", o.Asked, "`N` times that each command is run")
	return cmd
}

package main

import (
	"github.com/spf13/cobra"

	"ddcos/bench"
)

func localCommand() *cobra.Command {
	o := bench.DefaultLocalOptions()
	cmd := measurement(&cobra.Command{
		Use:   "local",
		Short: "Measure dps of this host alone beside ps",
		Long: `local runs dps -ef and ps -ef in turn, as whole commands: among the processes that
run anyway, and among thousands that it makes. It takes some ten seconds.`,
		Example: `  bench local
  bench local --processes 1000 --json`,
	}, &o.Setting, func(cmd *cobra.Command) error { return bench.Local(cmd.Context(), o) })
	f := cmd.Flags()
	f.IntVar(&o.Processes, "processes", o.Processes, "`N` processes that are made for the second half")
	f.IntVar(&o.Rounds, "rounds", o.Rounds, "`N` times that each command is run")
	return cmd
}

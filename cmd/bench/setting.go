package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ddcos/bench"
)

// measurement makes a command of what bench measures: the flags of its setting are the same everywhere.
func measurement(cmd *cobra.Command, o *bench.Setting, run func(*cobra.Command) error) *cobra.Command {
	f := repeated(cmd, o, run).Flags()
	f.StringVar(&o.Transport, "transport", o.Transport, "`TRANSPORT`: unix or tcp")
	if o.Peers == nil { // it is compared with itself
		return cmd
	}
	f.StringSliceVar(&o.Peers, "peer", o.Peers, fmt.Sprintf("`PEER`s to compare with, of %s; an empty one for none", strings.Join(bench.PeerNames(), ", ")))
	return cmd
}

// repeated is measurement of what needs no broker.
func repeated(cmd *cobra.Command, o *bench.Setting, run func(*cobra.Command) error) *cobra.Command {
	cmd.Args = exactly(0)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o.Out, o.Progress = cmd.OutOrStdout(), cmd.ErrOrStderr()
		return asMisuse(run(cmd))
	}
	f := cmd.Flags()
	f.IntVar(&o.Runs, "runs", o.Runs, "`N` runs of the whole measurement, of which the medians are taken")
	f.BoolVar(&o.JSON, "json", false, "one object a line instead of a table")
	return cmd
}

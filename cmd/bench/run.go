package main

import (
	"errors"

	"github.com/spf13/cobra"

	"ddcos/bench"
)

func runCommand() *cobra.Command {
	o := bench.DefaultRunOptions()
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Show a small datacenter: one process table, and one call's account",
		Long: `run makes hosts on this machine, each with namespaces and processes of its own,
and shows one process table over them and one call's account with a member
killed on the way. Then it takes everything down, also when it is interrupted
or killed. Without root it shows one host, the machine itself.`,
		Example: `  bench run
  bench run --hosts 5
  bench run --keep          # and look around yourself
  bench run --json | jq .account.counts`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Out, o.Progress = cmd.OutOrStdout(), cmd.ErrOrStderr()
			err := bench.Run(cmd.Context(), o)
			if errors.Is(err, bench.ErrHosts) {
				return misuse{err}
			}
			return err
		},
	}
	cmd.Flags().IntVar(&o.Hosts, "hosts", o.Hosts, "`N` hosts")
	cmd.Flags().BoolVar(&o.Keep, "keep", false, "stay up until interrupted, and tell how to look around")
	cmd.Flags().BoolVar(&o.Plain, "plain", false, "make no namespaces: one host, as without root")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print one object: hosts, rows of the process table by host, and the account; the rest goes to standard error")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", o.Timeout, "`DURATION` after which it gives up")
	return cmd
}

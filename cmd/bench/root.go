package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"ddcos"
	"ddcos/bench"
	"ddcos/cli"
)

// commands lists every subcommand.
func commands() []*cobra.Command {
	return []*cobra.Command{
		runCommand(), callCommand(), oneCommand(), idleCommand(), stormCommand(), fullCommand(), stuckCommand(), orderCommand(), k2iCommand(), reportCommand(),
		membersCommand(), agentsCommand(), datacenterCommand(), localCommand(), viaCommand(), clientsCommand(), lookCommand(), workerCommand(),
	}
}

// misuse marks an error as wrong use of the command.
type misuse struct{ error }

func (m misuse) Unwrap() error { return m.error }

func statusOf(err error) int {
	if _, ok := errors.AsType[misuse](err); ok {
		return exitMisuse
	}
	return exitFailure
}

// oneLine joins the lines of an error: joined errors stand on one each.
func oneLine(err error) string {
	return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
}

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "bench",
		Short: "Show ddcos at work, and measure it",
		Long: `bench shows ddcos at work on a small datacenter that it makes on this machine,
and measures it beside other systems.

Exit status: 0 all was as expected, 1 it was not or something failed, 2 wrong use.`,
		Example: `  bench run
  bench run --hosts 5 --keep`,
		Version:       ddcos.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(commands()...)
	cli.Finish(root, cli.Habits{
		Misuse: func(err error) error { return misuse{err} },
		Values: map[string][]string{"transport": {"unix", "tcp"}, "peer": bench.PeerNames(), "step": bench.StepNames()},
	})
	return root
}

// exactly wants so many arguments, and says which.
func exactly(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return misuse{fmt.Errorf("usage: %s", cmd.UseLine())}
		}
		return nil
	}
}

// Package cli is what the command lines of all programs have alike: help,
// manual pages, completion, and flags that are given more than once.
package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

// Habits are what the commands of one program have of their own.
type Habits struct {
	Misuse func(error) error   // marks an error as wrong use
	Own    map[string]string   // by flag: what the manual says instead of a default that is this host's own
	Values map[string][]string // by flag: what it takes, for completion
}

// Finish adds to a whole tree of commands those that every program has: help,
// completion, and man, which is hidden. It wants every flag to be there.
func Finish(root *cobra.Command, h Habits) {
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(helpCommand(root, h.Misuse))
	root.InitDefaultHelpCmd()
	root.AddCommand(completionCommand(root, h.Misuse), manCommand(root, h))
	each(root, h.offer)
}

// each visits a command and all below it.
func each(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		each(sub, visit)
	}
}

// helpCommand is cobra's, for which wrong use is an error: that one succeeds.
func helpCommand(root *cobra.Command, misuse func(error) error) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			about, _, err := root.Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []cobra.Completion
			for _, sub := range about.Commands() {
				if sub.IsAvailableCommand() {
					names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			about, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return misuse(fmt.Errorf("no help on %q: see '%s --help'", args, root.Name()))
			}
			about.InitDefaultHelpFlag()
			about.InitDefaultVersionFlag()
			return about.Help()
		},
	}
}

// none refuses arguments.
func none(misuse func(error) error) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return misuse(fmt.Errorf("usage: %s", cmd.UseLine()))
		}
		return nil
	}
}

// shells are those that completion is written for.
var shells = []string{"bash", "zsh", "fish"}

func isShell(name string) bool { return slices.Contains(shells, name) }

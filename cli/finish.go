// Package cli is what the command lines of all programs have alike: help,
// manual pages, completion, and flags that are given more than once.
package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ddcos/near"
)

// Habits are what the commands of one program have of their own.
type Habits struct {
	Misuse func(error) error   // marks an error as wrong use
	Own    map[string]string   // by flag: what the manual says instead of a default that is this host's own
	Values map[string][]string // by flag: what it takes, for completion
}

// Finish adds to a whole tree of commands those that every program has: help,
// completion, and man, which is hidden; and says of flags and commands that there are
// not which may be meant. It wants every flag to be there.
func Finish(root *cobra.Command, h Habits) {
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(helpCommand(root, h.Misuse))
	root.InitDefaultHelpCmd()
	root.AddCommand(completionCommand(root, h.Misuse), manCommand(root, h))
	root.SetFlagErrorFunc(h.wrongFlag)
	each(root, h.offer)
	each(root, h.refuse)
}

// wrongFlag is what stands at no flag, or at none that there is.
func (h Habits) wrongFlag(cmd *cobra.Command, err error) error {
	hint := ""
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() == "" {
		var all []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { all = append(all, f.Name) })
		hint = near.Hint("--", unknown.GetSpecifiedName(), all)
	}
	return h.Misuse(fmt.Errorf("%w%s", err, cmp.Or(hint, seeHelp(cmd))))
}

// refuse has a command with others below it take none of another name.
func (h Habits) refuse(cmd *cobra.Command) {
	if cmd.Args != nil || !cmd.HasSubCommands() {
		return
	}
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var all []string
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				all = append(all, sub.Name())
			}
		}
		return h.Misuse(fmt.Errorf("unknown command %q%s", args[0], cmp.Or(near.Hint("", args[0], all), seeHelp(cmd))))
	}
}

// seeHelp is what an error says that has no better hint.
func seeHelp(cmd *cobra.Command) string { return fmt.Sprintf(": see '%s --help'", cmd.CommandPath()) }

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

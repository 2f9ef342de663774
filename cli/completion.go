package cli

import (
	_ "embed"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const completionHelp = `Write what a shell completes the command lines of %[1]s by, on standard output.
'make install' and the packages put it where shells look for it; else, for one shell:

  bash    source <(%[1]s completion bash)
  zsh     source <(%[1]s completion zsh)     # after compinit
  fish    %[1]s completion fish | source`

func completionCommand(root *cobra.Command, misuse func(error) error) *cobra.Command {
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "Write the completion of bash, zsh or fish",
		Long:      fmt.Sprintf(completionHelp, root.Name()),
		Example:   "  " + root.Name() + " completion bash",
		ValidArgs: shells,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return misuse(fmt.Errorf("usage: %s", cmd.UseLine()))
			case len(args) == 1 && !isShell(args[0]):
				return misuse(fmt.Errorf("no completion for %q: want %s", args[0], strings.Join(shells, ", ")))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return Completion(root, cmd.OutOrStdout(), args[0])
		},
	}
}

// Completion writes the completion of a shell: bash, zsh or fish.
func Completion(root *cobra.Command, w io.Writer, shell string) error {
	switch shell {
	case "bash":
		_, err := io.WriteString(w, strings.ReplaceAll(bash, "NAME", root.Name()))
		return err
	case "zsh":
		return root.GenZshCompletion(w)
	case "fish":
		var text strings.Builder
		if err := root.GenFishCompletion(&text, true); err != nil {
			return err
		}
		// Where a list may go on, cobra has fish write no blank by a second word that is
		// longer: a comma goes on, a dot does not. What is split may begin with a dash.
		_, err := strings.NewReplacer("$split[1] $split[1].", "$split[1] $split[1],", `string split --max 1 \t`, `string split --max 1 -- \t`).WriteString(w, text.String())
		return err
	}
	return fmt.Errorf("no completion for %q", shell)
}

// bash asks the program itself, as cobra's script does. That one wants the package
// bash-completion, takes a comma for something to be escaped, and evaluates what
// stands on the line.
//
//go:embed completion.bash
var bash string

// offer has a command offer the values of its flags, and files only where it takes
// some: cobra offers them everywhere.
func (h Habits) offer(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 && !takesFile(cmd.Use) {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, registered := cmd.GetFlagCompletionFunc(f.Name); registered || f.NoOptDefVal != "" {
			return
		}
		name, _ := pflag.UnquoteUsage(f)
		var err error
		switch values := h.Values[f.Name]; {
		case values != nil:
			err = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		case name == "DIRECTORY":
			err = cmd.MarkFlagDirname(f.Name)
		case !takesFile(name):
			err = cmd.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions)
		}
		if err != nil {
			panic(err) // a flag that is there is not: a mistake that any start shows
		}
	})
}

// takesFile tells whether words of a usage stand for a file.
func takesFile(usage string) bool {
	return strings.Contains(usage, "FILE") || strings.Contains(usage, "PATH")
}

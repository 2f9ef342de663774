package cli

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ddcos/manual"
)

func manCommand(root *cobra.Command, h Habits) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "man", Short: "Write the manual pages", Hidden: true, Args: none(h.Misuse),
		RunE: func(*cobra.Command, []string) error { return writePages(root, dir, h.Own) },
	}
	cmd.Flags().StringVar(&dir, "dir", ".", "`DIRECTORY` to write them to")
	return cmd
}

// writePages writes a page for each command into a directory.
func writePages(root *cobra.Command, dir string, own map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	var err error
	each(root, func(cmd *cobra.Command) {
		if err == nil && shown(cmd) {
			err = os.WriteFile(filepath.Join(dir, pageName(cmd)+".1"), []byte(page(cmd, own)), 0o644)
		}
	})
	if err != nil {
		return fmt.Errorf("writing the manual: %w", err)
	}
	return nil
}

// shown are commands that have a page: those that users call, and not help, which is one.
func shown(cmd *cobra.Command) bool {
	return !cmd.HasParent() || cmd.IsAvailableCommand() && cmd.Name() != "help" && shown(cmd.Parent())
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

func page(cmd *cobra.Command, own map[string]string) string {
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	p := manual.New(cmd.CommandPath(), lowered(cmd.Short))
	p.Section("SYNOPSIS")
	usage := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		usage = cmd.CommandPath() + " COMMAND [flags]"
	}
	p.Text(usage)
	p.Section("DESCRIPTION")
	p.Text(cmp.Or(cmd.Long, cmd.Short+"."))
	var below []string
	for _, sub := range cmd.Commands() {
		if shown(sub) {
			below = append(below, pageName(sub))
		}
	}
	if len(below) > 0 {
		p.Section("COMMANDS")
	}
	for _, sub := range cmd.Commands() {
		if shown(sub) {
			p.Item(sub.CommandPath(), sub.Short)
		}
	}
	p.Section("OPTIONS")
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			p.Item(flagItem(f, own))
		}
	})
	if cmd.HasExample() {
		p.Section("EXAMPLES")
		p.Text(cmd.Example)
	}
	if cmd.HasParent() {
		below = slices.Insert(below, 0, pageName(cmd.Parent()))
	}
	if len(below) > 0 {
		p.See(below)
	}
	return p.String()
}

// lowered is a phrase as it stands behind the name of a page.
func lowered(phrase string) string { return strings.ToLower(phrase[:1]) + phrase[1:] }

// zeros are defaults that say nothing.
var zeros = []string{"", "0", "0s", "false", "[]"}

// flagItem is what the manual says of a flag. A default that the environment gave
// is none.
func flagItem(f *pflag.Flag, own map[string]string) (term, meaning string) {
	arg, meaning := pflag.UnquoteUsage(f)
	term = strings.TrimSuffix("--"+f.Name+" "+arg, " ")
	if f.Shorthand != "" {
		term = "-" + f.Shorthand + ", " + term
	}
	value := f.DefValue
	if said, ok := own[f.Name]; ok {
		value = said
	}
	if _, after, ok := strings.Cut(meaning, "(environment: "); ok {
		if name, _, _ := strings.Cut(after, ")"); os.Getenv(name) != "" {
			value = ""
		}
	}
	if !slices.Contains(zeros, value) {
		meaning += " (default " + strings.Trim(value, "[]") + ")"
	}
	return term, meaning
}

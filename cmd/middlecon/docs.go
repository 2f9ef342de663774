package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// strict makes wrong use of the commands that cobra adds, help and completion,
// an error like any other: by themselves they print help and succeed.
func strict(root *cobra.Command) {
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return misuse{fmt.Errorf("no help on %q: see 'middlecon --help'", args)}
			}
			about.InitDefaultHelpFlag()
			about.InitDefaultVersionFlag()
			return about.Help()
		},
	})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	all := root.Commands()
	completion := all[slices.IndexFunc(all, func(c *cobra.Command) bool { return c.Name() == "completion" })]
	completion.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return misuse{fmt.Errorf("no completion for %q: want bash, zsh, fish or powershell", args[0])}
		}
		return nil
	}
	completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, shell := range completion.Commands() {
		shell.Args = exactly(0)
	}
}

func manCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "man", Short: "Write the man pages", Hidden: true, Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("--dir: %w", err)
			}
			for _, sub := range cmd.Root().Commands() {
				if host := sub.Flags().Lookup("host"); host != nil {
					host.DefValue = "its own" // not that of the host where the page is made
				}
			}
			return doc.GenManTree(cmd.Root(), &doc.GenManHeader{Title: "MIDDLECON", Section: "1", Source: "ddcos"}, dir)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", ".", "`DIRECTORY` to write them to")
	return cmd
}

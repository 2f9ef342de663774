package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ddcos"
	"ddcos/cli"
	"ddcos/dps"
	"ddcos/k2i/fleet"
	"ddcos/k2i/procfs"
)

// newRoot is one command without flags of its own and without subcommands: dps
// reads the arguments as ps does. Two forms, neither of which ps would accept,
// stand apart: `dps man --dir DIR` and `dps completion SHELL`.
func newRoot(status *int) *cobra.Command {
	root := &cobra.Command{
		Use:                "dps",
		Short:              "Show the processes of many hosts as ps shows those of one",
		DisableFlagParsing: true,
		SilenceErrors:      true,
		SilenceUsage:       true,
		Args:               cobra.ArbitraryArgs,
		CompletionOptions:  cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 3 && args[0] == "man" && args[1] == "--dir":
				return writeMan(args[2])
			case len(args) == 2 && args[0] == "completion" && slices.Contains(shells, args[1]):
				return cli.Completion(cmd, cmd.OutOrStdout(), args[1])
			case len(args) > 0 && len(args) < 3 && args[0] == "completion": // a format that ps has not, either
				return &dps.UsageError{Text: "completion: want one of " + strings.Join(shells, ", "), Own: true}
			}
			env := dps.DefaultEnv(os.Getenv)
			columns, rows, terminal := screen(cmd.OutOrStdout(), env)
			if say := trouble(columns, rows); say != "" {
				fmt.Fprintln(cmd.ErrOrStderr(), say)
			}
			command, err := dps.Parse(args, env)
			if err != nil {
				return err
			}
			listing := dps.Listing{
				Command: command, Caller: int32(os.Getpid()), Screen: columns, Rows: rows, Color: colored(command, terminal),
				ASCII: !isUTF8(os.Getenv), Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr(), Terminal: terminal, Progress: isTerminal(cmd.ErrOrStderr()),
			}
			*status, err = show(cmd.Context(), listing, env)
			return err
		},
		ValidArgsFunction: complete,
	}
	root.Flags().BoolP("help", "h", false, "") // or cobra's would be offered beside ours
	root.Flags().Lookup("help").Hidden = true
	return root
}

// shells are those that completion is written for.
var shells = []string{"bash", "zsh", "fish"}

// colored tells whether there is colour: where nothing is told, on a terminal,
// unless the listing is to be just that of ps.
func colored(c *dps.Command, terminal bool) bool {
	return c.Color == "always" || c.Color == "auto" && terminal && !c.NoHost && os.Getenv("NO_COLOR") == ""
}

// show does what the command line asks for and gives the exit status.
func show(ctx context.Context, listing dps.Listing, env dps.Env) (int, error) {
	command, out := listing.Command, listing.Stdout
	switch command.Show {
	case dps.ShowVersion:
		_, err := fmt.Fprintln(out, ddcos.Version())
		return dps.ExitOK, err
	case dps.ShowHelp:
		return dps.ExitOK, dps.WriteHelp(out, command.Section)
	case dps.ShowColumns:
		return dps.ExitOK, dps.WriteColumns(out)
	case dps.ShowInfo:
		return dps.ExitOK, dps.WriteInfo(out, env, ddcos.Version(), listing.Screen, listing.Rows)
	case dps.ShowSchema:
		return dps.ExitOK, dps.WriteSchema(out)
	case dps.ShowProcesses:
	}
	source, err := source(command)
	if err != nil {
		return dps.ExitFailed, err
	}
	defer source.Close()
	listing.Source = source.Source
	if !command.Remote() {
		proc, err := procfs.New(ctx, procfs.DefaultRoot)
		if err != nil {
			return dps.ExitFailed, err
		}
		listing.Facts, listing.Threads, listing.Systemd = proc.Facts, proc.Threads, dps.RunSystemd
	}
	status, err := listing.Run(ctx)
	return status, fleet.Explain(err)
}

// writeMan writes the manual page into a directory.
func writeMan(dir string) error {
	f, err := os.Create(filepath.Join(dir, "dps.1"))
	if err != nil {
		return fmt.Errorf("writing the manual page: %w", err)
	}
	if err := dps.WriteMan(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("writing the manual page: %w", err)
	}
	return f.Close()
}

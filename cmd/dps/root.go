package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"ddcos"
	"ddcos/dps"
	"ddcos/k2i/procfs"
)

// newRoot is one command without flags of its own and without subcommands: dps
// reads the arguments as ps does. Two forms, neither of which ps would accept,
// stand apart: `dps man --dir DIR` and `dps completion SHELL`.
func newRoot(status *int) *cobra.Command {
	return &cobra.Command{
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
			case len(args) == 2 && args[0] == "completion" && slices.Contains(dps.Shells, args[1]):
				return dps.WriteCompletion(cmd.OutOrStdout(), args[1])
			}
			command, err := dps.Parse(args, dps.DefaultEnv(os.Getenv))
			if err != nil {
				return err
			}
			*status, err = show(cmd, command)
			return err
		},
	}
}

// show does what the command line asks for and gives the exit status.
func show(cmd *cobra.Command, command *dps.Command) (int, error) {
	out := cmd.OutOrStdout()
	switch command.Show {
	case dps.ShowVersion:
		_, err := fmt.Fprintln(out, ddcos.Version())
		return dps.ExitOK, err
	case dps.ShowHelp:
		return dps.ExitOK, dps.WriteHelp(out, command.Section)
	case dps.ShowColumns:
		return dps.ExitOK, dps.WriteColumns(out)
	case dps.ShowInfo:
		columns, rows, _ := screen(out)
		return dps.ExitOK, dps.WriteInfo(out, dps.DefaultEnv(os.Getenv), ddcos.Version(), columns, rows)
	case dps.ShowProcesses:
	}
	source, err := source(command)
	if err != nil {
		return dps.ExitFailed, err
	}
	defer source.Close()
	columns, rows, terminal := screen(out)
	listing := dps.Listing{
		Command: command,
		Source:  source,
		Caller:  int32(os.Getpid()),
		Screen:  columns,
		Rows:    rows,
		ASCII:   !isUTF8(os.Getenv),
		Color:   command.Color == "always" || command.Color == "auto" && terminal && os.Getenv("NO_COLOR") == "",
		Stdout:  out,
		Stderr:  cmd.ErrOrStderr(),
	}
	if !command.Remote() {
		proc, err := procfs.New(cmd.Context(), procfs.DefaultRoot)
		if err != nil {
			return dps.ExitFailed, err
		}
		listing.Facts, listing.Threads, listing.Systemd = proc.Facts, proc.Threads, dps.RunSystemd
	}
	status, err := listing.Run(cmd.Context())
	return status, explain(err)
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

package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"ddcos"
	"ddcos/cli"
	"ddcos/protocol"
)

// misuse marks an error as wrong use of the command.
type misuse struct{ error }

// Unwrap keeps the cause in reach of errors.Is.
func (m misuse) Unwrap() error { return m.error }

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "k2i",
		Short: "The agent of one host: its process table over HTTP, as metrics and in a broker's room",
		Long: `k2i samples the kernel's process table, by a BPF task iterator where it may and
by /proc where not, and serves what it saw: to programs over HTTP, to Prometheus,
and to dps and dtop on any host through the room k2i of a broker.

Exit status: 0 stopped by a signal, 1 something failed, 2 wrong use.`,
		Example: `  k2i join 10.0.0.1:7411 --token-file - --ca-hash sha256:...
  k2i serve
  k2i serve --broker unix:///run/ddcos/middlecon.sock
  curl 'http://127.0.0.1:7412/v1/proc?sort=-rss_bytes&limit=5'
  k2i once
  k2i proc 4711`,
		Version:       ddcos.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(serveCommand(), joinCommand(), keepCommand(), leaveCommand(), onceCommand(), procCommand(), containersCommand(), hostCommand())
	cli.Finish(root, cli.Habits{
		Misuse: func(err error) error { return misuse{err} },
		Own:    map[string]string{"name": "the host's own"},
		Values: map[string][]string{
			"mode":   {"auto", "bpf", "procfs"},
			"events": {eventsAuto, "bpf", "connector", "none"},
			"detail": {"all", "pss", "fds", "limits", "wchan", "stack"},
			"role":   protocol.Roles(),
		},
	})
	return root
}

// noArguments refuses words that are no flag.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misuse{fmt.Errorf("%q is one word too many: usage: %s", args[0], cmd.UseLine())}
	}
	return nil
}

// logTo writes a program's events to standard error, as text.
func logTo(w io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

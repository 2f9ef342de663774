package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/spf13/cobra"

	"ddcos/middlecon/broker"
	"ddcos/protocol"
)

func serveCommand() *cobra.Command {
	options := broker.DefaultOptions()
	var listen []string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a broker",
		Long: `Run a broker until it is interrupted.

Processes of this host reach it over a Unix socket and are known by what the
kernel says of them. TCP is neither encrypted nor authenticated: it is refused
beyond loopback unless --insecure-plaintext is given.`,
		Example: `  middlecon serve
  middlecon serve --listen unix:///tmp/m.sock --listen tcp://127.0.0.1:7411`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if options.Sessions < 1 {
				return misuse{fmt.Errorf("--max-sessions %d: want 1 or more", options.Sessions)}
			}
			if options.QueueBytes < protocol.MaxFrame {
				return misuse{fmt.Errorf("--queue-bytes %d: want %d or more, which one frame may take", options.QueueBytes, protocol.MaxFrame)}
			}
			if err := checked("--host", options.Host); err != nil {
				return err
			}
			options.Listen = nil
			for _, l := range listen {
				a, err := protocol.ParseAddress(l)
				if err != nil {
					return misuse{err}
				}
				options.Listen = append(options.Listen, a)
			}
			level := slog.LevelInfo
			if verbose {
				level = slog.LevelDebug
			}
			options.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
			b, err := broker.New(options)
			if errors.Is(err, fs.ErrPermission) {
				return fmt.Errorf("cannot serve: %w; choose another address with --listen, or run it as root", err)
			}
			if err != nil {
				return fmt.Errorf("cannot serve: %w", err)
			}
			return b.Serve(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&listen, "listen", []string{protocol.DefaultAddress}, "`ADDRESS` to listen on: unix:///path or tcp://host:port; may be repeated")
	f.BoolVar(&options.InsecurePlaintext, "insecure-plaintext", false, "allow TCP beyond loopback, where whoever is on the way can read, change and send")
	f.StringVar(&options.Host, "host", options.Host, "`NAME` of this host in views and accounts")
	f.IntVar(&options.Sessions, "max-sessions", options.Sessions, "`N` sessions at most; never more than the file limit allows")
	f.IntVar(&options.QueueBytes, "queue-bytes", options.QueueBytes, "`BYTES` that may wait for one session")
	f.BoolVarP(&verbose, "verbose", "v", false, "log more")
	return cmd
}

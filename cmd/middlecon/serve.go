package main

import (
	"context"
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
	var listens []string
	var metrics string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a broker",
		Long: `Run a broker until it is interrupted.

Processes of this host reach it over a Unix socket and are known by what the
kernel says of them. TCP is neither encrypted nor authenticated: it is refused
beyond loopback unless --insecure-plaintext is given.`,
		Example: `  middlecon serve
  middlecon serve --listen unix:///tmp/m.sock --listen tcp://127.0.0.1:7411
  middlecon serve --metrics tcp://127.0.0.1:7413`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if options.Sessions < 1 {
				return misuse{fmt.Errorf("--max-sessions %d: want 1 or more", options.Sessions)}
			}
			if options.QueueBytes < protocol.MaxFrame {
				return misuse{fmt.Errorf("--queue-bytes %d: want %d or more, which one frame may take", options.QueueBytes, protocol.MaxFrame)}
			}
			if options.QueueBytesAll < options.QueueBytes {
				return misuse{fmt.Errorf("--queue-bytes-all %d: want %d or more, which one session may have", options.QueueBytesAll, options.QueueBytes)}
			}
			if options.PingEvery < 0 {
				return misuse{fmt.Errorf("--ping-every %v: want 0 or more", options.PingEvery)}
			}
			if err := checked("--host", options.Host); err != nil {
				return err
			}
			options.Listen = nil
			for _, l := range listens {
				a, err := protocol.ParseAddress(l)
				if err != nil {
					return misuse{err}
				}
				options.Listen = append(options.Listen, a)
			}
			if metrics != "" {
				if _, err := protocol.ParseAddress(metrics); err != nil {
					return misuse{fmt.Errorf("--metrics: %w", err)}
				}
			}
			level := slog.LevelInfo
			if verbose {
				level = slog.LevelDebug
			}
			options.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
			return runBroker(cmd.Context(), options, metrics)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&listens, "listen", []string{protocol.DefaultAddress}, "`ADDRESS` to listen on: unix:///path or tcp://host:port; may be repeated")
	f.BoolVar(&options.InsecurePlaintext, "insecure-plaintext", false, "allow TCP beyond loopback, where whoever is on the way can read, change and send")
	f.StringVar(&options.Host, "host", options.Host, "`NAME` of this host in views and accounts")
	f.IntVar(&options.Sessions, "max-sessions", options.Sessions, "`N` sessions at most; never more than the file limit allows")
	f.IntVar(&options.QueueBytes, "queue-bytes", options.QueueBytes, "`BYTES` that may wait for one session")
	f.IntVar(&options.QueueBytesAll, "queue-bytes-all", options.QueueBytesAll, "`BYTES` that may wait for all sessions that read too slowly")
	f.DurationVar(&options.PingEvery, "ping-every", options.PingEvery, "`DURATION` of silence after which a TCP session is pinged, and after twice which it is ended; 0: never")
	f.StringVar(&metrics, "metrics", "", "`ADDRESS` to serve /metrics on by HTTP, for Prometheus: tcp://host:port or unix:///path")
	f.BoolVarP(&verbose, "verbose", "v", false, "log more")
	return cmd
}

// runBroker runs a broker, and where an address is given its metrics beside it.
func runBroker(ctx context.Context, options broker.Options, metrics string) error {
	beside := func(*broker.Broker) func() { return func() {} }
	if metrics != "" {
		l, err := openMetrics(metrics, options.InsecurePlaintext)
		if err != nil {
			return fmt.Errorf("cannot serve: --metrics: %w", err)
		}
		defer func() { _ = l.Close() }()
		beside = func(b *broker.Broker) func() { return serveMetrics(l, b.Metrics(), options.Log) }
	}
	b, err := broker.New(options)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("cannot serve: %w; choose another address with --listen, or run it as root", err)
	}
	if err != nil {
		return fmt.Errorf("cannot serve: %w", err)
	}
	defer beside(b)()
	return b.Serve(ctx)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"

	"github.com/spf13/cobra"

	"ddcos/middlecon/broker"
	"ddcos/service"
)

func serveCommand() *cobra.Command {
	f := serveFlags{options: broker.DefaultOptions()}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a broker",
		Long: `Run a broker until it is interrupted.

Processes of this host reach it over a Unix socket and are known by what the
kernel says of them. Those of other hosts reach it by TLS, and are known by their
certificate's spiffe:// URI; what ends or is revoked meanwhile ends the session, and
files that change are used from the next session on. Plain TCP is neither encrypted
nor authenticated: it is refused beyond loopback unless --insecure-plaintext is given.`,
		Example: `  middlecon serve
  middlecon serve --listen unix:///tmp/m.sock --listen tcp://127.0.0.1:7411
  middlecon serve --listen tls://0.0.0.0:7411 --tls-cert b.crt --tls-key b.key --tls-client-ca ca.crt
  middlecon serve --metrics tcp://127.0.0.1:7413
  middlecon serve --account-log /var/log/middlecon.jsonl --account-log-room 'deploy*'`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd, func(*broker.Broker) error { return nil })
		},
	}
	f.add(cmd.Flags())
	return cmd
}

// run runs a broker; ready is called when it listens, before it answers.
func (s *serveFlags) run(cmd *cobra.Command, ready func(*broker.Broker) error) error {
	if err := s.check(); err != nil {
		return err
	}
	s.options.Log = s.log(cmd)
	keepMemory(s.options.Log)
	if s.accountLog != "" {
		l, closeLog, err := openAccountLog(s.accountLog, s.accountRooms, s.options.Log)
		if err != nil {
			return err
		}
		defer closeLog()
		s.options.AccountLog = l
	}
	if err := s.usePolicy(); err != nil {
		return err
	}
	if err := s.useTokens(s.options.Log); err != nil {
		return err
	}
	stop := func() {}
	defer func() { stop() }()
	return runBroker(cmd.Context(), s.options, s.beside, func(b *broker.Broker) error {
		stop = followPolicy(b, s.policy, s.options.Log)
		return ready(b)
	})
}

// log writes to standard error.
func (s *serveFlags) log(cmd *cobra.Command) *slog.Logger {
	level := slog.LevelInfo
	if s.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
}

// runBroker runs a broker, and beside it what is served over HTTP.
func runBroker(ctx context.Context, options broker.Options, http beside, ready func(*broker.Broker) error) error {
	listeners, err := http.open(options.InsecurePlaintext)
	if err != nil {
		return fmt.Errorf("cannot serve: %w", err)
	}
	defer closeAll(listeners)
	b, err := broker.New(options)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("cannot serve: %w; choose another address with --listen, or run it as root", err)
	}
	if err != nil {
		return fmt.Errorf("cannot serve: %w", err)
	}
	defer serveBeside(listeners, b.Metrics(), options.Host, options.Log)()
	ctx, cancel := context.WithCancel(ctx)
	var telling sync.WaitGroup
	defer telling.Wait()
	defer cancel() // also where Serve fails
	telling.Go(func() {
		service.Tell(ctx, func(ctx context.Context) error { _, err := b.Stats(ctx); return err }, options.Log)
	})
	if err = ready(b); err != nil {
		cancel() // Serve closes what New has opened
	}
	return errors.Join(err, b.Serve(ctx))
}

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path"
	"syscall"

	"ddcos/middlecon/broker"
)

// openAccountLog opens the account log, and anew at each SIGHUP, until it is closed.
func openAccountLog(file string, rooms []string, log *slog.Logger) (l *broker.AccountLog, closeLog func(), err error) {
	l, err = broker.OpenAccountLog(file, rooms, log)
	if errors.Is(err, path.ErrBadPattern) {
		return nil, nil, misuse{fmt.Errorf("--account-log-room: %w", err)}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot serve: --account-log: %w", err)
	}
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	go func() {
		for range hangUps {
			l.Reopen() // first: who reads of it may rely on it
			log.Info("the account log is opened anew", "path", file)
		}
	}()
	return l, func() {
		l.Close()
		signal.Stop(hangUps)
		close(hangUps)
	}, nil
}

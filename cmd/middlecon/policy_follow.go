package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"ddcos/middlecon/broker"
	"ddcos/middlecon/policy"
)

// usePolicy reads the policy that a broker begins with.
func (s *serveFlags) usePolicy() error {
	if s.policy == "" {
		return nil
	}
	p, err := policy.Load(s.policy)
	if err != nil {
		return fmt.Errorf("cannot serve: --policy: %w", err)
	}
	s.options.Policy = p
	return nil
}

// followPolicy reads the policy anew at each SIGHUP, until it is stopped. One that is
// wrong is told, and the one of before holds.
func followPolicy(b *broker.Broker, file string, log *slog.Logger) (stop func()) {
	if file == "" {
		return func() {}
	}
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	go func() {
		for range hangUps {
			p, err := policy.Load(file)
			if err != nil {
				log.Error("the policy is wrong; the one of before holds", "path", file, "error", err)
				continue
			}
			roles, allow, deny := p.Counts()
			log.Info("the policy is read anew", "path", file, "roles", roles, "allow", allow, "deny", deny)
			b.Follow(p)
		}
	}()
	return func() {
		signal.Stop(hangUps)
		close(hangUps)
	}
}

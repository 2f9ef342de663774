package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"ddcos/k2i/veil"
	"ddcos/middlecon/policy"
)

// openVeil reads the policy, and anew at each SIGHUP until ctx ends. One that is wrong
// then is told, and the one of before holds.
func (f *serveFlags) openVeil(ctx context.Context, log *slog.Logger) (*veil.Veil, error) {
	if f.policy == "" {
		return veil.New(nil), nil
	}
	p, err := policy.Load(f.policy)
	if err != nil {
		return nil, fmt.Errorf("--policy: %w", err)
	}
	v := veil.New(p)
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	go func() {
		defer signal.Stop(hangUps)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangUps:
			}
			p, err := policy.Load(f.policy)
			if err != nil {
				log.Error("the policy is wrong; the one of before holds", "path", f.policy, "error", err)
				continue
			}
			v.Follow(p)
			log.Info("the policy is read anew", "path", f.policy)
		}
	}()
	return v, nil
}

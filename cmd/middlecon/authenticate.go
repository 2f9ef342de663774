package main

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"ddcos/middlecon/tokens"
)

// refreshEvery bounds how often the file of tokens is looked at.
const refreshEvery = time.Second

// useTokens lets sessions over TLS live by the tokens of a file, which is read again when
// it changes: what is revoked there ends sessions within seconds.
func (s *serveFlags) useTokens(log *slog.Logger) error {
	if s.tokens == "" {
		return nil
	}
	store, err := tokens.Open(s.tokens)
	if err != nil {
		return fmt.Errorf("cannot serve: --tokens: %w", readable(err))
	}
	var mu sync.Mutex
	var looked time.Time
	failing := ""
	s.options.Authenticate = func(secret string) (name, role string, ok bool) {
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		if now.Sub(looked) >= refreshEvery {
			looked = now
			_, err := store.Refresh()
			switch {
			case err == nil:
			case err.Error() != failing:
				failing = err.Error()
				log.Error("the tokens cannot be read; those of before hold", "path", s.tokens, "error", err)
			}
		}
		t, err := store.Find(secret, tokens.Session, now)
		return t.Name, t.Role, err == nil
	}
	return nil
}

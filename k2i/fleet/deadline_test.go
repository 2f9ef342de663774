package fleet

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"ddcos/k2i/wire"
	"ddcos/middlecon"
)

// hurried is a session that notes how long its hosts were given.
type hurried struct {
	session
	given time.Duration
}

func (h *hurried) Call(_ context.Context, _ string, _ []byte, options middlecon.CallOptions) (*middlecon.Account, error) {
	h.given = options.Deadline
	return &middlecon.Account{}, nil
}

func (h *hurried) Done() <-chan struct{} { return nil }

// The hosts have what the way to the broker has left of the deadline, but not less
// than a quarter; a session that there is already takes nothing of it.
func TestDeadlineBeginsWithTheWay(t *testing.T) {
	for way, want := range map[time.Duration]time.Duration{0: time.Second, 100 * time.Millisecond: 900 * time.Millisecond, 800 * time.Millisecond: 250 * time.Millisecond, time.Minute: 250 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			h := &hurried{}
			b := &BrokerSource{deadline: time.Second, dial: func(context.Context) (session, error) {
				<-time.After(way)
				return h, nil
			}}
			for _, want := range []time.Duration{want, time.Second} {
				if _, err := b.Ask(t.Context(), wire.Request{}); err != nil || h.given != want {
					t.Errorf("a way of %v: given %v, want %v; %v", way, h.given, want, err)
				}
			}
		})
	}
}

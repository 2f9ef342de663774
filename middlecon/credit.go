package middlecon

import (
	"cmp"
	"context"
	"time"

	"ddcos/protocol"
)

// credits are how many calls and offers a session may have in flight. One comes
// back when its account is whole, also when nobody waits for it any more.
type credits struct {
	free chan struct{} // holds those that are not taken
}

// maxCredits bounds what a broker can make this side hold.
const maxCredits = 1 << 16

func newCredits(n uint32) *credits {
	k := &credits{free: make(chan struct{}, max(1, min(n, maxCredits)))}
	for range cap(k.free) {
		k.free <- struct{}{}
	}
	return k
}

// back returns one.
func (k *credits) back() {
	if k == nil {
		return
	}
	select {
	case k.free <- struct{}{}:
	default: // a broker that answers more than it was asked gives nothing
	}
}

// credit waits for one of the session that there is, for so long at most.
func (c *Conn) credit(ctx context.Context, within time.Duration) (*credits, error) {
	var late <-chan time.Time
	for {
		c.mu.Lock()
		l, err := c.link, cmp.Or(c.err, c.down)
		c.mu.Unlock()
		if err != nil {
			return nil, err
		}
		k := l.credits
		select {
		case <-k.free:
			return k, nil
		default:
		}
		if late == nil {
			late = time.After(within)
		}
		select {
		case <-k.free:
			return k, nil
		case <-late:
			return nil, protocol.Errorf(protocol.CodeTooManyCalls, "the %d calls that this connection may have in flight have been so for %v", cap(k.free), within)
		case <-l.left: // for another session, or for none
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

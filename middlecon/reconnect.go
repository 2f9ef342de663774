package middlecon

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"ddcos/protocol"
)

// How long is waited before another session is tried: twice as long each time,
// and a random half of it less, so that thousands do not come at once.
const (
	backoffFirst = 100 * time.Millisecond
	backoffMost  = 5 * time.Second
)

// backoff counts the tries since a session lasted.
type backoff struct {
	tries int
	since time.Time // when the latest session began
}

func (b *backoff) next() time.Duration {
	wait := min(backoffFirst<<min(b.tries, 10), backoffMost)
	b.tries++
	return wait/2 + rand.N(wait/2)
}

// lost ends a session, and with Reconnect opens the next: it gives what reads
// that, or nil when all is over.
func (c *Conn) lost(why error) *reader {
	if !c.options.Reconnect {
		c.end(why)
		return nil
	}
	if !c.drop(why) {
		return nil
	}
	if c.options.Lost != nil {
		c.options.Lost(why)
	}
	if time.Since(c.backoff.since) > backoffMost {
		c.backoff.tries = 0
	}
	for {
		select {
		case <-c.done:
			return nil
		case <-time.After(c.backoff.next()):
		}
		r, err := c.connect(context.Background())
		if err != nil {
			continue
		}
		c.backoff.since = time.Now()
		c.resume()
		return r
	}
}

// drop lets go of all that was of the session, but not of what is to be in the
// next; false when there will be none.
func (c *Conn) drop(why error) bool {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return false
	}
	down := fmt.Errorf("%w any more, reconnecting: %w", ErrUnreachable, why)
	c.down = down
	close(c.credits.over)
	waiting := c.waiting
	c.waiting, c.members, c.joining = map[uint64]*request{}, map[uint32]*Membership{}, map[uint64]*Membership{}
	var once []*Watch
	for sequence, w := range c.watches {
		if w.once {
			once = append(once, w)
			delete(c.watches, sequence)
		}
	}
	for _, m := range c.standing {
		if m.room != 0 {
			m.room, m.in = 0, make(chan struct{})
		}
	}
	standing, out, nc := slices.Clone(c.standing), c.out, c.net
	c.mu.Unlock()

	out.stop()
	_ = nc.Close()
	c.batch = nil
	for _, r := range waiting {
		r.answer <- answer{err: down}
	}
	for _, m := range standing {
		m.drop()
	}
	for _, w := range once {
		w.fail(down)
	}
	return true
}

// resume joins and watches again what was joined and watched. The answers come
// by the reader; where a join is refused, say because the broker has not noticed
// the loss yet, the session is given up and tried again.
func (c *Conn) resume() {
	type frame struct {
		h    protocol.Header
		meta []byte
	}
	var frames []frame
	c.mu.Lock()
	for _, m := range c.standing {
		c.sequence++
		c.joining[c.sequence] = m
		frames = append(frames, frame{protocol.Header{Kind: protocol.KindJoin, Sequence: c.sequence}, m.body()})
	}
	watches := slices.SortedFunc(maps.Values(c.watches), func(a, b *Watch) int { return cmp.Compare(a.sequence, b.sequence) })
	clear(c.watches)
	for _, w := range watches {
		c.sequence++
		w.again(c.sequence)
		c.watches[c.sequence] = w
		body := protocol.Encode(protocol.Watch{Room: w.room})
		frames = append(frames, frame{protocol.Header{Kind: protocol.KindWatch, Sequence: c.sequence}, body})
	}
	c.mu.Unlock()
	for _, f := range frames {
		_ = c.send(f.h, f.meta, nil) // the reader finds out
	}
}

// drop ends the contexts of a lost session's deliveries: their replies go nowhere.
func (m *Membership) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.open {
		d.cancel()
	}
	clear(m.open)
}

// body is the membership's Join, with the state that it showed last. c.mu is held.
func (m *Membership) body() []byte {
	return protocol.Encode(protocol.Join{Room: m.Room, Name: m.member.Name, Labels: m.member.Labels, State: m.member.State})
}

// again begins a watch anew, with a full view.
func (w *Watch) again(sequence uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sequence, w.part = sequence, nil
}

package middlecon

import (
	"cmp"
	"context"
	"errors"
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

// lost ends a session, and with Reconnect opens the next: it gives that, or nil
// when all is over, or there is another already.
func (c *Conn) lost(l *link, why error) *link {
	if l.polite.Load() || l.isOver() { // this side has ended it
		notice(l.deaf)
		why = ErrClosed
	}
	if c.resumes(l, why) {
		return l
	}
	if !c.options.Reconnect || c.isClosing() || errors.Is(why, protocol.CodeTakenOver) {
		if !errors.Is(why, ErrClosed) {
			why = fmt.Errorf("%w any more: %w", ErrUnreachable, why)
		}
		c.end(why)
		return nil
	}
	if !c.drop(l, why) {
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
		next, err := c.connect(context.Background(), protocol.Address{})
		if err != nil {
			continue
		}
		begin, ok := c.have(next)
		if !ok {
			next.end()
			return nil
		}
		c.backoff.since = time.Now()
		c.begin(next, begin)
		return next
	}
}

func (c *Conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// have makes a new session the connection's, unless that is closed, and tells what it
// begins with.
func (c *Conn) have(l *link) (begin []frame, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, false
	}
	c.link, c.down = l, nil
	return c.again(), true
}

// drop lets go of all that was of the session, but not of what is to be in the
// next; false when there will be none, or is one already.
func (c *Conn) drop(l *link, why error) bool {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return false
	}
	down := fmt.Errorf("%w any more, reconnecting: %w", ErrUnreachable, why)
	current := l == c.link
	if current {
		c.down = down
	}
	c.gone(l)
	var waiting []*request
	for sequence := range c.joining {
		if r := c.waiting[sequence]; r == nil && current || r != nil && r.link == l {
			delete(c.joining, sequence)
		}
	}
	for sequence, r := range c.waiting {
		if r.link == l {
			waiting = append(waiting, r)
			delete(c.waiting, sequence)
		}
	}
	var once []*Watch
	for sequence, w := range c.watches {
		if w.once && w.link == l {
			once = append(once, w)
			delete(c.watches, sequence)
		}
	}
	if current {
		c.apart(l)
	}
	standing := slices.Clone(c.standing)
	c.mu.Unlock()

	l.end()
	for _, r := range waiting {
		r.answer <- answer{err: down}
	}
	for _, m := range standing {
		m.lose(l)
	}
	for _, w := range once {
		w.fail(down)
	}
	return current
}

// frame is one that a session begins with.
type frame struct {
	h    protocol.Header
	meta []byte
}

// again joins and watches again what was joined and watched, in the connection's
// session. The answers come by the reader; where a join is refused, say because the
// broker has not noticed the loss yet, the session is given up and tried again.
// c.mu is held.
func (c *Conn) again() (frames []frame) {
	for _, m := range c.standing {
		c.sequence++
		c.joining[c.sequence] = m
		frames = append(frames, frame{protocol.Header{Kind: protocol.KindJoin, Sequence: c.sequence}, m.body()})
	}
	watches := slices.SortedFunc(maps.Values(c.watches), func(a, b *Watch) int { return cmp.Compare(a.sequence, b.sequence) })
	for _, w := range watches {
		if w.once {
			continue // it is answered in the session that was asked
		}
		delete(c.watches, w.sequence)
		c.sequence++
		w.again(c.sequence)
		w.link = c.link
		c.watches[c.sequence] = w
		body := protocol.Encode(protocol.Watch{Room: w.room})
		frames = append(frames, frame{protocol.Header{Kind: protocol.KindWatch, Sequence: c.sequence}, body})
	}
	return frames
}

// begin says what a session begins with.
func (c *Conn) begin(l *link, frames []frame) {
	for _, f := range frames {
		_ = l.out.frame(f.h, f.meta, nil) // the reader finds out
		if f.h.Kind == protocol.KindWatch && !c.watching(f.h.Sequence) {
			// Its Stop may have spoken before the watch did.
			_ = l.out.frame(protocol.Header{Kind: protocol.KindCancel, Sequence: f.h.Sequence}, nil, nil)
		}
	}
	c.willAgain(l)
}

func (c *Conn) watching(sequence uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.watches[sequence] != nil
}

// rejoin joins again in the session that there is now.
func (c *Conn) rejoin(m *Membership) {
	c.mu.Lock()
	c.sequence++
	c.joining[c.sequence] = m
	h, body, l := protocol.Header{Kind: protocol.KindJoin, Sequence: c.sequence}, m.body(), c.link
	c.mu.Unlock()
	_ = l.out.frame(h, body, nil) // the reader finds out
}

// lose ends the contexts of a lost session's deliveries, or with nil of all: their
// replies go nowhere.
func (m *Membership) lose(l *link) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for n, d := range m.open {
		if l == nil || n.link == l {
			d.cancel()
			m.drop(d)
		}
	}
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

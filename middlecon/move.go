package middlecon

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"ddcos/protocol"
)

// leaveWithin bounds the goodbyes in a session that is left.
const leaveWithin = time.Second

// goAway begins to move to another broker where there is one. So that the sessions
// of a broker do not come to the next all at once, each waits for a random part of
// the time that the broker gives, unless somebody waits for it to move.
func (c *Conn) goAway(l *link, f protocol.Frame) error {
	var body protocol.GoAway
	if err := protocol.DecodeAnswer(f.Meta, &body); err != nil || l.away {
		return err
	}
	l.away = true
	switch {
	case c.options.Reconnect && c.several():
		within := min(time.Duration(body.MoveMS)*time.Millisecond, protocol.MaxDeadline)
		go c.move(l, rand.N(within+1))
	case c.options.Away != nil:
		c.options.Away(body)
	}
	return nil
}

// move opens a session with another broker, makes it the connection's, and lets what
// runs in l finish. Where l is lost before, it is for its reader to find another.
func (c *Conn) move(l *link, wait time.Duration) {
	var again backoff
	for {
		select {
		case <-l.hurry:
		case <-time.After(wait):
		case <-l.over:
			return
		}
		next, err := c.connect(context.Background(), l.at)
		if err == nil {
			c.follow(l, next)
			return
		}
		wait = again.next()
	}
}

// follow makes next the connection's session in the place of l.
func (c *Conn) follow(l, next *link) {
	c.mu.Lock()
	if c.err != nil || c.down != nil || c.link != l {
		c.mu.Unlock()
		next.end()
		return
	}
	c.link = next
	c.leaving = append(c.leaving, l)
	for sequence, m := range c.joining {
		if m.runs { // it comes back as all others do
			delete(c.joining, sequence)
		}
	}
	c.apart(l)
	begin := c.again()
	c.mu.Unlock()
	c.begin(next, begin)
	l.leave()
	go c.read(next)
	if c.options.Moved != nil {
		c.options.Moved(l.at, next.at)
	}
	c.retire(l)
}

// apart notes that the memberships of a session are in none. c.mu is held.
func (c *Conn) apart(l *link) {
	for _, m := range l.members {
		if m.room != 0 {
			m.room, m.in = 0, make(chan struct{})
		}
	}
}

// turnedAway tells a request that was refused because its broker goes away.
func turnedAway(h protocol.Header) bool {
	return h.Kind == protocol.KindError && h.Sequence != 0 && h.Code == protocol.CodeShuttingDown
}

// moves waits for the session after l, and tells whether there is one: so a request
// that l turned away may be made again.
func (c *Conn) moves(ctx context.Context, l *link) bool {
	if !c.options.Reconnect || !c.several() {
		return false
	}
	notice(l.hurry)
	patience := time.NewTimer(c.options.Timeout)
	defer patience.Stop()
	select {
	case <-l.left:
		return true
	case <-ctx.Done():
	case <-patience.C:
	}
	return false
}

// retire lets what runs in a session finish, leaves its rooms, so that nobody is lost
// there, and ends it.
func (c *Conn) retire(l *link) {
	for l.running.Load() > 0 {
		select {
		case <-l.idle:
		case <-l.over:
			return
		}
	}
	var goodbyes []*request
	c.mu.Lock()
	for room := range l.members {
		if c.err != nil {
			break
		}
		r := &request{link: l, answer: make(chan answer, 1)}
		c.sequence++
		c.waiting[c.sequence] = r
		goodbyes = append(goodbyes, r)
		h := protocol.Header{Kind: protocol.KindLeave, Sequence: c.sequence, Room: room}
		go func() { _ = l.out.frame(h, nil, nil) }() // where it fails the session is over
	}
	clear(l.members)
	c.mu.Unlock()
	late := time.After(leaveWithin)
	for _, r := range goodbyes {
		select {
		case <-r.answer:
		case <-l.over:
		case <-late:
		}
	}
	l.bye()
	l.end()
}

// Retire lets what runs in this connection finish, leaves all rooms and closes: for a
// process that goes, or whose broker goes away. What is asked from then on fails. The
// error is ctx's, where it ended first.
func (c *Conn) Retire(ctx context.Context) error {
	c.mu.Lock()
	l := c.link
	c.closing = true
	c.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.retire(l)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	c.end(ErrClosed)
	<-done
	return ctx.Err()
}

// At is where the broker of the connection's session was reached.
func (c *Conn) At() protocol.Address {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link.at
}

// gone forgets a session that was left and is over now.
func (c *Conn) gone(l *link) {
	c.leaving = slices.DeleteFunc(c.leaving, func(other *link) bool { return other == l })
}

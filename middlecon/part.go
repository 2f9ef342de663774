package middlecon

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"ddcos/protocol"
)

// partEvery is how often a part of a reply leaves at most, where it has fewer than
// partBytes: what a handler writes meanwhile goes together.
const (
	partEvery = 2 * time.Millisecond
	partBytes = 32 << 10
)

// parts are what a handler has written of its reply.
type parts struct {
	send func(part []byte) error

	mu    sync.Mutex // guards the fields below
	held  []byte     // written and not sent
	sent  int        // bytes
	at    time.Time  // of the latest part
	later *time.Timer
	err   error // nothing more is sent
}

// Write makes p a part of the reply: of work that is offered the caller may hear it at
// once, as OfferOptions.Partial tells. What the handler returns in the end goes behind
// all parts, and an error takes them back: those that were written just before may not
// even be heard. It is for the handler, as long as it runs;
// its error says that nobody waits for more, or that the reply is too large. What is
// written of a message with NoReply goes nowhere.
func (m *Message) Write(p []byte) (int, error) {
	if m.of == nil {
		return len(p), nil
	}
	if err := m.of.inParts().write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

var _ io.Writer = (*Message)(nil)

func (s *parts) write(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return s.err
	case s.sent+len(s.held)+len(p) > protocol.MaxReply:
		return fmt.Errorf("the reply has more than the %d bytes that are allowed", protocol.MaxReply)
	}
	s.held = append(s.held, p...)
	if wait := partEvery - time.Since(s.at); len(s.held) < partBytes && wait > 0 {
		if s.later == nil {
			s.later = time.AfterFunc(wait, s.flush)
		}
		return nil
	}
	s.pass()
	return s.err
}

// flush sends what has waited long enough.
func (s *parts) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.later = nil
	s.pass()
}

// pass sends all that is held. mu is held.
func (s *parts) pass() {
	for len(s.held) > 0 && s.err == nil {
		n := min(len(s.held), protocol.MaxBody)
		s.err = s.send(s.held[:n])
		s.sent, s.held = s.sent+n, s.held[n:]
	}
	s.held, s.at = nil, time.Now()
}

// end gives what was not sent, and how much was; nothing is from now on.
func (s *parts) end() (held []byte, sent int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.later != nil {
		s.later.Stop()
	}
	if s.err == nil {
		s.err = errReplied
	}
	held, s.held = s.held, nil
	return held, s.sent
}

var errReplied = errors.New("the handler of this message has returned")

// inParts lets a delivery's handler reply in parts. They are sent until its context ends.
func (d *delivery) inParts() *parts {
	p := d.parts.Load()
	if p == nil {
		d.parts.CompareAndSwap(nil, &parts{send: d.part})
		p = d.parts.Load()
	}
	return p
}

func (d *delivery) part(part []byte) error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	d.replied.Store(true)
	h := protocol.Header{Kind: protocol.KindReply, Flags: protocol.FlagMore, Sequence: d.call, Room: d.room, Outcome: protocol.OK}
	return d.link.out.frame(h, nil, part)
}

// rest is what is left of a reply behind its parts.
func (d *delivery) rest(reply []byte) ([]byte, error) {
	sent := 0
	if p := d.parts.Load(); p != nil {
		var held []byte
		held, sent = p.end()
		reply = append(held, reply...)
	}
	if n := sent + len(reply); n > protocol.MaxReply {
		return nil, fmt.Errorf("the reply has %d bytes; %d are allowed", n, protocol.MaxReply)
	}
	return reply, nil
}

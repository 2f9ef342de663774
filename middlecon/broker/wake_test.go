package broker

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"

	"ddcos/protocol"
)

// unwoken says what is left between turns that nothing wakes the loop for, the law at arm, or
// that lies in the memory of a turn. It runs on the loop.
func (b *Broker) unwoken() (all []string) {
	lacks := func(format string, a ...any) { all = append(all, fmt.Sprintf(format, a...)) }
	waits := func(what string, at time.Duration, is bool) {
		if at = max(at, b.clock); is && !b.behind && b.armed > at {
			lacks("%s at %v, and the timer is set for %v", what, at, b.armed)
		}
	}
	at, ok := b.rooms.Next()
	waits("the rooms", at, ok)
	at, ok = b.wheel.at()
	waits("probes", at, ok)
	waits("the line", b.backlog.at, b.backlog.waits())
	waits("long messages", b.later.at, b.later.waits())
	if b.later.holds() {
		lacks("long messages are held for none")
	}
	waits("held calls", b.fair.began+fairTime, b.fair.holds() && !b.fair.posts)
	waits("blocked sessions", b.lookAt, len(b.blocked) > 0)
	waits("paced sessions", b.pacedAt, len(b.paced) > 0)
	waits("sessions to flush", math.MaxInt64-1, len(b.dirty) > 0 && len(b.backlog.line) == 0) // a slice of the line settles
	if len(b.pinged) > 0 {
		waits("a ping", b.pinged[0].look, true)
	}
	if len(b.lingering) > 0 {
		waits("a lingering session", b.lingering[0].until, true)
	}
	for id, s := range b.byID.All() {
		if why := b.leaves(s); why != "" && !s.closed {
			lacks("session %d: %s", id, why)
		}
	}
	return all
}

// leaves says what a session has that no list of the broker knows, or nothing.
func (b *Broker) leaves(s *session) string {
	flushes := slices.Contains(b.dirty, s) || slices.Contains(b.later.sessions, s)
	sends := flushes || slices.Contains(b.blocked, s)
	inLine, p := s.is(inLine), s.kin.Value().Principal
	switch {
	case slices.ContainsFunc(s.queue, func(q queued) bool { return q.lent }):
		return "what it is to be sent lies in memory that the next turn writes over"
	case s.dirty != flushes, s.blocked != slices.Contains(b.blocked, s), s.paced != slices.Contains(b.paced, s):
		return "it is not in the lists that it says"
	case inLine && !slices.Contains(slices.Concat(b.backlog.line, b.fair.held.of[p], b.fair.debts.of[p], b.later.held.of[p]), s):
		return "it waits in no line"
	case s.cut:
		return "" // what it has waits for its process
	case s.closing && !s.parted && !sends:
		return "it does not hear its last word"
	case len(s.queue) > 0 && !sends:
		return "its frames are not flushed"
	case !s.closing && !sends && !s.paced && s.pulls():
		return "its accounts do not flow"
	case !inLine && !s.closing && holdsWhole(s):
		return "it has sent a frame that is not taken"
	}
	return ""
}

// pulls tells whether a session has anything of an account to get.
func (s *session) pulls() bool {
	return s.caller != nil && slices.ContainsFunc(s.caller.pulling, func(p pull) bool {
		return p.done || p.next < p.upTo || p.comes() > 0
	})
}

// holdsWhole tells whether a transport has read a whole frame of its session.
func holdsWhole(s *session) bool {
	var buf []byte
	switch c := s.conn.(type) {
	case *fed:
		buf, _ = c.Peek(-1)
	case gnet.Conn:
		buf, _ = c.Peek(-1)
	}
	_, size, err := protocol.Parse(buf, protocol.MaxFrame)
	return size > 0 || err != nil
}

// allWoken fails where something is left that nobody wakes the loop for.
func allWoken(t testing.TB, b *Broker) {
	t.Helper()
	found := make(chan []string, 1)
	if !b.mailbox.reached(func() { found <- b.unwoken() }) {
		return
	}
	select {
	case all := <-found:
		for _, one := range all {
			t.Error("nobody wakes the loop: " + one)
		}
	case <-b.stopped:
	case <-time.After(patience):
		t.Error("the loop does not answer")
	}
}

// echo is the stream of a session without a socket.
type echo struct{ bytes.Buffer }

func (e *echo) CloseWrite() error { return nil }

// came is a session that a goroutine reads, which has just left these frames as a letter.
func (d *desk) came(id int, frames []byte) *fed {
	s := d.session(id)
	t := &fed{b: d.b, s: s, stream: &echo{}, line: &line{}, taken: make(chan struct{}, 1), came: frames}
	s.conn = t
	return t
}

// asks is a ping of a flood, or what changes tables.
func asks(tables bool) []byte {
	if tables {
		return bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: "r", Name: "x"}, nil)
	}
	return bytesOf(protocol.Header{Kind: protocol.KindPing, Sequence: 1}, nil, nil)
}

// Who gets in line while the loop rests from it is passed when the rest is over, though
// nobody else ever sends anything: its letter has no turn of its own, or has settled before.
func TestLineIsWoken(t *testing.T) {
	for name, tables := range map[string]bool{"a flood": false, "what changes tables": true} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, 0, protocol.Call{Room: "r"})
			b := d.b
			from := d.came(1, asks(tables))
			from.flooding = !tables
			b.begin()
			b.armed, b.backlog.at, b.tables.owes = never, b.clock+time.Hour, b.clock+time.Hour
			from.take()
			if !from.s.is(inLine) {
				t.Fatal("it is not in line")
			}
			for _, one := range b.unwoken() {
				t.Error("nobody wakes the loop: " + one)
			}
			b.backlog.at = 0
			b.contain(b.due, func() { t.Error("a defect") })
			b.mailbox.open()
			if out := from.stream.(*echo); out.Len() == 0 || len(from.taken) != 1 {
				t.Errorf("%d bytes are the answer, and what it sent is taken %d times", out.Len(), len(from.taken))
			}
		})
	}
}

// A flood that comes after a long silence of all is passed at once, and is no absence of the loop.
func TestLineAfterSilence(t *testing.T) {
	d := newDesk(t, 0, protocol.Call{Room: "r"})
	b := d.b
	from := d.came(1, asks(false))
	from.flooding = true
	b.clock, b.armed, b.backlog.at = 0, never, b.now()
	b.started = b.started.Add(-time.Hour)
	from.take()
	b.mailbox.open()
	if out := from.stream.(*echo); out.Len() == 0 || b.behind || len(from.taken) != 1 {
		t.Errorf("%d bytes are the answer; absent: %v", out.Len(), b.behind)
	}
}

// Each thing that nobody wakes the loop for is told.
func TestUnwokenIsTold(t *testing.T) {
	for name, spoil := range map[string]func(b *Broker, s *session){
		"line":    func(b *Broker, s *session) { s.kind |= inLine; b.backlog.line = append(b.backlog.line, s) },
		"views":   func(b *Broker, _ *session) { b.backlog.views = append(b.backlog.views, unshown{}) },
		"in line": func(_ *Broker, s *session) { s.kind |= inLine },
		"blocked": func(b *Broker, s *session) { s.blocked = true; b.blocked = append(b.blocked, s) },
		"paced":   func(b *Broker, s *session) { s.paced = true; b.paced = append(b.paced, s) },
		"dirty":   func(b *Broker, s *session) { b.soil(s) },
		"later":   func(b *Broker, s *session) { s.dirty = true; b.later.sessions = append(b.later.sessions, s) },
		"queue":   func(b *Broker, s *session) { b.enqueue(s, queued{frame: []byte("x")}) },
		"lent": func(b *Broker, s *session) {
			b.enqueue(s, queued{frame: []byte("x"), lent: true})
			s.blocked = true
			b.blocked = append(b.blocked, s)
			b.armed = 0
		},
		"closing": func(_ *Broker, s *session) { s.closing = true },
		"account": func(_ *Broker, s *session) { s.calls().pulling = []pull{{done: true}} },
		"frame":   func(b *Broker, s *session) { s.conn = &fed{b: b, s: s, line: &line{}, fresh: asks(false)} },
		"linger":  func(b *Broker, s *session) { b.lingering = append(b.lingering, lingerer{session: s}) },
		"pinged":  func(b *Broker, s *session) { b.pinged = append(b.pinged, s) },
		"probed":  func(b *Broker, s *session) { b.wheel.put(s, 0, 1) },
	} {
		d := newDesk(t, 0, protocol.Call{Room: "r"})
		s := d.session(1)
		if all := d.b.unwoken(); len(all) > 0 {
			t.Fatal(all)
		}
		if spoil(d.b, s); len(d.b.unwoken()) == 0 {
			t.Errorf("%s: nothing is told", name)
		}
	}
}

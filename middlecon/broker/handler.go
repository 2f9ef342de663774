package broker

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/panjf2000/gnet/v2"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// handler is what gnet calls, always on the loop.
type handler struct {
	gnet.BuiltinEventEngine
	b *Broker
}

// OnOpen makes a connection that enrol handed over a session, whose hello has come.
func (h *handler) OnOpen(c gnet.Conn) (out []byte, action gnet.Action) {
	if isDoorbell(c) {
		return nil, gnet.None
	}
	s := sessionOf(c)
	if s.probe != nil {
		s.probe.fd = c.Fd()
	}
	if !s.is(overdue) {
		h.b.open(s, c)
		return nil, gnet.None
	}
	h.b.contain(func() {
		h.b.lookBack()
		h.b.open(s, c)
		h.b.settle()
	}, func() { action = gnet.Close })
	return nil, action
}

// open makes a session of a connection. One that is late with its hello ends at once.
func (b *Broker) open(s *session, c transport) {
	s.conn = c
	b.byID.Put(s.key(), s)
	if s.is(overdue) {
		b.end(s, protocol.CodeHelloTimeout, "no hello")
	}
}

// OnTraffic reads frames until one is incomplete. A defect that they meet
// costs their own session, and no other.
func (h *handler) OnTraffic(c gnet.Conn) (action gnet.Action) {
	b := h.b
	if isDoorbell(c) {
		_, _ = c.Discard(-1)
		b.mailbox.open()
		return gnet.None
	}
	s := sessionOf(c)
	how := readPatient
	switch n := c.InboundBuffered(); {
	case s.is(inLine) && n < lineMost:
		b.hold(s, n)
		return gnet.None
	case s.is(inLine) && b.setAside(s, c):
		return gnet.Close // of what gnet has of it
	case s.is(inLine):
		b.unline(s)
		how = readWhole
	case s.is(denied):
		b.hold(s, n)
		b.begin()
		b.queueUp(s)
		return gnet.None
	}
	full := c.InboundBuffered()-int(s.held) >= readBytes
	b.yield(b.clock)
	b.contain(func() {
		b.lookBack()
		b.feel()
		if b.read(s, c, how) {
			b.queueUp(s)
		}
		b.settle()
	}, func() {
		b.unkeep(s) // it would send the same again
		action = gnet.Close
	})
	if full && action == gnet.None && !s.is(inLine) && (s.is(astray) || ahead(c.Fd())) && b.floods(s, b.clock, b.now()-b.clock+besideTurn) && b.setAside(s, c) {
		action = gnet.Close // of what gnet has of it
	}
	return action
}

// contain runs work on the loop and keeps a panic of it from ending every
// other session. After one the session is ended that was being written to, or else failed
// is called. The event that caused it has been taken off the list, so that it is not met
// again.
func (b *Broker) contain(work, failed func()) {
	defer func() {
		if p := recover(); p != nil {
			b.options.Log.Error("a defect of the broker", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			b.working, b.memory = false, nil // frames that wait may lie in it
			b.armed = b.clock + afterDefect
			b.timer.Reset(afterDefect)
			if s := b.unflush(); s != nil {
				b.unkeep(s) // part of what it was sent may be missing
				_ = s.conn.Close()
			} else {
				failed()
			}
		}
	}()
	b.begin()
	work()
}

// afterDefect is when the loop goes on with what a defect has left undone, if nothing
// else wakes it before.
const afterDefect = 10 * time.Millisecond

// OnClose tells the rooms.
func (h *handler) OnClose(c gnet.Conn, err error) gnet.Action {
	if s, ok := c.Context().(*session); ok {
		h.b.leaveLine(s, c)
		h.b.closed(s, err)
	}
	return gnet.None
}

// closed ends a session whose connection has ended. Frames that still wait here were
// never sent.
func (b *Broker) closed(s *session, err error) {
	if s.closed {
		return
	}
	began := b.now()
	defer func() { now := b.now(); b.tables.spend(now, now-began) }()
	s.closed = true
	b.hold(s, 0)
	if s.caller != nil {
		b.leftOwing = max(b.leftOwing, s.caller.owes)
	}
	b.sessions.Add(-1)
	if b.survives(s) {
		b.cutOff(s, closeReason(err))
	} else {
		b.lost(s, closeReason(err), false)
		b.unkeep(s)
	}
	s.closing = true
	b.keepNothing(s)
	s.queue = nil
	b.measure(s)
	b.byID.Delete(s.key())
	b.contain(b.settle, func() {})
}

func closeReason(err error) string {
	if err == nil || errors.Is(err, io.EOF) {
		return "the connection ended"
	}
	return "the connection ended: " + err.Error()
}

func sessionOf(c gnet.Conn) *session {
	s, ok := c.Context().(*session)
	if !ok {
		panic("broker: a connection that enrol did not make")
	}
	return s
}

// lost tells the rooms once, with the first reason known.
func (b *Broker) lost(s *session, why string, meant bool) {
	if s.welcomed && !s.gone {
		s.gone = true
		b.options.Log.Debug("session ended", "session", s.id, "reason", why)
		b.events = append(b.events, room.Lost{Session: s.key(), Why: why, Meant: meant})
	}
}

// inbound is what a transport has read of its peer.
type inbound interface {
	InboundBuffered() int
	Peek(n int) ([]byte, error) // a negative n: all
	Discard(n int) (int, error)
}

// reading is how far one turn reads what a session has sent.
type reading uint8

const (
	readWhole   reading = iota // as far as there are whole frames
	readPatient                // up to one that has to wait
	readSlice                  // for a slice of time, or up to a call that has to wait
)

// read parses what the transport holds and takes frame by frame. It tells whether there is
// more that it would not take now.
func (b *Broker) read(s *session, c inbound, how reading) (more bool) {
	if n := c.InboundBuffered(); n < int(s.need) && !s.closing {
		b.hold(s, n)
		return false
	}
	buf, err := c.Peek(-1)
	if err != nil || len(buf) == 0 {
		return false
	}
	rest := buf
	s.kind &^= denied | long
	for !s.closing {
		limit := protocol.MaxFrame
		if !s.welcomed {
			limit = protocol.MaxFirst
		}
		f, size, err := protocol.Parse(rest, limit)
		if err != nil {
			b.refuse(s, err)
			break
		}
		if size == 0 {
			s.need = int32(protocol.Need(rest))
			break
		}
		more = how == readPatient && changesTables(f.Kind) && b.tablesWait() || how != readWhole && asksMembers(f.Kind) && b.fair.waits(s.kin.Value().Principal, b.clock)
		if how != readWhole && !more && b.waitsFor(s, &f) {
			s.kind |= long
			more = true
		}
		if more {
			b.tables.putOff++
			s.need = 0
			break
		}
		if how != readSlice && carries(f.Kind) {
			b.turns++
			if asksMembers(f.Kind) || f.Kind == protocol.KindPublish {
				b.sent++
			}
		}
		rest = rest[size:]
		b.takeTimed(s, f)
		b.came(s, size)
		if more = how == readSlice && len(rest) > 0 && b.now()-b.clock > sliceTime; more {
			s.need = 0
			break
		}
	}
	if s.closing {
		rest, more = nil, false
	}
	// gnet reads "discard nothing" as "discard all".
	if used := len(buf) - len(rest); used > 0 {
		b.hear(s)
		_, _ = c.Discard(used)
	}
	b.hold(s, len(rest))
	return more
}

// quiet gives gnet's log to ours. What it warns of any peer can cause, as often as it likes.
type quiet struct{ log *slog.Logger }

func (q quiet) Debugf(string, ...any)          {}
func (q quiet) Infof(string, ...any)           {}
func (q quiet) Warnf(format string, a ...any)  { q.log.Debug("gnet: " + fmt.Sprintf(format, a...)) }
func (q quiet) Errorf(format string, a ...any) { q.log.Error("gnet: " + fmt.Sprintf(format, a...)) }
func (q quiet) Fatalf(format string, a ...any) { q.log.Error("gnet: " + fmt.Sprintf(format, a...)) }

package broker

import (
	"time"

	"github.com/panjf2000/gnet/v2"
)

// backlog are the sessions whose frames have to wait while others need the loop: because
// they flood, or because they change tables and those have had their share. The loop takes
// a slice of the first at a time, and then rests as long from all of them as the others
// need it, so that all of it together has one part in lineShare, or in floodShare.
type backlog struct {
	views  []unshown     // changes that come before all of these
	line   []*session    // first come, first served; some that are not in it any more
	floods int           // of them, that flood
	at     time.Duration // when the next slice may pass
	turns  uint64        // messages of others, when the last one had
	needed time.Duration // until when these have floods rest
	posts  bool          // the next slice is a letter
}

const (
	lineShare  = 20
	floodShare = 40 // of slices with floods in them
	sliceTime  = 25 * time.Microsecond
	restMost   = 20 * time.Millisecond
	neededFor  = 20 * time.Millisecond // after a message of others

	besideSlice = 20 * time.Microsecond // that the processors have with a slice beside the loop: reading, and waking each other
	besideAsked = 10 * time.Microsecond // likewise, with the answer of each member that was asked in it
)

// lineMost bounds what a session that is in line may have sent meanwhile: with more it is
// set aside, so that the rest waits in its own socket.
const lineMost = 2 * readBytes

// queueUp lets a session wait in line with what it has sent. It has the loop wake for it, since
// the turn may have settled before.
func (b *Broker) queueUp(s *session) {
	b.hear(s)
	s.kind |= inLine
	switch p := s.kin.Value().Principal; {
	case isFlood(s):
		b.backlog.floods++
		b.backlog.line = append(b.backlog.line, s)
	case s.is(long):
		b.later.held.add(p, s)
		b.callLater()
	case b.fair.waits(p, b.clock):
		b.fair.hold(p, s)
	default:
		b.backlog.line = append(b.backlog.line, s)
	}
	b.callLine()
	b.arm()
}

// isFlood tells whether it is a flood that is in line, or one of requests that are denied.
func isFlood(s *session) bool {
	t, is := s.conn.(*fed)
	return is && t.flooding || s.is(denied)
}

// unline has a session wait no longer.
func (b *Broker) unline(s *session) {
	s.kind &^= inLine
	if isFlood(s) {
		b.backlog.floods--
	}
}

// callLine has the next slice pass where its time has come; until then the timer is set for it.
func (b *Broker) callLine() {
	l := &b.backlog
	if l.waits() && b.clock >= l.at {
		l.posts = true
		b.mailbox.post(b.passLine)
	}
}

// waits tells whether anybody does, without a letter.
func (l *backlog) waits() bool { return len(l.line)+len(l.views) > 0 && !l.posts }

// passLine is a slice of the line: a turn for each of the first.
func (b *Broker) passLine() {
	l, began := &b.backlog, b.now()
	awaited := b.awaited
	if len(l.views) > 0 {
		b.contain(func() {
			b.lookBack()
			b.showWhile(func() bool { return b.now()-began <= sliceTime })
			b.settle()
		}, func() {})
	}
	flood := false
	for n := len(l.line); n > 0 && b.now()-began <= sliceTime; n-- {
		s := l.line[0]
		flood = flood || isFlood(s)
		l.line[0] = nil
		if l.line = l.line[1:]; s.is(inLine) {
			b.passes(s, readSlice)
		}
	}
	now := b.now()
	l.posts = false
	l.rest(now, now-began+b.beside(awaited), b.turns, flood)
	b.clock = now
	b.callLine()
	b.arm()
}

// beside is what the processors have with a slice beside the loop. Before it answers of so
// many members had been awaited, ever.
func (b *Broker) beside(awaited int) time.Duration {
	return besideSlice + time.Duration(b.awaited-awaited)*besideAsked
}

// rest says when the next slice may pass: at once where nobody else has sent anything since
// the last one, or for neededFor where that was of a flood.
func (l *backlog) rest(now, cost time.Duration, turns uint64, flood bool) {
	sent := turns != l.turns
	if l.at = now; sent {
		l.turns, l.needed = turns, now+neededFor
	}
	switch {
	case flood && now < l.needed:
		l.at += min((floodShare-1)*cost, restMost)
	case sent:
		l.at += min((lineShare-1)*cost, restMost)
	}
}

// passes ends the waiting of a session with a turn.
func (b *Broker) passes(s *session, how reading) {
	b.unline(s)
	switch c := s.conn.(type) {
	case *fed:
		c.turn(how)
	case gnet.Conn:
		b.passOne(s, c, how)
	}
}

// passOne is passes, for one that gnet reads.
func (b *Broker) passOne(s *session, c gnet.Conn, how reading) {
	if s.closed {
		return
	}
	more := false
	b.contain(func() {
		b.lookBack()
		b.feel()
		more = b.read(s, c, how)
		b.settle()
	}, func() {
		b.unkeep(s)
		more = false
		_ = c.Close()
	})
	if more {
		b.queueUp(s)
	}
}

// leaveLine has what a session asked for done that ends and is in line.
func (b *Broker) leaveLine(s *session, c gnet.Conn) {
	if !s.is(inLine) || b.working {
		return
	}
	b.unline(s)
	b.contain(func() {
		b.read(s, c, readWhole)
		b.settle()
	}, func() { b.unkeep(s) })
}

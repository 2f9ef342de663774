package broker

import (
	"time"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// One turn has no more than copiedMost copied in writes of more than copiedLittle: a long
// message to many. The other sessions are written to in turns that come behind all sockets
// that are ready then. Where others send messages meanwhile, the loop rests from these turns:
// they have one part in laterShare of it, or in lineShare with sessions that have not read
// what came before. Little frames to many cost system calls, and go on: waiting would make a
// call to very many longer, which is what they are mostly of.
//
// Who sends the next long message to many waits until this one has been written to all: else
// members that read as fast as they are written to would lose messages for want of room.
const (
	copiedMost   = 96 << 10
	copiedLittle = 16 << 10
	laterShare   = 8
	laterCredit  = 2 * time.Millisecond // that a turn may have come late, by the timer, and the next ones need not rest
	laterMost    = 64                   // sessions that such a turn looks at, who may have little to be written
	laterQueues  = 4                    // that one may fill to whom a message has yet to be written
)

// later are the sessions that are written to in a turn to come.
type later struct {
	sessions []*session    // dirty
	late     int           // of them, whom a message to many has yet to be written to
	held     inTurn        // whose next message waits for those
	passes   bool          // they are about to go on
	copied   int           // bytes of this turn
	spread   bool          // a long message to many came in this turn
	unread   bool          // some of them to who has not read
	posts    bool          // the next such turn is a letter
	turn     bool          // this one is such a turn
	at       time.Duration // when the next one may come
	sent     uint64        // messages of all sessions, when these were looked at last
	needed   time.Duration // until when they have the loop rest
}

// copies counts what is made of a message, or written to a session.
func (l *later) copies(bytes int, to transport) {
	if bytes <= copiedLittle {
		return
	}
	l.copied += bytes
	l.unread = l.unread || to != nil && unread(to.Fd())
}

// unread tells whether a peer, or over TCP its kernel, has not taken all that was written.
func unread(fd int) bool {
	n, err := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
	return err == nil && n > 0
}

// postpones leaves a session for later, where this turn has copied enough.
func (b *Broker) postpones(s *session) bool {
	l := &b.later
	if l.copied < copiedMost || b.draining != nil || s.closed {
		return false
	}
	s.own()
	s.kind |= postponed
	if len(l.sessions) == 0 {
		l.sent = b.sent
	}
	if l.spread && !s.is(unwritten) {
		s.kind |= unwritten
		l.late++
	}
	l.sessions = append(l.sessions, s)
	return true
}

// writes is for a session that is no longer postponed.
func (l *later) writes(s *session) {
	s.kind &^= postponed
	if s.is(unwritten) {
		s.kind &^= unwritten
		l.late--
	}
}

// waitsFor tells whether a session's next frame is a long message to many that has to wait
// for those before. To few it is written at once, so that it does not wait for those of others.
func (b *Broker) waitsFor(s *session, f *protocol.Frame) bool {
	if b.later.late == 0 || len(f.Payload) <= copiedLittle || f.Member != 0 {
		return false
	}
	var room, to string
	var err error
	switch f.Kind {
	case protocol.KindOffer:
		var body protocol.Offer
		err = protocol.DecodeRequest(f.Meta, &body)
		room = body.Room
	case protocol.KindCall:
		var body protocol.Call
		body, err = s.asks(f.Meta)
		room, to = body.Room, body.To
	case protocol.KindPublish:
		var body protocol.Publish
		err = protocol.DecodeRequest(f.Meta, &body)
		room, to = body.Room, body.To
	}
	return err == nil && to == "" && b.rooms.Size(room)*len(f.Payload) >= copiedMost
}

// callLater has the next such turn come where its time has come, if any is to be written to
// then; until then the timer is set for it.
func (b *Broker) callLater() {
	l := &b.later
	if l.turn {
		l.turn = false
		l.rest(b.clock, b.now())
	}
	if l.waits() && b.clock >= l.at {
		l.posts = true
		b.post(b.writeLater)
	}
	if l.holds() {
		l.passes = true
		b.mailbox.post(b.passLong)
	}
}

// holds tells whether anybody is held who may go on, without a letter.
func (l *later) holds() bool {
	return l.late == 0 && len(l.held.order) > 0 && !l.passes
}

// passLong lets those go on that were held, for a slice of time and as long as what they send
// leaves nothing for later.
func (b *Broker) passLong() {
	l, began := &b.later, b.now()
	for n := 0; len(l.held.order) > 0 && l.late == 0 && (n == 0 || b.now()-began <= sliceTime); n++ {
		b.goesOn(l.held.take())
	}
	l.passes = false
	b.clock = b.now()
	b.callLater()
	b.arm()
}

// rest says when the next such turn may come, after one from began to now.
func (l *later) rest(began, now time.Duration) {
	if began >= l.needed {
		return
	}
	if l.unread {
		l.at = now + min((lineShare-1)*(now-began), restMost)
		return
	}
	l.at = max(l.at, began-laterCredit) + min(laterShare*(now-began), restMost)
}

// waits tells whether any is to be written to, without a letter.
func (l *later) waits() bool { return len(l.sessions) > 0 && !l.posts }

// writeLater is such a turn.
func (b *Broker) writeLater() {
	l := &b.later
	if b.sent != l.sent {
		l.sent, l.needed = b.sent, b.clock+neededFor
	}
	n := min(len(l.sessions), laterMost)
	b.dirty = append(b.dirty, l.sessions[:n]...)
	clear(l.sessions[:n])
	l.sessions, l.posts, l.turn = l.sessions[n:], false, true
	b.settle()
}

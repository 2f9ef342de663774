package broker

import (
	"time"

	"golang.org/x/sys/unix"
)

// One turn has no more than copiedMost copied in writes of more than copiedLittle: a long
// message to many. The other sessions are written to in turns that come behind all sockets
// that are ready then. Where others send messages meanwhile, the loop rests from these turns:
// they have one part in laterShare of it, or in lineShare with sessions that have not read
// what came before. Little frames to many cost system calls, and go on: waiting would make a
// call to very many longer, which is what they are mostly of.
const (
	copiedMost   = 96 << 10
	copiedLittle = 16 << 10
	laterShare   = 8
	laterMost    = 64 // sessions that such a turn looks at, who may have little to be written
)

// later are the sessions that are written to in a turn to come.
type later struct {
	sessions []*session    // dirty
	copied   int           // bytes of this turn
	unread   bool          // some of them to who has not read
	posts    bool          // the next such turn is a letter
	writes   bool          // this turn is one
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
	if len(l.sessions) == 0 {
		l.sent = b.sent
	}
	l.sessions = append(l.sessions, s)
	return true
}

// callLater has the next such turn come where its time has come, if any is to be written to
// then; until then the timer is set for it.
func (b *Broker) callLater() {
	l := &b.later
	if l.writes {
		l.writes = false
		l.rest(b.clock, b.now())
	}
	if l.waits() && b.clock >= l.at {
		l.posts = true
		b.post(b.writeLater)
	}
}

// rest says when the next such turn may come, after one from began to now.
func (l *later) rest(began, now time.Duration) {
	if began >= l.needed {
		return
	}
	share := time.Duration(laterShare)
	if l.unread {
		share = lineShare
	}
	l.at = now + min((share-1)*(now-began), restMost)
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
	l.sessions, l.posts, l.writes = l.sessions[n:], false, true
	b.settle()
}

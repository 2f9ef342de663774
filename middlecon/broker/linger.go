package broker

import (
	"time"

	"golang.org/x/sys/unix"
)

// A connection that is closed with bytes unread is reset, and a reset takes what
// the peer has not read yet: also the word that says why. So a session that was
// ended is only closed for writing, and what still comes is read and dropped,
// until its peer closes as well or lingerFor is over.
const lingerFor = time.Second

// lingerer is a session that has heard its last word.
type lingerer struct {
	session *session
	until   time.Duration
}

// part ends what goes to a session. One that does not even take its last word
// is closed at once.
func (b *Broker) part(s *session) {
	fd, ok := s.conn.(interface{ Fd() int })
	if !ok || s.conn.OutboundBuffered() > 0 || unix.Shutdown(fd.Fd(), unix.SHUT_WR) != nil {
		_ = s.conn.Close() // OnClose does the rest
		return
	}
	s.parted = true
	b.lingering = append(b.lingering, lingerer{session: s, until: b.clock + lingerFor})
}

// closeLingering closes the connections whose peers did not, so many in a turn
// at most.
func (b *Broker) closeLingering() {
	n := 0
	for n < len(b.lingering) && n < endsInATurn {
		l := b.lingering[n]
		if !l.session.closed && b.clock < l.until {
			break
		}
		if n++; !l.session.closed {
			_ = l.session.conn.Close()
		}
	}
	clear(b.lingering[:n])
	b.lingering = b.lingering[n:]
}

package broker

import (
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// A connection that is closed with bytes unread is reset, and a reset takes what
// the peer has not read yet: also the word that says why. So a session that was
// ended is only closed for writing, and what still comes is read and dropped,
// until its peer closes as well or lingerFor is over.
const lingerFor = time.Second

// hangUpsMost bounds the connections without a session that linger: they are
// within fileReserve.
const hangUpsMost = 16

// hangUp tells a connection that is no session why it is closed. Where many linger
// already the word may be lost.
func (b *Broker) hangUp(c net.Conn, code protocol.Code) {
	_ = c.SetDeadline(time.Now().Add(lingerFor))
	_, _ = c.Write(frame(protocol.Header{Kind: protocol.KindError, Code: code}, nil)) // a new socket has room for it
	select {
	case b.hangUps <- struct{}{}:
	default:
		_ = c.Close()
		return
	}
	go func() {
		if half, ok := c.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			_, _ = io.Copy(io.Discard, c)
		}
		_ = c.Close()
		<-b.hangUps
	}()
}

// lingerer is a session that has heard its last word.
type lingerer struct {
	session *session
	until   time.Duration
}

// part ends what goes to a session. One that does not even take its last word
// is closed at once.
func (b *Broker) part(s *session) {
	if s.conn.OutboundBuffered() > 0 || halve(s.conn) != nil {
		_ = s.conn.Close() // and that does the rest
		return
	}
	s.parted = true
	b.lingering = append(b.lingering, lingerer{session: s, until: b.clock + lingerFor})
}

// halve ends what goes to a transport's peer.
func halve(c transport) error {
	switch c := c.(type) {
	case interface{ CloseWrite() error }:
		return c.CloseWrite()
	case interface{ Fd() int }:
		return unix.Shutdown(c.Fd(), unix.SHUT_WR)
	}
	return errors.ErrUnsupported
}

// closeLingering closes the connections whose peers did not, as many as a turn may.
func (b *Broker) closeLingering() {
	n := 0
	for n < len(b.lingering) && b.endsMore(n) {
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

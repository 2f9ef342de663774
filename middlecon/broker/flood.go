package broker

import (
	"bytes"
	"net"
	"os"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// A session floods when it is floodAhead bytes ahead of the loop, which has just read a
// buffer full of it, or answers what nobody has asked it, and to read it and its turns have
// taken more than one part in floodShare of the loop's time, beyond the first floodBurst. So
// neither a caller with many calls in flight is one, nor a member with a large reply. Who
// floods does so until that share is kept again, however far ahead it is.
const (
	floodAhead = 64 << 10
	floodBurst = 5 * time.Millisecond
	besideTurn = 3 * time.Microsecond // that it takes the loop to read a buffer full, before the turn
)

// floods says who floods.
func (b *Broker) floods(s *session, now, cost time.Duration) bool {
	c := s.calls()
	if c.owes == 0 { // perhaps the next session of one that is gone
		c.owes = b.leftOwing
	}
	c.owes = owing(c.owes, now, cost, floodBurst, floodShare)
	return c.owes-now > floodBurst*floodShare
}

// ahead tells whether so much more waits in a socket that its peer does not wait for the loop.
func ahead(fd int) bool {
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	return err == nil && n >= floodAhead
}

// asideMost bounds the sessions that are read by goroutines because they sent too much.
const asideMost = 1024

// setAside takes a session from gnet, which reads whoever sends, and gives it to a
// goroutine that reads when what came before has been taken, which waits in line. It
// tells whether that could be.
func (b *Broker) setAside(s *session, c gnet.Conn) bool {
	if !s.welcomed || s.closing || s.closed || c.OutboundBuffered() > 0 || b.aside.Load() >= asideMost {
		return false
	}
	fd, err := c.Dup()
	if err != nil {
		return false
	}
	f := os.NewFile(uintptr(fd), "aside")
	defer func() { _ = f.Close() }()
	again, err := net.FileConn(f)
	if err != nil {
		return false
	}
	l, err := newLine(again)
	if err != nil {
		_ = again.Close()
		return false
	}
	l.loosen()
	t := &fed{b: b, s: s, stream: plain{l}, line: l, taken: make(chan struct{}, 1), ahead: true, flooding: true}
	t.taking = t.take
	if came, err := c.Peek(-1); err == nil {
		t.came = bytes.Clone(came)
	}
	if s.is(inLine) {
		b.unline(s)
	}
	s.conn = t
	if s.probe != nil {
		s.probe.fd = l.fd
	}
	c.SetContext(nil) // its end is not the session's
	b.aside.Add(1)
	b.flooded++
	b.readers.Add(1)
	go t.read()
	return true
}

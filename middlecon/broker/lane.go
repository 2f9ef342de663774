package broker

import (
	"bytes"
	"net"
	"os"
	"sync"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// A session floods when it is floodAhead bytes ahead of the loop, which has just read a
// buffer full of it, and its turns have taken more than one part in floodShare of the
// loop's time, beyond the first floodBurst. So neither a caller with many calls in
// flight is one, nor a member with a large reply.
const (
	floodAhead = 64 << 10
	floodShare = 20
	floodBurst = 2 * time.Millisecond
)

// Of what a flooding session has sent the loop takes a slice at a time, and rests as long
// from all floods as others need it, restShare times what the slice has cost.
const (
	sliceTime = 50 * time.Microsecond
	restShare = 9
	restMost  = 20 * time.Millisecond

	besideSlice = 20 * time.Microsecond // that the processors have with a slice beside the loop: reading, and waking each other
)

// charge puts what a turn has cost on the account of a session that is ahead of
// the loop, and tells whether it floods.
func (s *session) charge(now, cost time.Duration) bool {
	c := s.calls()
	c.owes = owing(c.owes, now, cost, floodShare, floodBurst)
	return c.owes-now > floodBurst*floodShare
}

// ahead tells whether so much more waits in a socket that its peer does not wait for the loop.
func ahead(fd int) bool {
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	return err == nil && n >= floodAhead
}

// lane is the way of all floods to the loop: one slice at a time.
type lane struct {
	mu    sync.Mutex // held by who passes
	turns uint64     // of others, when the last slice had passed
}

// slice is what a turn has cost, and how many messages those have sent who do not flood.
type slice struct {
	cost  time.Duration
	turns uint64
}

// pass has the loop take a slice, and then rests where others need the loop; false when
// there is no loop any more.
func (l *lane) pass(stopped <-chan struct{}, take func() (slice, bool)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	took, ok := take()
	if !ok || took.turns == l.turns {
		return ok
	}
	l.turns = took.turns
	rest := time.NewTimer(min(restShare*(took.cost+besideSlice), restMost))
	defer rest.Stop()
	select {
	case <-rest.C:
		return true
	case <-stopped:
		return false
	}
}

// asideMost bounds the sessions that are read by goroutines because they flooded.
const asideMost = 1024

// setAside takes a session from gnet, which reads whoever sends, and gives it to a
// goroutine that reads when it may. It tells whether that could be.
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
	t := &fed{b: b, s: s, stream: plain{l}, line: l, taken: make(chan struct{}, 1), flooding: true}
	t.taking = t.take
	if begun, err := c.Peek(-1); err == nil {
		t.begun = bytes.Clone(begun)
	}
	s.conn = t
	if s.probe != nil {
		s.probe.fd = l.fd
	}
	c.SetContext(nil) // its end is not the session's
	b.aside.Add(1)
	b.floods++
	b.readers.Add(1)
	go t.read()
	return true
}

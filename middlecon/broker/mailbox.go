package broker

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// mailbox is how other goroutines reach the loop. gnet's Execute does not keep
// the order of what it is given, so it is only the doorbell: the letters lie
// here, in order.
type mailbox struct {
	mu      sync.Mutex // guards the fields below
	loop    gnet.EventLoop
	letters []func()
	rung    bool
}

// doorbell is the context of the connection that tells where the loop is.
type doorbell struct{}

func isDoorbell(c gnet.Conn) bool {
	_, is := c.Context().(doorbell)
	return is
}

// startLoop starts gnet's loop and attaches the mailbox to it: gnet tells which it is by
// a connection only, so it gets one, which ends at once.
func (b *Broker) startLoop() error {
	if err := b.engine.Start(); err != nil {
		return err
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return errors.Join(err, b.engine.Stop())
	}
	_ = unix.Close(ends[1])
	f := os.NewFile(uintptr(ends[0]), "doorbell")
	defer func() { _ = f.Close() }()
	c, err := net.FileConn(f)
	if err == nil {
		_, err = b.engine.EnrollContext(c, doorbell{})
	}
	if err != nil {
		return errors.Join(err, b.engine.Stop())
	}
	return nil
}

// attach tells where the doorbell is; letters from before are rung for now.
func (m *mailbox) attach(loop gnet.EventLoop) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.loop == nil {
		m.loop = loop
		m.ring()
	}
}

// post leaves work for the loop. Without any session so far there is no loop
// to be reached, and nothing for it to do before there is one.
func (m *mailbox) post(work func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.letters = append(m.letters, work)
	m.ring()
}

// reached leaves work for the loop if there is one.
func (m *mailbox) reached(work func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.loop == nil {
		return false
	}
	m.letters = append(m.letters, work)
	m.ring()
	return true
}

func (m *mailbox) ring() {
	if m.rung || m.loop == nil || len(m.letters) == 0 {
		return
	}
	// An error means that the engine is shutting down: nobody needs the letters.
	m.rung = m.loop.Execute(context.Background(), gnet.RunnableFunc(m.open)) == nil
}

// open runs on the loop.
func (m *mailbox) open(context.Context) error {
	m.mu.Lock()
	letters := m.letters
	m.letters, m.rung = nil, false
	m.mu.Unlock()
	for _, work := range letters {
		work()
	}
	return nil
}

// drainBefore waits until the loop has done all that was posted, within limit.
func (m *mailbox) drainBefore(limit time.Duration) {
	m.mu.Lock()
	idle := m.loop == nil
	m.mu.Unlock()
	if idle {
		return
	}
	done := make(chan struct{})
	m.post(func() { close(done) })
	select {
	case <-done:
	case <-time.After(limit):
	}
}

package broker

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// mailbox is how work comes to the loop that no session has sent. gnet does what it is
// given to execute before it looks at the sockets again, and so would do first all that
// such work leaves for later. So the letters lie here, in order, and the doorbell is a
// socket among the others, which has one turn when each of those that are ready has.
type mailbox struct {
	mu      sync.Mutex // guards the fields below
	bell    net.Conn   // a byte rings; nil as long as there is no loop
	letters []func()
	rung    bool
	touch   [1]byte // what rings
}

// doorbell is the context of the end that the loop reads.
type doorbell struct{}

func isDoorbell(c gnet.Conn) bool {
	_, is := c.Context().(doorbell)
	return is
}

// startLoop starts gnet's loop with the doorbell among its sockets.
func (b *Broker) startLoop() error {
	if err := b.engine.Start(); err != nil {
		return err
	}
	hears, rings, err := socketPair()
	if err == nil {
		if _, err = b.engine.EnrollContext(hears, doorbell{}); err != nil {
			_ = rings.Close()
		}
	}
	if err != nil {
		return errors.Join(err, b.engine.Stop())
	}
	b.mailbox.attach(rings)
	return nil
}

// socketPair is two connections, each the other's peer.
func socketPair() (one, other net.Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	one, err = connOf(fds[0])
	other, failed := connOf(fds[1])
	if err = errors.Join(err, failed); err != nil {
		for _, c := range []net.Conn{one, other} {
			if c != nil {
				_ = c.Close()
			}
		}
	}
	return one, other, err
}

// connOf makes a connection of a descriptor, which is its own then.
func connOf(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "doorbell")
	defer func() { _ = f.Close() }()
	return net.FileConn(f)
}

// attach tells where the doorbell is; letters from before are rung for now.
func (m *mailbox) attach(bell net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bell = bell
	m.ring()
}

// detach is for when the loop is gone: letters still come, and nobody opens them.
func (m *mailbox) detach() {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.bell.Close()
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
	if m.bell == nil {
		return false
	}
	m.letters = append(m.letters, work)
	m.ring()
	return true
}

func (m *mailbox) ring() {
	if m.rung || m.bell == nil || len(m.letters) == 0 {
		return
	}
	// It is the only byte, so there is room. An error means that the loop is gone: nobody needs the letters.
	_, err := m.bell.Write(m.touch[:])
	m.rung = err == nil
}

// open runs on the loop. What the letters leave here is for another turn.
func (m *mailbox) open() {
	m.mu.Lock()
	letters := m.letters
	m.letters, m.rung = nil, false
	m.mu.Unlock()
	for _, work := range letters {
		work()
	}
}

// drainBefore waits until the loop has done all that was posted, within limit.
func (m *mailbox) drainBefore(limit time.Duration) {
	m.mu.Lock()
	idle := m.bell == nil
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

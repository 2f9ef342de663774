package broker

import (
	"context"
	"sync"
	"time"

	"github.com/panjf2000/gnet/v2"
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

package middlecon

import (
	"net"
	"sync"

	"ddcos/protocol"
)

// maxPending bounds what waits to be written; beyond it writers wait.
const maxPending = 1 << 20

// writer joins the frames of many goroutines into few writes: whoever finds
// nobody writing writes for all who come meanwhile.
type writer struct {
	to net.Conn

	mu      sync.Mutex // guards the fields below
	room    sync.Cond  // pending shrank, or the writer stopped
	pending []byte
	spare   []byte // the buffer before, to be filled again
	busy    bool
	err     error
}

func newWriter(to net.Conn) *writer {
	w := &writer{to: to}
	w.room.L = &w.mu
	return w
}

// frame queues one frame and returns when it, or somebody who writes for it,
// has taken it over. An error is final: the connection is of no use any more.
func (w *writer) frame(h protocol.Header, meta, payload []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.pending) > maxPending && w.err == nil {
		w.room.Wait()
	}
	if w.err != nil {
		return w.err
	}
	var err error
	if w.pending, err = protocol.AppendFrame(w.pending, h, meta, payload); err != nil || w.busy {
		return err
	}
	w.busy = true
	for len(w.pending) > 0 && w.err == nil {
		out := w.pending
		w.pending, w.spare = w.spare[:0], nil
		w.mu.Unlock()
		_, err := w.to.Write(out)
		w.mu.Lock()
		if err != nil && w.err == nil {
			w.err = err
		}
		w.spare = out[:0]
		w.room.Broadcast()
	}
	w.busy = false
	return w.err
}

// stop makes every later frame fail and lets those that wait go.
func (w *writer) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = ErrClosed
	}
	w.room.Broadcast()
}

package middlecon

import (
	"bytes"
	"net"
	"sync"

	"ddcos/protocol"
)

// maxPending bounds what waits to be written; beyond it writers wait. maxUnacked is
// what is kept in all of a session that can be resumed; beyond it the oldest is not,
// and a resume that needs it fails.
const (
	maxPending = 1 << 20
	maxUnacked = 8 << 20
)

// writer joins the frames of many goroutines into few writes: whoever finds
// nobody writing writes for all who come meanwhile.
type writer struct {
	mu      sync.Mutex // guards the fields below
	to      net.Conn
	room    sync.Cond // pending shrank, or the writer stopped, is cut or resumed
	pending []byte
	spare   []byte // the buffer before, to be filled again
	busy    bool
	err     error
	sent    *protocol.Unacked[[]byte] // nil where the session cannot be resumed
	cut     bool                      // there is no connection: what is written is in sent alone
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
	for w.err == nil && (len(w.pending) > maxPending || w.cut && w.sent.Bytes() > maxPending) {
		w.room.Wait()
	}
	if w.err != nil {
		return w.err
	}
	at := len(w.pending)
	var err error
	if w.pending, err = protocol.AppendFrame(w.pending, h, meta, payload); err != nil {
		return err
	}
	if w.sent != nil {
		f := bytes.Clone(w.pending[at:])
		w.sent.Add(f, len(f), maxUnacked)
	}
	switch {
	case w.cut:
		w.pending = w.pending[:at]
		return nil
	case w.busy:
		return nil
	}
	return w.flush()
}

// flush writes what is pending, and what others add meanwhile. w.mu is held. Where the
// session can be resumed a connection that fails is no error: its reader finds out.
func (w *writer) flush() error {
	w.busy = true
	for len(w.pending) > 0 && w.err == nil && !w.cut {
		out, to := w.pending, w.to
		w.pending, w.spare = w.spare[:0], nil
		w.mu.Unlock()
		_, err := to.Write(out)
		w.mu.Lock()
		if err != nil && w.err == nil {
			if w.sent == nil {
				w.err = err
			} else {
				w.cut = true
				_ = to.Close()
			}
		}
		w.spare = out[:0]
		w.room.Broadcast()
	}
	if w.cut {
		w.pending = w.pending[:0]
	}
	w.busy = false
	w.room.Broadcast()
	return w.err
}

// stop makes every later frame fail, lets those that wait go, and closes the connection.
func (w *writer) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = ErrClosed
	}
	_ = w.to.Close()
	w.room.Broadcast()
}

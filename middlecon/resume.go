package middlecon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"ddcos/protocol"
)

// lasting is what a session has that may be resumed: its reader's own.
type lasting struct {
	secret   []byte
	window   time.Duration
	received protocol.Received
}

// When a connection is cut the next is tried soon, but not by everybody at once; and
// where there are other brokers this one is not waited for as long as its window.
const (
	resumeFirst = 50 * time.Millisecond
	resumeMost  = 500 * time.Millisecond
	resumeAmong = time.Second
)

// errNotResumed is why a session that was cut is over.
var errNotResumed = errors.New("the broker does not have the session any more")

// hello is what this connection says in its first frame.
func (c *Conn) hello(token string) protocol.Hello {
	return protocol.Hello{
		MinVersion: protocol.Version, MaxVersion: protocol.Version, Software: c.options.Software, MaxFrame: protocol.MaxFrame,
		Moves: c.options.Away != nil || c.options.Reconnect && c.several(), Token: token,
		WindowMS: uint32(c.options.Resume.Milliseconds()),
	}
}

// last makes a session one that may be resumed, if its broker lets it.
func (l *link) last(w *protocol.Welcome) {
	if w.WindowMS == 0 || len(w.Resume) == 0 {
		return
	}
	l.lasting = &lasting{secret: bytes.Clone(w.Resume), window: time.Duration(w.WindowMS) * time.Millisecond}
	l.lasting.received.Add(0) // the welcome
	l.lasts.Store(true)
	l.out.last()
}

// came counts a frame, and acknowledges it when it is time, or when it is a ping.
func (l *link) came(f protocol.Frame) {
	if l.lasting == nil {
		return
	}
	if due := l.lasting.received.Add(protocol.HeaderSize + int(f.Length)); due || f.Kind == protocol.KindPing {
		// An error ends the session, which the reader finds out by itself.
		_ = l.out.frame(protocol.Header{Kind: protocol.KindAck, Sequence: l.lasting.received.Tell()}, nil, nil)
	}
}

// resumes gives a session that was cut another connection, within its window; all
// that waits in it goes on. There is false where it is over.
func (c *Conn) resumes(l *link, why error) bool {
	if l.lasting == nil || l.broken || l.polite.Load() || !mayResume(why) || c.Err() != nil {
		return false
	}
	l.out.cutOff()
	window := l.lasting.window
	if c.several() {
		window = min(window, resumeAmong)
	}
	ctx, cancel := context.WithTimeout(context.Background(), window)
	defer cancel()
	go func() {
		select {
		case <-l.over:
			cancel()
		case <-ctx.Done():
		}
	}()
	for wait := resumeFirst; ; wait = min(2*wait, resumeMost) {
		select {
		case <-time.After(rand.N(wait)):
		case <-ctx.Done():
			return false
		}
		err := c.resumeOnce(ctx, l)
		if err == nil {
			if c.options.Resumed != nil {
				c.options.Resumed(why)
			}
			return true
		}
		var refused *protocol.Error
		if errors.Is(err, errNotResumed) || errors.As(err, &refused) {
			return false
		}
	}
}

// mayResume tells whether a session that ended so may go on: the connection failed,
// or the broker took it for that.
func mayResume(why error) bool {
	var said *protocol.Error
	return !errors.As(why, &said) || said.Code == protocol.CodeUnresponsive
}

// resumeOnce tries one connection.
func (c *Conn) resumeOnce(ctx context.Context, l *link) error {
	nc, token, err := c.open(ctx, l.place)
	if err != nil {
		return err
	}
	in, hello := &reader{from: nc}, c.hello(token)
	hello.Resume, hello.Received = l.lasting.secret, l.lasting.received.Frames
	w, err := greet(ctx, nc, newWriter(nc), in, hello)
	if err == nil && !w.Resumed {
		err = errNotResumed
	}
	if err == nil {
		l.in = in
		l.last(&w)
		err = l.out.resume(nc, w.Received)
	}
	if err != nil {
		_ = nc.Close()
		return err
	}
	if !w.Will {
		c.willAgain(l)
	}
	// It has come, and with it the secret: the one before is good for nothing any more.
	return l.out.frame(protocol.Header{Kind: protocol.KindAck, Sequence: l.lasting.received.Frames}, nil, nil)
}

// byeWithin bounds a goodbye.
const byeWithin = 250 * time.Millisecond

// bye tells the broker, where it makes a difference, that the session is not lost but
// over, and waits until the broker has closed it.
func (l *link) bye() {
	if !l.lasts.Load() && !l.hasWill.Load() || l.isOver() {
		return
	}
	l.polite.Store(true)
	l.out.patience(byeWithin)
	if l.out.frame(protocol.Header{Kind: protocol.KindBye}, nil, nil) != nil {
		return
	}
	late := time.NewTimer(byeWithin)
	defer late.Stop()
	select {
	case <-l.deaf:
	case <-l.over:
	case <-late.C:
	}
}

// last makes the writer keep what is not acknowledged.
func (w *writer) last() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sent == nil { // else resume does it
		w.sent = &protocol.Unacked[[]byte]{}
		w.sent.Add(nil, 0, maxUnacked) // the hello
	}
}

// acked lets go of what the broker has.
func (w *writer) acked(frames uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sent == nil {
		return nil
	}
	return w.sent.Ack(frames)
}

// cutOff notes that there is no connection: what is written waits.
func (w *writer) cutOff() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	_ = w.to.Close()
}

// resume goes on in a new connection, with what the broker has not received.
func (w *writer) resume(to net.Conn, received uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.busy { // with the connection that is closed
		w.room.Wait()
	}
	if w.err != nil {
		return w.err
	}
	rest, ok := w.sent.After(received)
	if !ok {
		return fmt.Errorf("%w: it has %d frames, and what is behind them is not kept", errNotResumed, received)
	}
	w.to, w.cut, w.pending, w.sent = to, false, w.pending[:0], &protocol.Unacked[[]byte]{}
	w.sent.Add(nil, 0, maxUnacked)
	for _, f := range rest {
		if protocol.KindOf(f) == protocol.KindAck {
			continue // it counts the frames of another connection
		}
		w.sent.Add(f, len(f), maxUnacked)
		w.pending = append(w.pending, f...)
	}
	w.room.Broadcast()
	return w.flush()
}

// patience bounds how long the writes that follow may take.
func (w *writer) patience(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.to.SetWriteDeadline(time.Now().Add(d))
}

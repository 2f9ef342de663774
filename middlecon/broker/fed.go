package broker

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"ddcos/protocol"
)

// fed is a connection that gnet does not read, as a session's transport: one over TLS, or
// one that floods. One goroutine reads it and feeds the loop: it leaves what it read as a
// letter, and reads no more before the loop has taken that, so a flood waits in its own
// socket. The loop encrypts and writes.
type fed struct {
	b      *Broker
	s      *session
	stream stream
	line   *line
	cred   credential

	taking func()        // take, made once
	taken  chan struct{} // the loop has taken what was read
	came   []byte        // what was read and the loop has not taken; the loop's while taken is waited for

	// The loop's, as long as taken is waited for, and else the reader's.
	ahead    bool // came filled the buffer, and much more waits in the socket
	flooding bool // what comes waits in line, until it has its share again

	// The loop's.
	fresh []byte // of came, what was not discarded
	begun []byte // of frames that are not whole, or were not taken in this turn
}

// stream is what is read and written of a connection, encrypted or not.
type stream interface {
	io.ReadWriter
	CloseWrite() error // of the encryption alone
}

// plain is a stream without encryption.
type plain struct{ *line }

func (p plain) Read(b []byte) (int, error) { return p.Conn.Read(b) }
func (p plain) CloseWrite() error          { return nil }

// isPlain tells that it is no TLS session, but one that floods.
func (t *fed) isPlain() bool {
	_, is := t.stream.(plain)
	return is
}

// A session that says little is read by little: only one that fills it gets a larger
// buffer, for as long as it needs it.
const readLittle = 512

// A TLS session may send this many records without anything in them, and one more for so
// many with something: keys are changed every 2^24 records or so.
const (
	emptyRecords   = 1024
	recordsToEmpty = 16
)

var errEmptyRecords = protocol.Errorf(protocol.CodeMalformed, "too many TLS records that carry nothing")

// read is the connection's goroutine. Its last letter is why it ends.
func (t *fed) read() {
	defer t.b.readers.Done()
	if t.isPlain() {
		defer t.b.aside.Add(-1)
	}
	if len(t.came) > 0 && !t.letter(t.taking) { // what gnet had
		return
	}
	little := make([]byte, readLittle)
	buf, reads := little, uint64(0)
	for {
		n, err := t.stream.Read(buf)
		reads++
		if n > 0 && !t.hand(buf[:n], n == readBytes && ahead(t.line.fd)) {
			return
		}
		if err == nil && t.line.records > reads+reads/recordsToEmpty+emptyRecords {
			err = errEmptyRecords
		}
		if err != nil {
			t.letter(func() { t.ended(err) })
			return
		}
		switch full := n == len(buf); {
		case full && len(buf) == readLittle:
			buf = t.b.large.get()
		case !full && len(buf) != readLittle && n <= readLittle:
			t.b.large.put(buf)
			buf = little
		}
	}
}

// hand has the loop take what came, when it wants; false when there is no loop any more.
func (t *fed) hand(came []byte, ahead bool) bool {
	t.came, t.ahead = came, ahead
	return t.letter(t.taking)
}

// letter has the loop do work, and waits until it has; false when there is no loop any more.
func (t *fed) letter(work func()) bool {
	t.b.mailbox.post(work)
	select {
	case <-t.taken:
		return true
	case <-t.b.stopped:
		return false
	}
}

// take is for what came: its turn, or the beginning of its wait in line.
func (t *fed) take() {
	if t.fresh = t.came; isFlood(t.s) && !t.s.closed {
		t.b.begin()
		t.b.queueUp(t.s)
		return
	}
	t.turn(readPatient)
}

// turn is a turn of the loop, for what came. What is left that may not be taken yet waits
// in line, and its reader with it.
func (t *fed) turn(how reading) {
	b, s, more := t.b, t.s, false
	awaited := b.awaited
	if !s.closed {
		b.contain(func() {
			b.lookBack()
			b.feel()
			more = b.read(s, t, how)
			b.settle()
		}, func() { _ = t.Close() })
		t.flooding = (t.flooding || t.ahead || s.is(astray)) && b.floods(s, b.clock, b.now()-b.clock+b.beside(awaited))
	}
	if !s.closed && more {
		b.queueUp(s)
		return
	}
	if !s.closed && len(t.fresh) > 0 {
		t.begun = append(slices.Grow(t.begun, max(len(t.fresh), int(s.need)-len(t.begun))), t.fresh...)
	}
	t.fresh, t.came = nil, nil
	t.taken <- struct{}{}
}

// ended is a turn of the loop, after the last thing came.
func (t *fed) ended(err error) {
	defer func() { t.taken <- struct{}{} }()
	if t.s.closed {
		return
	}
	var refused *protocol.Error
	if errors.As(err, &refused) && !t.s.closing {
		t.b.contain(func() { t.b.lookBack(); t.b.refuse(t.s, refused); t.b.settle() }, func() {})
		return // it lingers, and is read no more
	}
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	t.close(err)
}

// InboundBuffered is how many bytes have come that were not discarded.
func (t *fed) InboundBuffered() int { return len(t.begun) + len(t.fresh) }

// Peek gives all of these, until the turn ends.
func (t *fed) Peek(int) ([]byte, error) {
	if len(t.begun) == 0 {
		return t.fresh, nil
	}
	t.begun, t.fresh = append(t.begun, t.fresh...), nil
	return t.begun, nil
}

// Discard forgets the first n bytes of what has come, or all of it.
func (t *fed) Discard(n int) (int, error) {
	all := t.InboundBuffered()
	if n < 0 || n >= all {
		t.begun, t.fresh = t.begun[:0], nil
		if !t.flooding && !t.isPlain() { // of whom there may be many
			t.begun = nil
		}
		return all, nil
	}
	if k := min(n, len(t.begun)); k > 0 {
		t.begun = t.begun[:copy(t.begun, t.begun[k:])]
		t.fresh = t.fresh[n-k:]
		return n, nil
	}
	t.fresh = t.fresh[n:]
	return n, nil
}

// Write encrypts and hands to the kernel; it does not wait for either.
func (t *fed) Write(b []byte) (int, error) {
	n, err := t.stream.Write(b)
	if err != nil {
		t.close(err)
	}
	return n, err
}

// Fd is the connection's descriptor.
func (t *fed) Fd() int { return t.line.fd }

// OutboundBuffered is how many bytes, encrypted, the kernel has not taken.
func (t *fed) OutboundBuffered() int { return t.line.waits() }

// CloseWrite ends what goes to the peer, by TLS and by TCP.
func (t *fed) CloseWrite() error {
	if err := t.stream.CloseWrite(); err != nil {
		return err
	}
	if t.line.waits() > 0 {
		return fmt.Errorf("the peer does not read")
	}
	return t.line.halve()
}

// Close ends the session, and tells the rooms at once.
func (t *fed) Close() error {
	t.close(nil)
	return nil
}

func (t *fed) close(err error) {
	if t.s.closed {
		return
	}
	if t.cred.timer != nil {
		t.cred.timer.Stop()
	}
	t.begun, t.fresh = nil, nil
	_ = t.line.Close() // its reader ends
	if !t.isPlain() {
		t.b.sealed--
	}
	t.b.closed(t.s, err)
}

// drop ends a connection whose loop is gone.
func (t *fed) drop() {
	if t.cred.timer != nil {
		t.cred.timer.Stop()
	}
	_ = t.line.Close()
}

// buffers are lent to sessions that send much.
type buffers struct{ free chan []byte }

// buffersKept bounds how many wait to be lent again.
const buffersKept = 64

func newBuffers() buffers { return buffers{free: make(chan []byte, buffersKept)} }

func (p buffers) get() []byte {
	select {
	case b := <-p.free:
		return b
	default:
		return make([]byte, readBytes)
	}
}

func (p buffers) put(b []byte) {
	select {
	case p.free <- b:
	default:
	}
}

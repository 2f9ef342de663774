package broker

import (
	"testing"

	"ddcos/protocol"
)

// begins sends all of a ping of so many bytes but the last.
func (r *raw) begins(size int) {
	r.t.Helper()
	b := bytesOf(protocol.Header{Kind: protocol.KindPing, Sequence: 1 << 55}, nil, make([]byte, size-protocol.HeaderSize))
	r.write(b[:size-1])
}

// ends sends the last byte, and hears the answer.
func (r *raw) ends() {
	r.t.Helper()
	r.write([]byte{0})
	r.expect(protocol.KindPong, nil)
}

// held is what the broker takes all sessions to have begun.
func held(b *Broker) (bytes, sessions int) {
	done := make(chan struct{})
	b.post(func() {
		defer close(done)
		b.begunMost()
		bytes, sessions = b.begun.bytes, len(b.begun.sessions)
	})
	<-done
	return bytes, sessions
}

// Frames that sessions begin and do not end are held up to a limit, of all together;
// beyond it whoever has begun most is ended, and nobody else is concerned.
func TestFramesThatAreBegun(t *testing.T) {
	const most = 100 << 10
	b := start(t, func(o *Options) { o.BegunBytesAll = most })
	small, large, witness := welcome(t, b, "unix"), welcome(t, b, "tcp"), welcome(t, b, "unix")
	small.begins(20 << 10)
	large.begins(40 << 10)
	until(t, "both are held", func() bool { n, of := held(b); return n == 60<<10-2 && of == 2 })
	further := welcome(t, b, "unix")
	further.begins(50 << 10)
	if code := further.ended(); code != protocol.CodeOverloaded {
		t.Errorf("who has begun most ended with %v", code)
	}
	again := welcome(t, b, "unix")
	again.begins(39 << 10)
	until(t, "three are held", func() bool { n, of := held(b); return n == 99<<10-3 && of == 3 })
	last := welcome(t, b, "unix")
	last.begins(10 << 10) // it is not the one with most
	if code := large.ended(); code != protocol.CodeOverloaded {
		t.Errorf("who has begun most ended with %v", code)
	}
	small.ends()
	again.ends()
	last.ends()
	witness.lives()
	until(t, "nothing is held", func() bool { n, of := held(b); return n == 0 && of == 0 })
	if s := statsOf(witness); s.BegunEnded != 2 || s.Begun != 0 {
		t.Errorf("%d were ended, %d bytes are held", s.BegunEnded, s.Begun)
	}
	gone := welcome(t, b, "unix")
	gone.begins(30 << 10)
	until(t, "it is held", func() bool { n, _ := held(b); return n == 30<<10-1 })
	_ = gone.c.Close()
	until(t, "a session that ends holds nothing", func() bool { n, of := held(b); return n == 0 && of == 0 })
}

// A session that sends frames in pieces for ever is held to what it has begun, not to
// what it has sent.
func TestFramesInPiecesAreNotHeld(t *testing.T) {
	b := start(t, func(o *Options) { o.BegunBytesAll = protocol.MaxFrame })
	r := welcome(t, b, "unix")
	for range 20 {
		r.begins(60 << 10)
		until(t, "it is held", func() bool { n, _ := held(b); return n == 60<<10-1 })
		r.ends()
	}
	if n, of := held(b); n != 0 || of != 0 {
		t.Errorf("%d bytes of %d sessions are held", n, of)
	}
}

// Sessions that have ended are not kept for having begun a frame.
func TestSessionsThatBeganAreForgotten(t *testing.T) {
	b := start(t, nil)
	for range 5 * begunLook {
		r := welcome(t, b, "unix")
		r.write(helloFrame()[:10])
		until(t, "it is held", func() bool { return begunBy(b) == 1 })
		_ = r.c.Close()
		until(t, "it has ended", func() bool { return b.sessions.Load() == 0 })
	}
	welcome(t, b, "unix").lives()
	done := make(chan int, 1)
	b.post(func() { done <- len(b.begun.sessions) })
	if n := <-done; n > begunLook {
		t.Errorf("%d sessions are kept", n)
	}
}

// begunBy counts the sessions that hold something, and leaves the list as it is.
func begunBy(b *Broker) (n int) {
	done := make(chan struct{})
	b.post(func() {
		defer close(done)
		for _, s := range b.begun.sessions {
			if s.held > 0 {
				n++
			}
		}
	})
	<-done
	return n
}

// What waits in line may be more than there is room for in the count: of a frame as long
// as one may be, and what came behind it, no byte is counted for ever.
func TestHeldIsBounded(t *testing.T) {
	d := newDesk(t, 0, protocol.Call{Room: "r"})
	d.b.hold(d.caller, protocol.MaxFrame+readBytes)
	if n := d.b.begun.bytes; n != int(heldMost) {
		t.Errorf("%d bytes are held, want %d", n, heldMost)
	}
	if d.b.hold(d.caller, 0); d.b.begun.bytes != 0 {
		t.Errorf("%d bytes are held of nothing", d.b.begun.bytes)
	}
}

package broker

import (
	"testing"
	"unique"

	"github.com/panjf2000/gnet/v2"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// talker is a connection without a socket: what is put into it the broker reads,
// and what the broker writes is held to the frames that there are.
type talker struct {
	gnet.Conn // nil: nothing else of it is used
	t         testing.TB
	b         *Broker
	s         *session
	in        []byte
	written   int
}

func (w *talker) Context() any               { return w.s }
func (w *talker) InboundBuffered() int       { return len(w.in) }
func (w *talker) OutboundBuffered() int      { return 0 }
func (w *talker) Peek(int) ([]byte, error)   { return w.in, nil }
func (w *talker) Fd() int                    { return -1 }
func (w *talker) Discard(n int) (int, error) { w.in = w.in[n:]; return n, nil }
func (w *talker) Close() error               { (&handler{b: w.b}).OnClose(w, nil); return nil }
func (w *talker) Writev(bs [][]byte) (n int, _ error) {
	for _, b := range bs {
		w.frames(b)
		n += len(b)
	}
	return n, nil
}

func (w *talker) Write(b []byte) (int, error) {
	w.frames(b)
	return len(b), nil
}

// frames wants whole frames of kinds that a broker may send.
func (w *talker) frames(b []byte) {
	for len(b) > 0 {
		f, size, err := protocol.Parse(b, protocol.MaxFrame)
		if err != nil || size == 0 {
			w.t.Fatalf("the broker wrote what is no frame: %v", err)
		}
		if _, asks := requestBodies()[f.Kind]; asks || !f.Kind.Known() {
			w.t.Fatalf("the broker wrote a %v frame", f.Kind)
		}
		b = b[size:]
		w.written++
	}
}

// FuzzTalk is FuzzSession without sockets and with three sessions that the fuzzer
// lets speak in turn, so that they meet in rooms: one byte says whose turn it is,
// one how many bytes it sends. After every turn calls are conserved and queues
// within their limits; when all have gone nothing is left.
func FuzzTalk(f *testing.F) {
	for _, talk := range conversations() {
		var turns []byte
		for i := 0; len(talk) > 0; i++ {
			n := min(len(talk), 255)
			turns = append(append(turns, byte(i), byte(n)), talk[:n]...)
			talk = talk[n:]
		}
		f.Add(turns)
	}
	for _, first := range conversations()[1:] { // a member, and then its caller
		for _, second := range conversations()[1:] {
			first, second := first[:min(len(first), 255)], second[:min(len(second), 255)]
			f.Add(append(append(append([]byte{0, byte(len(first))}, first...), 1, byte(len(second))), second...))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, sessions := talkers(t)
		for len(data) >= 2 {
			w, n := sessions[data[0]%3], min(int(data[1]), len(data)-2)
			if !w.s.closed {
				w.in = append(w.in, data[2:2+n]...)
				b.begin()
				b.read(w.s, w, readWhole)
				b.settle()
				talksOn(t, b, sessions)
			}
			data = data[2+n:]
		}
		for _, w := range sessions {
			b.begin()
			_ = w.Close()
		}
		b.queuedAt = 0 // what waited is counted now, not as it was a moment ago
		s := b.stats()
		if left := s.InFlight + s.OffersInFlight + s.Sessions + s.Members + s.Watches + s.Held + s.Queued; left > 0 || b.homing != 0 || len(b.dirty) > 0 {
			t.Errorf("when all have gone there is left %+v, %d bytes of accounts", s, b.homing)
		}
	})
}

// talkers are three welcomed sessions of a broker that has no loop.
func talkers(t testing.TB) (*Broker, []*talker) {
	options := DefaultOptions()
	options.Listen, options.Host, options.Number = nil, "here", 1
	b, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	b.managers = nil // as in start
	t.Cleanup(func() { b.timer.Stop() })
	var sessions []*talker
	for i := range 3 {
		w := &talker{t: t, b: b, s: &session{id: uint64(i + 1), kin: unique.Make(room.Peer{Host: "here", Principal: "uid 7"})}}
		w.s.conn = w
		b.byID.Put(w.s.key(), w.s)
		b.sessions.Add(1)
		w.in = helloFrame()
		b.begin()
		b.read(w.s, w, readWhole)
		b.settle()
		if !w.s.welcomed || w.written != 1 {
			t.Fatal("not welcomed")
		}
		sessions = append(sessions, w)
	}
	return b, sessions
}

// talksOn checks what holds after every turn.
func talksOn(t *testing.T, b *Broker, sessions []*talker) {
	s := b.stats()
	if s.Accepted != s.Finished+s.InFlight || s.OffersAccepted != s.OffersFinished+s.OffersInFlight {
		t.Fatalf("not conserved: %+v", s)
	}
	for _, w := range sessions {
		if homing := w.s.calls().homing; w.s.bytes > b.options.QueueBytes || homing < 0 || len(w.in) > protocol.MaxFrame {
			t.Fatalf("session %d has %d bytes queued, %d of accounts, %d unread", w.s.id, w.s.bytes, homing, len(w.in))
		}
	}
}

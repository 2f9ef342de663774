package middlecon_test

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/middlecon/broker/started"
	"ddcos/protocol"
)

// patience bounds every wait of these tests: it is reached only by a failure.
const patience = 30 * time.Second

// serve runs a real broker until the test ends and gives its address.
func serve(t testing.TB) string {
	t.Helper()
	_, address := started.Unix(t)
	return address
}

func dial(t testing.TB, address string) *middlecon.Conn {
	t.Helper()
	conn, err := middlecon.Dial(t.Context(), address, middlecon.Options{Timeout: patience, InFlight: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// joins makes a member of a session of its own.
func joins(t testing.TB, address, room, name string, handler middlecon.Handler) *middlecon.Membership {
	t.Helper()
	m, err := dial(t, address).Join(t.Context(), room, middlecon.Member{Name: name}, handler)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// awaitSize waits until the room has so many members.
func awaitSize(t testing.TB, address, room string, size int) {
	t.Helper()
	w, err := dial(t, address).Watch(room)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		view, err := w.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if view.Size == size {
			return
		}
	}
}

// fake is a broker that the test plays itself, frame by frame.
type fake struct {
	t   *testing.T
	c   net.Conn
	buf []byte
}

// play accepts one session, welcomes it, and lets script go on.
func play(t *testing.T, script func(f *fake)) *middlecon.Conn {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "fake.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		f := &fake{t: t, c: c}
		if _, ok := f.next(protocol.KindHello); ok {
			f.send(protocol.Header{Kind: protocol.KindWelcome}, protocol.Welcome{Version: protocol.Version}, nil)
			script(f)
		}
	}()
	conn := dial(t, "unix://"+l.Addr().String())
	t.Cleanup(func() {
		_ = conn.Close()
		<-finished
	})
	return conn
}

// next reads frames until one of that kind comes; ok is false at the session's end.
func (f *fake) next(kind protocol.Kind) (frame protocol.Frame, ok bool) {
	for {
		frame, ok := f.any()
		if !ok || frame.Kind == kind {
			return frame, ok
		}
	}
}

func (f *fake) any() (protocol.Frame, bool) {
	_ = f.c.SetReadDeadline(time.Now().Add(patience))
	for {
		frame, size, err := protocol.Parse(f.buf, protocol.MaxFrame)
		if err != nil {
			return frame, false
		}
		if size > 0 {
			f.buf = f.buf[size:]
			return frame, true
		}
		part := make([]byte, 4096)
		n, err := f.c.Read(part)
		if f.buf = append(f.buf, part[:n]...); err != nil {
			return frame, false
		}
	}
}

func (f *fake) send(h protocol.Header, body any, payload []byte) {
	var meta []byte
	if body != nil {
		meta = protocol.Encode(body)
	}
	b, err := protocol.AppendFrame(nil, h, meta, payload)
	if err != nil {
		f.t.Error(err)
		return
	}
	_, _ = f.c.Write(b) // a client that has gone is what some scripts want
}

// admit answers one Join as room 1.
func (f *fake) admit() {
	if j, ok := f.next(protocol.KindJoin); ok {
		f.send(protocol.Header{Kind: protocol.KindJoined, Sequence: j.Sequence, Room: 1, Member: 7}, protocol.Joined{View: 1}, nil)
	}
}

func (f *fake) deliver(call uint64, budget time.Duration) {
	f.send(protocol.Header{Kind: protocol.KindDeliver, Sequence: call, Room: 1, Budget: uint32(budget.Microseconds())},
		protocol.Deliver{View: 1, Host: "h"}, []byte("message"))
}

package broker

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"ddcos/protocol"
)

// patience bounds every wait of these tests: it is reached only by a failure.
const patience = 30 * time.Second

// start serves a broker on a Unix socket and on loopback TCP until the test ends.
func start(t testing.TB, change func(*Options)) *Broker {
	t.Helper()
	options := DefaultOptions()
	options.Listen = []protocol.Address{
		{Network: "unix", Where: filepath.Join(t.TempDir(), "m.sock")},
		{Network: "tcp", Where: "127.0.0.1:0"},
	}
	if over == "tls" {
		overTLS(t, &options)
	}
	options.Host = "here"
	if change != nil {
		change(&options)
	}
	b, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	b.managers = nil // those that speak to it are root, and are not to have it drained
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx) }()
	t.Cleanup(func() {
		allWoken(t, b)
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(patience):
			t.Error("Serve does not end")
		}
	})
	return b
}

// raw is a process that speaks frames, right or wrong.
type raw struct {
	t   testing.TB
	c   net.Conn
	buf []byte
}

// connect opens a connection to the broker's first (unix) or second (tcp) address.
func connect(t testing.TB, b *Broker, network string) *raw {
	t.Helper()
	if network == "tcp" && over != "" {
		network = over
	}
	for _, a := range b.Addresses() {
		if a.Network != network {
			continue
		}
		c, err := net.Dial(a.Dialled(), a.Where)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if network == "tls" {
			c = secured(c)
		}
		return &raw{t: t, c: c}
	}
	t.Fatalf("the broker has no %s address", network)
	return nil
}

// welcome connects and says Hello.
func welcome(t testing.TB, b *Broker, network string) *raw {
	t.Helper()
	r := connect(t, b, network)
	r.write(helloFrame())
	if f := r.next(); f.Kind != protocol.KindWelcome {
		t.Fatalf("a %s frame (%v) instead of welcome", f.Kind, f.Code)
	}
	return r
}

func helloFrame() []byte {
	return bytesOf(protocol.Header{Kind: protocol.KindHello}, protocol.Hello{
		MinVersion: protocol.Version, MaxVersion: protocol.Version, Software: "test", MaxFrame: protocol.MaxFrame,
	}, nil)
}

// bytesOf is one encoded frame.
func bytesOf(h protocol.Header, body any, payload []byte) []byte {
	var meta []byte
	if body != nil {
		meta = protocol.Encode(body)
	}
	b, err := protocol.AppendFrame(nil, h, meta, payload)
	if err != nil {
		panic(err)
	}
	return b
}

func (r *raw) write(b []byte) {
	r.t.Helper()
	_ = r.c.SetWriteDeadline(time.Now().Add(patience))
	if _, err := r.c.Write(b); err != nil {
		r.t.Fatalf("write: %v", err)
	}
}

func (r *raw) send(h protocol.Header, body any, payload []byte) {
	r.t.Helper()
	r.write(bytesOf(h, body, payload))
}

// next reads one frame; its bytes are the caller's.
func (r *raw) next() protocol.Frame {
	r.t.Helper()
	f, err := r.read()
	if err != nil {
		r.t.Fatalf("read: %v", err)
	}
	return f
}

func (r *raw) read() (protocol.Frame, error) {
	_ = r.c.SetReadDeadline(time.Now().Add(patience))
	for {
		f, size, err := protocol.Parse(r.buf, protocol.MaxFrame)
		if err != nil || size > 0 {
			r.buf = r.buf[size:]
			return f, err
		}
		part := make([]byte, 4096)
		n, err := r.c.Read(part)
		if r.buf = append(r.buf, part[:n]...); err != nil {
			return protocol.Frame{}, err
		}
	}
}

// expect reads one frame of that kind and its body.
func (r *raw) expect(kind protocol.Kind, body any) protocol.Frame {
	r.t.Helper()
	f := r.next()
	if f.Kind != kind {
		r.t.Fatalf("a %s frame (%v) instead of %s", f.Kind, f.Code, kind)
	}
	if body != nil {
		if err := protocol.DecodeAnswer(f.Meta, body); err != nil {
			r.t.Fatalf("%s: %v", kind, err)
		}
	}
	return f
}

// join makes the raw process a member and gives its room number.
func (r *raw) join(room, name string) uint32 {
	r.t.Helper()
	r.send(protocol.Header{Kind: protocol.KindJoin, Sequence: 1 << 40}, protocol.Join{Room: room, Name: name}, nil)
	return r.expect(protocol.KindJoined, nil).Room
}

// call sends a call to all members of a room.
func (r *raw) call(sequence uint64, room string, deadline time.Duration, payload []byte) {
	r.t.Helper()
	r.send(protocol.Header{Kind: protocol.KindCall, Sequence: sequence, Budget: uint32(deadline.Microseconds())},
		protocol.Call{Room: room}, payload)
}

// account reads the chunks of one account.
func (r *raw) account() ([]protocol.Entry, *protocol.Summary) {
	r.t.Helper()
	var entries []protocol.Entry
	for {
		var chunk protocol.AccountChunk
		f := r.expect(protocol.KindAccount, &chunk)
		entries = append(entries, chunk.Entries...)
		if f.Flags&protocol.FlagMore == 0 {
			return entries, chunk.Summary
		}
	}
}

// ended reads until the session ends and gives the code of its last Error frame.
func (r *raw) ended() protocol.Code {
	r.t.Helper()
	var code protocol.Code
	for {
		f, err := r.read()
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || isReset(err) {
			return code
		}
		if err != nil {
			r.t.Fatalf("the session does not end: %v", err)
		}
		if f.Kind == protocol.KindError && f.Sequence == 0 {
			code = f.Code
		}
	}
}

// lives fails unless the session still answers a Ping.
func (r *raw) lives() {
	r.t.Helper()
	r.send(protocol.Header{Kind: protocol.KindPing, Sequence: 77}, nil, nil)
	if f := r.expect(protocol.KindPong, nil); f.Sequence != 77 {
		r.t.Fatalf("pong of %d", f.Sequence)
	}
}

// statsOf asks for the broker's counts, and skips what else comes.
func statsOf(r *raw) (s protocol.Stats) {
	r.t.Helper()
	r.send(protocol.Header{Kind: protocol.KindStatus, Sequence: 1 << 50}, nil, nil)
	for {
		if f := r.next(); f.Kind == protocol.KindStats {
			if err := protocol.DecodeAnswer(f.Meta, &s); err != nil {
				r.t.Fatal(err)
			}
			return s
		}
	}
}

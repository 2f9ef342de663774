package faults

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// raw is a process that speaks frames, right or wrong: what a middlecon.Conn never does.
type raw struct {
	testing.TB
	c    net.Conn
	buf  []byte
	room uint32
	name string
}

// connectRaw opens a connection; one with a small receive buffer is felt when it does not read.
func connectRaw(t testing.TB, address string, buffer int) *raw {
	t.Helper()
	network, where, _ := strings.Cut(address, "://")
	d := net.Dialer{Timeout: patience, Control: func(_, _ string, c syscall.RawConn) error {
		if buffer == 0 {
			return nil
		}
		var failed error
		if err := c.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, buffer) }); err != nil {
			return err
		}
		return failed
	}}
	c, err := d.DialContext(t.Context(), network, where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &raw{TB: t, c: c}
}

func (r *raw) hello() []byte {
	r.Helper()
	return encode(r.TB, protocol.Header{Kind: protocol.KindHello}, protocol.Hello{
		MinVersion: protocol.Version, MaxVersion: protocol.Version, Software: "raw", MaxFrame: protocol.MaxFrame,
	}, nil)
}

// welcome says Hello and takes the answer.
func (r *raw) welcome() *raw {
	r.Helper()
	r.write(r.hello())
	if f := r.next(); f.Kind != protocol.KindWelcome {
		r.Fatalf("a %v frame (%v) instead of welcome", f.Kind, f.Code)
	}
	return r
}

// join makes it a member of the room.
func (r *raw) join(name string) *raw {
	r.Helper()
	r.name = name
	r.send(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: theRoom, Name: name}, nil)
	f := r.next()
	if f.Kind != protocol.KindJoined {
		r.Fatalf("a %v frame (%v) instead of joined", f.Kind, f.Code)
	}
	r.room = f.Room
	return r
}

func encode(t testing.TB, h protocol.Header, body any, payload []byte) []byte {
	t.Helper()
	var meta []byte
	if body != nil {
		meta = protocol.Encode(body)
	}
	b, err := protocol.AppendFrame(nil, h, meta, payload)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (r *raw) send(h protocol.Header, body any, payload []byte) {
	r.Helper()
	r.write(encode(r.TB, h, body, payload))
}

func (r *raw) write(b []byte) {
	r.Helper()
	_ = r.c.SetWriteDeadline(time.Now().Add(patience))
	if _, err := r.c.Write(b); err != nil {
		r.Fatalf("%s: write: %v", r.name, err)
	}
}

// next reads one frame; its bytes are the caller's.
func (r *raw) next() protocol.Frame {
	r.Helper()
	f, err := r.read()
	if err != nil {
		r.Fatalf("%s: read: %v", r.name, err)
	}
	return f
}

func (r *raw) read() (protocol.Frame, error) {
	for {
		f, size, err := protocol.Parse(r.buf, protocol.MaxFrame)
		if size > 0 || err != nil {
			r.buf = r.buf[size:]
			return f, err
		}
		if err := r.some(protocol.MaxFrame); err != nil {
			return f, err
		}
	}
}

// some reads up to n bytes more.
func (r *raw) some(n int) error {
	more := make([]byte, n)
	_ = r.c.SetReadDeadline(time.Now().Add(patience))
	n, err := r.c.Read(more)
	r.buf = append(r.buf[:len(r.buf):len(r.buf)], more[:n]...)
	return err
}

// delivered waits for the next message.
func (r *raw) delivered() protocol.Frame {
	r.Helper()
	for {
		if f := r.next(); f.Kind == protocol.KindDeliver {
			return f
		}
	}
}

// reply answers a message as a member of the library would.
func (r *raw) reply(f protocol.Frame, outcome protocol.Outcome, text []byte) {
	r.Helper()
	r.send(protocol.Header{Kind: protocol.KindReply, Sequence: f.Sequence, Room: f.Room, Outcome: outcome}, nil, text)
}

// answer is the right reply to a message, noted as done.
func (w *world) answer(r *raw, f protocol.Frame) []byte {
	key := w.noted(r, f.Payload, Began, Effect)
	return Reply(r.name, key, Digest(f.Payload), 0)
}

// noted keeps what a raw member did in the history.
func (w *world) noted(r *raw, payload []byte, steps ...Step) Key {
	w.Helper()
	key, _, err := ParsePayload(payload, r.name)
	if err != nil {
		w.Error(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, step := range steps {
		w.h.Lines = append(w.h.Lines, Line{At: Now(), Member: r.name, Step: step, Key: key, Digest: Digest(payload)})
	}
	return key
}

// reset ends the connection with an RST instead of a FIN.
func (r *raw) reset() {
	r.Helper()
	tcp, ok := r.c.(*net.TCPConn)
	if !ok {
		r.Fatal("only TCP has resets")
	}
	if err := tcp.SetLinger(0); err != nil {
		r.Error(err)
	}
	_ = tcp.Close()
}

// ended waits for the end of the session and gives the code that the broker named.
func (r *raw) ended() protocol.Code {
	r.Helper()
	var code protocol.Code
	for {
		f, err := r.read()
		if err != nil {
			return code
		}
		if f.Kind == protocol.KindError && f.Sequence == 0 {
			code = f.Code
		}
	}
}

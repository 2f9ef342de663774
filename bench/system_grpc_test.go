package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ddcos/protocol"
)

// grpcServer is Go's own HTTP/2 server, whose only stream does what serve does with its messages.
func grpcServer(t *testing.T, serve func(path string, in io.Reader, out func([]byte)) error) protocol.Address {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{Protocols: &protocols, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") != "application/grpc" || r.Header.Get("Te") != "trailers" || r.Method != http.MethodPost {
			t.Errorf("%s %s of %v", r.Method, r.URL, r.Header)
		}
		flush := http.NewResponseController(w).Flush
		w.WriteHeader(http.StatusOK)
		_ = flush()
		out := func(value []byte) {
			_, _ = w.Write((&h2{whole: 1 << 30, own: 1 << 30}).message1(value))
			_ = flush()
		}
		if err := serve(r.URL.Path, r.Body, out); err != nil && !errors.Is(err, io.EOF) && r.Context().Err() == nil {
			t.Error(err)
		}
	})}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return protocol.Address{Network: "tcp", Where: l.Addr().String()}
}

// message1 is one message without frames around it.
func (h *h2) message1(value []byte) []byte {
	h.whole, h.own = 0, 0 // nothing leaves
	_ = h.send(nil, value)
	return h.waiting
}

// readGRPC reads one message.
func readGRPC(r io.Reader) ([]byte, error) {
	head := make([]byte, grpcHeader)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[1:]))
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return bytesValue(body)
}

// TestGRPCStream sends more than any window to a real HTTP/2 server, which sends it back, and reads
// that both as it comes and byte by byte.
func TestGRPCStream(t *testing.T) {
	address := grpcServer(t, func(_ string, in io.Reader, out func([]byte)) error {
		for {
			value, err := readGRPC(in)
			if err != nil {
				return err
			}
			out(value)
		}
	})
	conn, err := net.Dial(address.Network, address.Where)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	var h h2
	out := h.hello(nil, "/bench.Broker/Echo")
	var sent [][]byte
	for i := range 300 {
		value := bytes.Repeat([]byte{byte(i)}, i*i%20_000)
		sent = append(sent, value)
		out = h.send(out, value[:len(value)/2], value[len(value)/2:])
	}
	go func() { _, _ = conn.Write(out) }()
	var came, all []byte
	for got, buf := 0, make([]byte, 10_000); got < len(sent); {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("after %d messages: %v", got, err)
		}
		came, all = append(came, buf[:n]...), append(all, buf[:n]...)
		for {
			used, value, answer, err := h.take(came, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(answer) > 0 {
				if _, err := conn.Write(answer); err != nil {
					t.Fatal(err)
				}
			}
			if value != nil {
				if !bytes.Equal(value, sent[got]) {
					t.Fatalf("message %d: %d bytes, want %d", got, len(value), len(sent[got]))
				}
				got++
			}
			if used == 0 {
				break
			}
			came = came[used:]
		}
	}
	if len(h.waiting) > 0 {
		t.Errorf("%d bytes have not left", len(h.waiting))
	}
	byteByByte(t, all, sent)
}

// byteByByte lets what a server said come in the smallest pieces.
func byteByByte(t *testing.T, all []byte, want [][]byte) {
	t.Helper()
	h := h2{whole: h2FirstWindow, own: h2FirstWindow, initial: h2FirstWindow}
	start, got := 0, 0
	for end := 1; end <= len(all); end++ {
		for {
			used, value, _, err := h.take(all[start:end], nil)
			if err != nil {
				t.Fatal(err)
			}
			if value != nil {
				if !bytes.Equal(value, want[got]) {
					t.Fatalf("message %d byte by byte: %d bytes, want %d", got, len(value), len(want[got]))
				}
				got++
			}
			if used == 0 {
				break
			}
			start += used
		}
	}
	if got != len(want) {
		t.Errorf("%d messages byte by byte, want %d", got, len(want))
	}
}

// TestGRPCMember joins two rooms and answers what it is sent; TestGRPCCaller is its other end.
func TestGRPCMember(t *testing.T) {
	answered := make(chan []byte, 1)
	address := grpcServer(t, func(path string, in io.Reader, out func([]byte)) error {
		rooms, err := readGRPC(in)
		if path != "/bench.Broker/Join" || string(rooms) != "bench bench-1" || err != nil {
			t.Errorf("%s %q, %v", path, rooms, err)
		}
		out(make([]byte, grpcNumber))
		out([]byte("12345678hello"))
		value, err := readGRPC(in)
		answered <- value
		return err
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Fleet(ctx, FleetOptions{System: "grpc", Broker: "tcp://" + address.Where, Members: 1, Rooms: 2, Out: io.Discard})
	}()
	select {
	case value := <-answered:
		if string(value) != "12345678hello" {
			t.Errorf("it answered %q", value)
		}
		cancel()
	case err := <-ended:
		t.Fatal(err)
	}
	// The stream may have ended before, and the fleet may still have been about to say that all are in.
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "the broker ended") {
		t.Error(err)
	}
	cancel()
}

func TestGRPCCaller(t *testing.T) {
	address := grpcServer(t, func(path string, in io.Reader, out func([]byte)) error {
		if path != "/bench.Broker/Call" {
			t.Errorf("it opens %s", path)
		}
		out(make([]byte, grpcNumber))
		for {
			value, err := readGRPC(in)
			if err != nil {
				return err
			}
			for member := range uint64(2) {
				r := binary.BigEndian.AppendUint64(bytes.Clone(value[:grpcNumber]), member+1)
				out(append(append(r, byte(member)), value[grpcNumber:]...))
			}
		}
	})
	c, err := dialBare(t.Context(), address, &grpcAsker{}, toldLast, 2)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := errors.Join(c.call(t.Context(), []byte("x")), c.check([]byte("x"))); err != nil {
			t.Error(err)
		}
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
}

func TestGRPCRefuses(t *testing.T) {
	frame := func(kind, flags byte, body ...byte) []byte {
		return append(appendH2(nil, kind, flags, h2Stream, len(body)), body...)
	}
	for name, in := range map[string][]byte{
		"too long":         appendH2(nil, h2Data, 0, h2Stream, h2MaxFrame+1),
		"its end":          frame(h2Headers, h2EndStream|h2EndHeaders),
		"its end in data":  frame(h2Data, h2EndStream),
		"a reset":          frame(h2Reset, 0, 0, 0, 0, 8),
		"a farewell":       frame(h2GoAway, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		"no window":        frame(h2WindowUpdate, 0, 1),
		"all padding":      frame(h2Data, h2Padded, 9, 0),
		"compressed":       frame(h2Data, 0, 1, 0, 0, 0, 0),
		"a long message":   frame(h2Data, 0, 0, 1, 0, 0, 0),
		"no BytesValue":    frame(h2Data, 0, 0, 0, 0, 0, 2, 0x12, 0),
		"another length":   frame(h2Data, 0, 0, 0, 0, 0, 3, 0x0a, 9, 'x'),
		"nothing in it":    frame(h2Data, 0, 0, 0, 0, 0, 0),
		"a short delivery": frame(h2Data, 0, 0, 0, 0, 0, 3, 0x0a, 1, 'x'),
	} {
		w := &grpcWire{rooms: 1}
		w.hello(nil)
		var err error
		for used := 1; used > 0 && err == nil; in = in[used:] {
			used, _, err = w.take(in, nil)
		}
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// FuzzGRPC: whatever a server says, no more is taken than has come, and no message is too long.
func FuzzGRPC(f *testing.F) {
	var h h2
	f.Add(appendWindow(h.send(nil, []byte("hello")), 0, 1))
	h.hello(nil, "/")
	f.Add(append(h.send(nil, []byte("12345678")), appendH2(nil, h2Ping, 0, 0, 0)...))
	f.Add(append(appendH2(nil, h2Data, h2Padded, h2Stream, 12), 2, 0, 0, 0, 0, 5, 0x0a, 3, 'a', 'b', 'c', 0, 0))
	f.Fuzz(func(t *testing.T, in []byte) {
		h := h2{whole: h2FirstWindow, own: h2FirstWindow, initial: h2FirstWindow}
		for {
			used, value, _, err := h.take(in, nil)
			if used < 0 || used > len(in) || len(value) > grpcMax || len(h.partial) > grpcHeader+grpcMax || h.left < 0 || h.padding < 0 {
				t.Fatalf("%d of %d bytes, a value of %d, %+v", used, len(in), len(value), h)
			}
			if err != nil || used == 0 {
				return
			}
			in = in[used:]
		}
	})
}

package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

func isReset(err error) bool { return errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) }

// bad is one way to break the protocol, and the code that tells so.
type bad struct {
	name  string
	hello bool // after a proper Hello
	bytes []byte
	code  protocol.Code
}

// patched is a frame with some of its header's bytes changed.
func patched(frame []byte, at int, with ...byte) []byte {
	copy(frame[at:], with)
	return frame
}

func malformed() []bad {
	ping := func() []byte { return bytesOf(protocol.Header{Kind: protocol.KindPing}, nil, nil) }
	length := func(n uint32) []byte { return patched(ping(), 4, binary.BigEndian.AppendUint32(nil, n)...) }
	rawMeta := func(kind protocol.Kind, meta []byte) []byte {
		b, err := protocol.AppendFrame(nil, protocol.Header{Kind: kind, Budget: 1e6}, meta, nil)
		if err != nil {
			panic(err)
		}
		return b
	}
	return []bad{
		{"hello of no common version", false, bytesOf(protocol.Header{Kind: protocol.KindHello}, protocol.Hello{MinVersion: 2, MaxVersion: 9, MaxFrame: protocol.MaxFrame}, nil), protocol.CodeBadVersion},
		{"hello with tiny frames", false, bytesOf(protocol.Header{Kind: protocol.KindHello}, protocol.Hello{MinVersion: 1, MaxVersion: 1, MaxFrame: 100}, nil), protocol.CodeBadVersion},
		{"hello without a body", false, rawMeta(protocol.KindHello, nil), protocol.CodeMalformed},
		{"a call before hello", false, bytesOf(protocol.Header{Kind: protocol.KindCall}, protocol.Call{Room: "r"}, nil), protocol.CodeUnexpected},
		{"4 KiB before hello", false, bytesOf(protocol.Header{Kind: protocol.KindHello}, nil, make([]byte, protocol.MaxFirst)), protocol.CodeFrameTooLarge},
		{"http", false, []byte("GET / HTTP/1.1\r\nHost: localhost:7411\r\nAccept: */*\r\n\r\n"), protocol.CodeBadVersion},
		{"another version", true, patched(ping(), 0, 2), protocol.CodeBadVersion},
		{"longer than a frame may be", true, length(protocol.MaxBody + 1), protocol.CodeFrameTooLarge},
		{"2 GiB", true, length(1<<31 - 1), protocol.CodeFrameTooLarge},
		{"4 GiB", true, length(1<<32 - 1), protocol.CodeFrameTooLarge},
		{"meta longer than the body", true, patched(ping(), 32, 0, 1), protocol.CodeMalformed},
		{"reserved bytes", true, patched(ping(), 39, 1), protocol.CodeMalformed},
		{"hello twice", true, helloFrame(), protocol.CodeUnexpected},
		{"a broker's kind", true, bytesOf(protocol.Header{Kind: protocol.KindAccount}, nil, nil), protocol.CodeUnexpected},
		{"an unknown kind", true, bytesOf(protocol.Header{Kind: 200}, nil, nil), protocol.CodeUnexpected},
		{"kind 0", true, bytesOf(protocol.Header{}, nil, nil), protocol.CodeUnexpected},
		{"a reply of timeout", true, bytesOf(protocol.Header{Kind: protocol.KindReply, Outcome: protocol.Timeout}, nil, nil), protocol.CodeMalformed},
		{"a gigabyte declared in five bytes", true, rawMeta(protocol.KindJoin, []byte{0xdd, 0x40, 0, 0, 0}), protocol.CodeMalformed},
		{"a map that ends early", true, rawMeta(protocol.KindCall, []byte{0x82, 0xa4, 'r', 'o', 'o', 'm'}), protocol.CodeMalformed},
		{"an array for a map", true, rawMeta(protocol.KindWatch, []byte{0x91, 0xc2}), protocol.CodeMalformed},
		{"no body at all", true, rawMeta(protocol.KindJoin, nil), protocol.CodeMalformed},
	}
}

// Each malformed frame, cut in two at every byte, ends its own session with a
// code and leaves the session beside it alone.
func TestMalformedFramesEndTheirOwnSession(t *testing.T) {
	b := start(t, nil)
	witness := welcome(t, b, "unix")
	for _, m := range malformed() {
		t.Run(m.name, func(t *testing.T) {
			for at := 1; at <= len(m.bytes); at++ {
				r := &raw{t: t, c: connect(t, b, "unix").c}
				if m.hello {
					r = welcome(t, b, "unix")
				}
				_, _ = r.c.Write(m.bytes[:at])
				witness.lives() // the broker has seen the first half
				_, _ = r.c.Write(m.bytes[at:])
				if code := r.ended(); code != m.code {
					t.Fatalf("split at %d: %v, want %v", at, code, m.code)
				}
				_ = r.c.Close()
			}
		})
	}
	witness.lives()
}

// Good frames give the same whether they come one at a time, all at once, or
// a byte at a time.
func TestFramesInAnyPieces(t *testing.T) {
	b := start(t, nil)
	var all []byte
	const pings = 1000
	for i := range pings {
		all = append(all, bytesOf(protocol.Header{Kind: protocol.KindPing, Sequence: uint64(i)}, nil, []byte("payload"))...)
	}
	for _, size := range []int{1, 39, 40, 41, 4096, len(all)} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := welcome(t, b, "tcp")
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				for rest := all; len(rest) > 0; {
					n := min(size, len(rest))
					if _, err := r.c.Write(rest[:n]); err != nil {
						return
					}
					rest = rest[n:]
				}
			}()
			for i := range pings {
				if f := r.expect(protocol.KindPong, nil); f.Sequence != uint64(i) {
					t.Fatalf("pong %d of %d", f.Sequence, i)
				}
			}
			<-sent
		})
	}
}

package protocol

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
)

// full has a different value in every byte of every field.
func full() Header {
	return Header{
		Version: Version, Kind: KindReply, Flags: FlagMore | FlagIgnorable, Outcome: AppError,
		Sequence: 0x0102030405060708, Member: 0x1112131415161718, Room: 0x21222324, Budget: 0x31323334, Code: 0x4142,
	}
}

func frameOf(t testing.TB, h Header, meta, payload []byte) []byte {
	t.Helper()
	b, err := AppendFrame(nil, h, meta, payload)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHeaderRoundTrip(t *testing.T) {
	h := full()
	h.Length, h.MetaLen = 0x51525354, 0x6162
	b := AppendHeader([]byte("before"), h)
	if len(b) != len("before")+HeaderSize || string(b[:6]) != "before" {
		t.Fatalf("%d bytes", len(b))
	}
	if got := parseHeader(b[6:]); got != h {
		t.Errorf("%+v, want %+v", got, h)
	}
	want := unhex(t, "01 0a 03 02  51525354  0102030405060708  1112131415161718  21222324  31323334  6162  4142  00000000")
	if !bytes.Equal(b[6:], want) {
		t.Errorf("% x, want % x", b[6:], want)
	}
}

func TestFrameRoundTrip(t *testing.T) {
	for _, test := range []struct{ meta, payload int }{{0, 0}, {1, 0}, {0, 1}, {30, 70}, {MaxBody, 0}, {0, MaxBody}, {65495, 1}} {
		meta, payload := bytes.Repeat([]byte{'m'}, test.meta), bytes.Repeat([]byte{'p'}, test.payload)
		b := frameOf(t, full(), meta, payload)
		f, size, err := Parse(append(b, "the next frame"...), MaxFrame)
		if err != nil || size != len(b) {
			t.Fatalf("size %d, error %v, want %d", size, err, len(b))
		}
		want := full()
		want.Length, want.MetaLen = uint32(test.meta+test.payload), uint16(test.meta)
		if f.Header != want || !bytes.Equal(f.Meta, meta) || !bytes.Equal(f.Payload, payload) {
			t.Errorf("%d+%d: %+v with %d+%d", test.meta, test.payload, f.Header, len(f.Meta), len(f.Payload))
		}
		if cap(f.Meta) != len(f.Meta) || cap(f.Payload) != len(f.Payload) {
			t.Error("who appends to the meta or the payload overwrites what follows")
		}
	}
}

func TestAppendFrameTooLarge(t *testing.T) {
	for _, test := range []struct{ meta, payload int }{{0, MaxBody + 1}, {1, MaxBody}, {MaxBody + 1, 0}, {1 << 16, 0}} {
		b, err := AppendFrame([]byte("before"), full(), make([]byte, test.meta), make([]byte, test.payload))
		wantCode(t, err, CodeFrameTooLarge)
		if string(b) != "before" {
			t.Errorf("%d bytes were appended", len(b)-6)
		}
	}
}

// Every prefix of a frame is either waited on or refused as the whole is: the
// header's verdict comes with its last byte.
func TestParseEverySplit(t *testing.T) {
	good := frameOf(t, full(), []byte("meta"), []byte("payload"))
	for n := range good {
		f, size, err := Parse(good[:n:n], MaxFrame)
		if size != 0 || err != nil || f.Meta != nil {
			t.Errorf("%d of %d bytes: size %d, error %v", n, len(good), size, err)
		}
		if need, want := Need(good[:n]), map[bool]int{true: HeaderSize, false: len(good)}[n < HeaderSize]; need != want {
			t.Errorf("Need with %d bytes is %d, want %d", n, need, want)
		}
	}
	for name, spoil := range spoilt() {
		bad := bytes.Clone(good)
		want := spoil(bad)
		for n := range len(bad) + 1 {
			_, size, err := Parse(bad[:n:n], MaxFrame)
			if n < HeaderSize {
				if size != 0 || err != nil {
					t.Errorf("%s, %d bytes: size %d, error %v", name, n, size, err)
				}
				continue
			}
			if size != 0 {
				t.Errorf("%s, %d bytes: size %d", name, n, size)
			}
			wantCode(t, err, want)
		}
	}
}

// spoilt are ways to break a frame, each with the code that it is refused by.
func spoilt() map[string]func([]byte) Code {
	put32 := func(at int, v uint32, code Code) func([]byte) Code {
		return func(b []byte) Code {
			binary.BigEndian.PutUint32(b[at:], v)
			return code
		}
	}
	set := func(at int, v byte, code Code) func([]byte) Code {
		return func(b []byte) Code {
			b[at] = v
			return code
		}
	}
	return map[string]func([]byte) Code{
		"version 0":            set(0, 0, CodeBadVersion),
		"version 2":            set(0, 2, CodeBadVersion),
		"an HTTP request":      func(b []byte) Code { copy(b, "GET / HTTP/1.1\r\nHost: x\r\n"); return CodeBadVersion },
		"one byte too many":    put32(4, MaxBody+1, CodeFrameTooLarge),
		"2^31-1 bytes":         put32(4, 1<<31-1, CodeFrameTooLarge),
		"2^31 bytes":           put32(4, 1<<31, CodeFrameTooLarge),
		"2^32-40 bytes":        put32(4, 1<<32-HeaderSize, CodeFrameTooLarge),
		"2^32-1 bytes":         put32(4, 1<<32-1, CodeFrameTooLarge),
		"meta beyond the body": set(33, 12, CodeMalformed),
		"meta of 65535":        set(32, 0xff, CodeMalformed),
		"reserved first":       set(36, 1, CodeMalformed),
		"reserved last":        set(39, 0x80, CodeMalformed),
	}
}

// W1: lengths around each limit; nothing is allocated for any of them.
func TestParseLengths(t *testing.T) {
	for _, limit := range []int{MaxFirst, MaxFrame} {
		for _, length := range []uint32{0, 1, uint32(limit) - HeaderSize - 1, uint32(limit) - HeaderSize, uint32(limit) - HeaderSize + 1, 1<<31 - 1, 1<<32 - 1} {
			b := AppendHeader(make([]byte, 0, limit), Header{Version: Version, Kind: KindPing, Length: length})
			want := Code(0)
			if int(length) > limit-HeaderSize {
				want = CodeFrameTooLarge
			} else if length > 0 {
				if _, size, err := Parse(b, limit); size != 0 || err != nil {
					t.Errorf("length %d of %d, header alone: size %d, error %v", length, limit, size, err)
				}
				b = append(b, make([]byte, length)...)
			}
			f, size, err := Parse(b, limit)
			wantCode(t, err, want)
			if want == 0 && (size != HeaderSize+int(length) || len(f.Payload) != int(length)) {
				t.Errorf("length %d: size %d, payload %d", length, size, len(f.Payload))
			}
			if need := Need(b); need > MaxFrame {
				t.Errorf("length %d: a reader would make room for %d bytes", length, need)
			}
			if got := allocated(func() { _, _, _ = Parse(b, limit) }); got > 1024 {
				t.Errorf("length %d: %d bytes allocated", length, got)
			}
		}
	}
}

// W5: a thousand frames in one piece are the same thousand frames.
func TestParseThousand(t *testing.T) {
	var b []byte
	var err error
	for i := range 1000 {
		if b, err = AppendFrame(b, Header{Kind: KindPing, Sequence: uint64(i)}, nil, fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 {
		f, size, err := Parse(b, MaxFrame)
		if err != nil || f.Sequence != uint64(i) || string(f.Payload) != fmt.Sprint(i) {
			t.Fatalf("frame %d: %+v, %v", i, f, err)
		}
		b = b[size:]
	}
	if len(b) != 0 {
		t.Errorf("%d bytes remain", len(b))
	}
}

// W14: whatever the kind and the flags, a frame is parsed; what to do with it is the session's rule.
func TestParseEveryKindAndFlag(t *testing.T) {
	for kind := range 256 {
		b := frameOf(t, Header{Kind: Kind(kind), Flags: Flags(255 - kind)}, nil, nil)
		f, _, err := Parse(b, MaxFrame)
		if err != nil || f.Kind != Kind(kind) || f.Flags != Flags(255-kind) {
			t.Errorf("kind %d: %+v, %v", kind, f.Header, err)
		}
		if known := f.Kind.Known(); known != (kind >= 1 && kind < len(kindNames)) || f.Kind.String() == "" {
			t.Errorf("kind %d: known %v, named %q", kind, known, f.Kind)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	b := frameOf(t, full(), make([]byte, 100), make([]byte, 1000))
	buf := make([]byte, 0, 2048)
	if n := testing.AllocsPerRun(100, func() { _, _, _ = Parse(b, MaxFrame) }); n != 0 {
		t.Errorf("Parse: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = AppendFrame(buf, full(), b[:10], b[:20]) }); n != 0 {
		t.Errorf("AppendFrame: %v allocations", n)
	}
}

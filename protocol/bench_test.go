package protocol

import (
	"fmt"
	"reflect"
	"testing"
)

// accountOf is a chunk as a broker sends it home from a room of k2i agents.
func accountOf(entries int) AccountChunk {
	var chunk AccountChunk
	for i := range entries {
		chunk.Entries = append(chunk.Entries, Entry{
			Member: NewMemberID(7, uint64(i+1)), Name: fmt.Sprintf("host-%04d", i), Host: "10.0.0.1",
			PID: int32(1000 + i), Outcome: OK, LatencyUS: uint64(900 + i), Reply: []byte("done"),
		})
	}
	chunk.Summary = &Summary{Room: "k2i", View: 12, ViewSize: uint32(entries), Selected: uint32(entries), Met: true, ElapsedUS: 4711}
	return chunk
}

func BenchmarkAppendFrame(b *testing.B) {
	h, meta, payload := Header{Kind: KindDeliver, Sequence: 1, Room: 1, Budget: 1e6}, make([]byte, 32), make([]byte, 64)
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = AppendFrame(buf[:0], h, meta, payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	frame, err := AppendFrame(nil, Header{Kind: KindDeliver, Sequence: 1}, make([]byte, 32), make([]byte, 64))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, size, err := Parse(frame, MaxFrame); size != len(frame) || err != nil {
			b.Fatal(size, err)
		}
	}
}

func BenchmarkAccountEncode500(b *testing.B) {
	chunk := accountOf(500)
	buf := Encode(&chunk)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = chunk.Append(buf[:0])
	}
}

func BenchmarkAccountValidate500(b *testing.B) {
	chunk := accountOf(500)
	meta := Encode(&chunk)
	s := shapeOf(reflect.TypeFor[AccountChunk]())
	b.ReportAllocs()
	for b.Loop() {
		if err := walk(meta, s, MaxBody); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAccountDecode500(b *testing.B) {
	chunk := accountOf(500)
	meta := Encode(&chunk)
	b.SetBytes(int64(len(meta)))
	b.ReportAllocs()
	for b.Loop() {
		entries := 0
		if _, err := ReadAccount(meta, func(*Entry) error { entries++; return nil }); err != nil || entries != 500 {
			b.Fatal(entries, err)
		}
	}
}

func BenchmarkCallDecode(b *testing.B) {
	meta := Encode(&Call{Room: "k2i", Rule: RuleShare, N: 66, Labels: map[string]string{"role": "web"}})
	b.ReportAllocs()
	for b.Loop() {
		var got Call
		if err := DecodeRequest(meta, &got); err != nil {
			b.Fatal(err)
		}
	}
}

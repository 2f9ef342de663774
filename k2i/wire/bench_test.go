package wire

import (
	"encoding/json"
	"testing"

	"ddcos/k2i/query"
	"ddcos/protocol"
)

// rowsMeasured is what one ordinary host answers with.
const rowsMeasured = 500

// BenchmarkEncode and BenchmarkDecode print ns and bytes for each row, msgpack
// beside encoding/json.
func BenchmarkEncode(b *testing.B) {
	snap := snapshot(rowsMeasured)
	a := answered(snap, Request{}, snap.At)
	measure := func(name string, encode func() []byte) {
		b.Run(name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				n = len(encode())
			}
			report(b, n)
		})
	}
	measure("msgpack", func() []byte { return protocol.Encode(a) })
	measure("json", func() []byte { return asJSON(b, a) })
}

func BenchmarkDecode(b *testing.B) {
	snap := snapshot(rowsMeasured)
	a := answered(snap, Request{}, snap.At)
	packed, text := protocol.Encode(a), asJSON(b, a)
	b.Run("msgpack", func(b *testing.B) {
		for b.Loop() {
			if _, err := DecodeAnswer(packed, query.Query{}); err != nil {
				b.Fatal(err)
			}
		}
		report(b, len(packed))
	})
	b.Run("json", func(b *testing.B) {
		for b.Loop() {
			var got Answer
			if err := json.Unmarshal(text, &got); err != nil {
				b.Fatal(err)
			}
		}
		report(b, len(text))
	})
}

func asJSON(b *testing.B, a *Answer) []byte {
	text, err := json.Marshal(a)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

func report(b *testing.B, size int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rowsMeasured, "ns/row")
	b.ReportMetric(float64(size)/rowsMeasured, "bytes/row")
}

package broker

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/protocol"
)

// greedy are what a session may ask for again and again, by name: the next frame or two,
// as many of which as one read brings are one turn of the loop.
func greedy() map[string]func(i int) []byte {
	fixed := func(frames ...[]byte) func(int) []byte {
		all := slices.Concat(frames...)
		return func(int) []byte { return all }
	}
	call := bytesOf(protocol.Header{Kind: protocol.KindCall, Sequence: 7, Budget: 1e6}, protocol.Call{Room: "r"}, nil)
	return map[string]func(i int) []byte{
		"pings":                fixed(bytesOf(protocol.Header{Kind: protocol.KindPing, Sequence: 1}, nil, nil)),
		"stray replies":        fixed(bytesOf(protocol.Header{Kind: protocol.KindReply, Sequence: 1 << 50, Outcome: protocol.OK}, nil, nil)),
		"status":               fixed(bytesOf(protocol.Header{Kind: protocol.KindStatus, Sequence: 1}, nil, nil)),
		"calls taken back":     fixed(call, bytesOf(protocol.Header{Kind: protocol.KindCancel, Sequence: 7}, nil, nil)),
		"messages":             fixed(bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: 1}, protocol.Publish{Room: "r"}, nil)),
		"joins that are wrong": fixed(bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: "r", Name: "m0"}, nil)),
		"joins and leaves": fixed(bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: "busy", Name: "x"}, nil),
			bytesOf(protocol.Header{Kind: protocol.KindLeave, Sequence: 1, Room: 2}, nil, nil)),
		"states": fixed(bytesOf(protocol.Header{Kind: protocol.KindState, Sequence: 1, Room: 2}, protocol.State{State: map[string]string{"k": strings.Repeat("x", 200)}}, nil)),
		"calls that wait": func(i int) []byte {
			return bytesOf(protocol.Header{Kind: protocol.KindCall, Sequence: uint64(i + 1), Budget: 1e6}, protocol.Call{Room: fmt.Sprint("w", i), Wait: 1, WaitUS: 1e6}, nil)
		},
	}
}

// BenchmarkTurns measures for how long one session holds the loop at most by what it asks,
// while the others wait: one read of each kind of frame, beside a room of 8 and one
// that is watched 640 times. The least of all turns, so that a busy machine tells the same.
//
//	go test -run '^$' -bench Turns -benchtime 50x ./middlecon/broker
func BenchmarkTurns(b *testing.B) {
	all := greedy()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.Run(name, func(b *testing.B) {
			least, frames := time.Duration(0), 0
			for b.Loop() {
				b.StopTimer()
				d := newDesk(b, 8, protocol.Call{Room: "r"})
				for i := range 10 {
					w := d.session(100 + i)
					for n := range uint64(64) {
						d.turn(w, bytesOf(protocol.Header{Kind: protocol.KindWatch, Sequence: n + 1}, protocol.Watch{Room: "busy"}, nil))
					}
				}
				s := d.session(99)
				if name == "states" {
					d.turn(s, bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: "busy", Name: "x"}, nil))
				}
				read := []byte(nil)
				for frames = 0; ; frames++ {
					next := all[name](frames)
					if len(read)+len(next) > readBytes {
						break
					}
					read = append(read, next...)
				}
				began := time.Now()
				b.StartTimer()
				d.turn(s, read)
				b.StopTimer()
				if took := time.Since(began); least == 0 || took < least {
					least = took
				}
				d.b.timer.Stop()
				b.StartTimer()
			}
			b.ReportMetric(float64(least.Nanoseconds())/1e3, "least-µs/turn")
			b.ReportMetric(float64(frames), "frames/turn")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkLongReply measures the longest turn of a reply as long as one may be, which its
// member sends in parts of one frame each, without the last: the least of all replies.
//
//	go test -run '^$' -bench LongReply -benchtime 20x ./middlecon/broker
func BenchmarkLongReply(b *testing.B) {
	least := time.Duration(0)
	for b.Loop() {
		d := newDesk(b, 1, protocol.Call{Room: "r"})
		d.turn(d.caller, d.call)
		h := protocol.Header{Kind: protocol.KindReply, Room: 1, Outcome: protocol.OK, Flags: protocol.FlagMore}
		d.members[0].conn.(*tape).frames(b, func(f protocol.Frame) { h.Sequence = f.Sequence })
		part := bytesOf(h, nil, make([]byte, protocol.MaxBody))
		longest := time.Duration(0)
		for range protocol.MaxReply / protocol.MaxBody {
			began := time.Now()
			d.turn(d.members[0], part)
			longest = max(longest, time.Since(began))
		}
		if held := d.b.rooms.Stats().Held; held < protocol.MaxReply-protocol.MaxBody {
			b.Fatalf("%d bytes are held", held)
		}
		if least == 0 || longest < least {
			least = longest
		}
		d.b.timer.Stop()
	}
	b.ReportMetric(float64(least.Nanoseconds())/1e3, "least-longest-µs/turn")
	b.ReportMetric(0, "ns/op")
}

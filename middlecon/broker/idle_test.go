package broker

import (
	"fmt"
	"runtime"
	"testing"

	"ddcos/protocol"
)

// BenchmarkIdle measures what a session in two rooms takes of the heap, both ends of its
// connection: a plain one, one that may be resumed, and one that may be resumed and was
// pinged very often, as over TCP in a quarter of an hour.
//
//	go test -run '^$' -bench Idle -benchtime 1x ./middlecon/broker
func BenchmarkIdle(b *testing.B) {
	const sessions, pings = 1000, 60
	for _, c := range []struct {
		name      string
		resumable bool
		pings     int
	}{{"plain", false, 0}, {"resumable", true, 0}, {"plain, pinged", false, pings}, {"resumable, pinged", true, pings}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				broker := start(b, lasting)
				before := live()
				all := make([]*raw, sessions)
				for i := range all {
					all[i] = idle(b, broker, i, c.resumable)
				}
				for i := range c.pings {
					pingAll(b, broker, all, map[bool]int{true: 4 + i}[c.resumable])
				}
				b.ReportMetric(float64(live()-before)/sessions, "B/session")
				runtime.KeepAlive(all)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// idle is a session in two rooms that has nothing more to say.
func idle(t testing.TB, b *Broker, i int, resumable bool) *raw {
	h := protocol.Hello{}
	if resumable {
		h.WindowMS = uint32(window.Milliseconds())
	}
	r, _ := hail(t, b, "tcp", h)
	r.join("one", fmt.Sprint("m", i))
	r.join("two", fmt.Sprint("m", i))
	r.buf = nil
	return r
}

// pingAll has the broker ping all sessions, which answer as a process does: where they may
// be resumed with an ack of so many frames.
func pingAll(t testing.TB, b *Broker, all []*raw, ack int) {
	t.Helper()
	b.post(func() {
		for _, s := range b.byID.All() {
			b.push(s, queued{frame: frame(protocol.Header{Kind: protocol.KindPing, Sequence: 1}, nil)})
		}
		b.settle()
	})
	for _, r := range all {
		f := r.next()
		if f.Kind == protocol.KindAck { // of what it said
			f = r.next()
		}
		if f.Kind != protocol.KindPing {
			t.Fatalf("a %s frame instead of a ping", f.Kind)
		}
		if ack > 0 {
			r.send(protocol.Header{Kind: protocol.KindAck, Sequence: uint64(ack)}, nil, nil)
		}
		r.send(protocol.Header{Kind: protocol.KindPong, Sequence: f.Sequence}, nil, nil)
		r.buf = nil
	}
}

// live is what the heap holds when all garbage is gone, which takes two collections.
func live() int {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A session that is pinged and may be resumed keeps no ping that its process has acknowledged.
func TestPingsAreNotKept(t *testing.T) {
	b := start(t, lasting)
	r := idle(t, b, 0, true)
	for i := range 20 {
		pingAll(t, b, []*raw{r}, 4+i)
	}
	if n := statsOf(r).Unacked; n != 0 {
		t.Errorf("%d bytes are kept of what was acknowledged", n)
	}
}

// The welcome is not kept once the process has said something: it has come.
func TestWelcomeIsNotKept(t *testing.T) {
	b := start(t, lasting)
	r, _ := lastingSession(t, b, "unix")
	r.join("r", "m") // is counted after it was taken
	joined := frame(protocol.Header{Kind: protocol.KindJoined}, protocol.Joined{View: 1})
	if n := statsOf(r).Unacked; n == 0 || int(n) > len(joined) {
		t.Errorf("%d bytes are kept of a joined of %d", n, len(joined))
	}
}

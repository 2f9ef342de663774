package room

import (
	"fmt"
	"testing"
	"time"

	"ddcos/protocol"
)

// BenchmarkCall is a call to every member of a room, each of which is told
// sent and replies with 64 bytes; the figures are of one member's part.
func BenchmarkCall(b *testing.B) {
	for _, members := range []int{1, 100, 1000, 10_000} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			r := roomOf(b, members)
			now := time.Duration(0)
			b.ReportAllocs()
			calls := 0
			for b.Loop() {
				now += time.Millisecond
				callAll(b, r, now, 0)
				calls++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(calls*members), "ns/member")
		})
	}
}

// TestAllocations holds the budget of allocations for a delivered message, which
// for the whole broker is 0.05: calls to one member take none, calls that are too
// large to be kept for the next a few.
func TestAllocations(t *testing.T) {
	const members = 1000
	r := roomOf(t, members)
	perCall := testing.AllocsPerRun(20, func() { callAll(t, r, 0, 0) })
	if perCall > 0.01*members {
		t.Errorf("%.0f allocations for a call to %d members, want at most %.0f", perCall, members, 0.01*members)
	}
	alone := roomOf(t, 1)
	if perCall := testing.AllocsPerRun(1000, func() { callAll(t, alone, 0, 0) }); perCall > 0.05 {
		t.Errorf("%.2f allocations for a call to one member, want at most 0.05", perCall)
	}
	// Other calls in flight to the same members must not change that.
	for i := range 50 {
		r.Step(0, Call{Session: 1, Sequence: uint64(100 + i), Budget: time.Minute, Body: protocol.Call{Room: "room"}})
	}
	callAll(t, r, 0, 50) // the tables grow once
	if busy := testing.AllocsPerRun(20, func() { callAll(t, r, 0, 50) }); busy > 0.01*members {
		t.Errorf("%.0f allocations beside 50 other calls, want at most %.0f", busy, 0.01*members)
	}
}

func BenchmarkLoseOneOfMany(b *testing.B) {
	r := roomOf(b, 10_000)
	next := SessionID(10_001)
	for b.Loop() {
		r.Step(0, Lost{Session: next - 10_000, Why: "reset"})
		r.Step(0, Join{Session: next, Body: protocol.Join{Room: "room", Name: fmt.Sprint((next-1)%10_000 + 1)}})
		next++
	}
}

// roomOf makes a room with sessions 1 to members in it; session 0 can call.
func roomOf(tb testing.TB, members int) *Rooms {
	tb.Helper()
	r := New(1, DefaultLimits())
	for i := 1; i <= members; i++ {
		effects := r.Step(0, Join{
			Session: SessionID(i),
			Peer:    Peer{Host: "host", PID: int32(i)},
			Body:    protocol.Join{Room: "room", Name: fmt.Sprint(i)},
		})
		if _, ok := effects[0].(Joined); !ok {
			tb.Fatalf("join %d: %+v", i, effects[0])
		}
	}
	return r
}

// benchPart is what everybody replies. Nobody writes to it.
var benchPart = make([]byte, 64)

// callAll makes one call and lets everyone reply; inFlight others stay open.
func callAll(tb testing.TB, r *Rooms, now time.Duration, inFlight int) {
	effects := r.Step(now, Call{Session: 0, Sequence: 1, Budget: time.Minute, Body: protocol.Call{Room: "room"}})
	deliver, ok := effects[0].(Deliver)
	if !ok {
		tb.Fatalf("no Deliver but %+v", effects[0])
	}
	for _, s := range deliver.To {
		r.Step(now, Sent{Session: s, Call: deliver.Call})
	}
	for _, s := range deliver.To {
		effects = r.Step(now, Reply{Session: s, Call: deliver.Call, Room: deliver.Room, Outcome: protocol.OK, Part: benchPart})
	}
	if finished, ok := effects[0].(Finished); !ok || !finished.Summary.Met || r.Stats().InFlight != inFlight {
		tb.Fatalf("not finished: %+v", effects)
	} else {
		r.Release(finished.Account)
	}
}

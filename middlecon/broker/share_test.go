package broker

import (
	"fmt"
	"testing"
	"time"

	"ddcos/protocol"
)

// Very many members that never read fill what all sessions may have waiting, and
// not more; who reads gets everything meanwhile, and nobody waits for a deadline.
func TestQueuesInAll(t *testing.T) {
	const all, stuck = 4 << 20, 60
	b := start(t, func(o *Options) { o.QueueBytesAll = all })
	for i := range stuck {
		welcome(t, b, "unix").join("r", fmt.Sprintf("stuck%d", i))
	}
	good := welcome(t, b, "unix")
	good.join("r", "good")
	go func() {
		for {
			f, err := good.read()
			if err != nil {
				return
			}
			if f.Kind == protocol.KindDeliver {
				h := protocol.Header{Kind: protocol.KindReply, Sequence: f.Sequence, Room: f.Room, Outcome: protocol.OK}
				_, _ = good.c.Write(bytesOf(h, nil, nil))
			}
		}
	}()
	caller := welcome(t, b, "unix")
	payload := make([]byte, 60<<10)
	most, overflows := uint64(0), 0
	for i := range uint64(30) {
		h := protocol.Header{Kind: protocol.KindCall, Sequence: i + 1, Budget: uint32(time.Minute.Microseconds())}
		caller.send(h, protocol.Call{Room: "r", Rule: protocol.RuleAtLeast, N: 1}, payload)
		entries, _ := caller.account()
		for _, e := range entries {
			if e.Outcome == protocol.Overflow {
				overflows++
			}
			if e.Name == "good" && e.Outcome != protocol.OK {
				t.Fatalf("call %d: good: %v", i, e.Outcome)
			}
		}
		done := make(chan uint64)
		b.post(func() { done <- uint64(b.shares.used) })
		most = max(most, <-done)
	}
	if most > all || most < all/4 {
		t.Errorf("%d bytes waited at most; %d are allowed", most, all)
	}
	if overflows == 0 {
		t.Error("nobody's queue was full")
	}
	caller.send(protocol.Header{Kind: protocol.KindStatus, Sequence: 99}, nil, nil)
	var s protocol.Stats
	caller.expect(protocol.KindStats, &s)
	if s.QueueFull == 0 || s.Queued > all+protocol.MaxFrame*stuck {
		t.Errorf("%d frames were refused, %d bytes are queued", s.QueueFull, s.Queued)
	}
}

// What waits for a session that ends is nobody's any more.
func TestQueuesOfTheEnded(t *testing.T) {
	b := start(t, nil)
	stuck := welcome(t, b, "unix")
	stuck.join("r", "stuck")
	caller := welcome(t, b, "unix")
	used := func() int {
		done := make(chan int)
		b.post(func() { done <- b.shares.used })
		return <-done
	}
	payload := make([]byte, 60<<10)
	for i := uint64(1); used() == 0; i++ {
		if i == 200 {
			t.Fatal("the kernel takes everything")
		}
		caller.call(i, "r", time.Millisecond, payload)
		caller.account()
	}
	_ = stuck.c.Close()
	deadline := time.Now().Add(patience)
	for used() > 0 {
		if caller.lives(); time.Now().After(deadline) {
			t.Fatalf("%d bytes still wait", used())
		}
	}
}

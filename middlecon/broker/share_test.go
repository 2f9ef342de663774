package broker

import (
	"fmt"
	"log/slog"
	"strings"
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

// Each frame that finds a member's queue full is counted, a published one too, and
// why a session ended is in the log.
func TestQueueOfOneIsFull(t *testing.T) {
	log := make(lines, 1000)
	b := start(t, func(o *Options) {
		o.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	stuck := welcome(t, b, "unix")
	stuck.join("r", "stuck")
	caller := welcome(t, b, "unix")
	payload, missed := make([]byte, 60<<10), uint64(0)
	for i := range uint64(200) {
		caller.send(protocol.Header{Kind: protocol.KindPublish, Sequence: i + 1}, protocol.Publish{Room: "r"}, payload)
		var p protocol.Published
		caller.expect(protocol.KindPublished, &p)
		missed += uint64(p.Selected - p.Handed)
	}
	caller.send(protocol.Header{Kind: protocol.KindStatus, Sequence: 999}, nil, nil)
	var s protocol.Stats
	caller.expect(protocol.KindStats, &s)
	if missed == 0 || s.QueueFull != missed || s.Published != 200 {
		t.Errorf("%d found no room, %d are counted of %d", missed, s.QueueFull, s.Published)
	}
	_ = stuck.c.Close()
	for line := ""; !strings.Contains(line, "session ended"); {
		select {
		case line = <-log:
		case <-time.After(patience):
			t.Fatal("no session has ended")
		}
		if strings.Contains(line, "session ended") && !strings.Contains(line, `reason="the connection ended`) {
			t.Error(line)
		}
	}
}

// lines are what a log says, one by one; those beyond its room are not kept.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default:
	}
	return len(p), nil
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

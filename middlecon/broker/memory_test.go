package broker

import (
	"math"
	"sync/atomic"
	"testing"
	"time"

	"ddcos/protocol"
)

func TestKeepWithin(t *testing.T) {
	for memory, want := range map[int64][5]int{
		math.MaxInt64: {256 << 20, 256 << 20, 256 << 20, 64 << 20, 256 << 20},
		4 << 30:       {256 << 20, 256 << 20, 256 << 20, 64 << 20, 256 << 20},
		64 << 20:      {16 << 20, 16 << 20, 16 << 20, 4 << 20, 8 << 20},
		1 << 10:       {256, 256 << 10, 256, 64, protocol.MaxFrame}, // one session's queue stays, and a frame
	} {
		o := DefaultOptions()
		o.keepWithin(memory)
		if got := [5]int{o.Limits.HeldBytes, o.QueueBytesAll, o.Limits.MemberBytes, o.Limits.AbsentBytes, o.BegunBytesAll}; got != want {
			t.Errorf("within %d: %v, want %v", memory, got, want)
		}
	}
}

// New calls are refused while memory is short, and only then; the garbage is
// collected meanwhile, so that it is known when there is memory again.
func TestMemoryLeft(t *testing.T) {
	var live, used uint64
	collected := make(chan struct{}, 10)
	m := newMemoryLeft(100)
	m.read = func() (uint64, uint64) { return live, used }
	m.collect = func() { collected <- struct{}{} }
	for i, step := range []struct {
		live, used     uint64
		changed, short bool
	}{{75, 100, false, false}, {76, 80, true, true}, {76, 80, false, true}, {10, 101, false, true}, {10, 100, true, false}} {
		live, used = step.live, step.used
		if changed := m.look(time.Duration(i) * memoryEvery); changed != step.changed || m.short != step.short {
			t.Errorf("%d: changed %v, short %v", i, changed, m.short)
		}
	}
	<-collected
	if live = 90; m.look(4*memoryEvery + 1) {
		t.Error("it is looked at too often")
	}
	unlimited := newMemoryLeft(math.MaxInt64)
	unlimited.read = func() (uint64, uint64) { return math.MaxUint64, math.MaxUint64 }
	if unlimited.look(time.Hour) || unlimited.short {
		t.Error("without a limit memory is short")
	}
	if live, used := heap()(); used == 0 || live > 1<<40 {
		t.Errorf("the heap has %d, and %d in use", live, used)
	}
}

// Short of memory the broker refuses calls and offers with a code, and nothing else.
func TestShortOfMemory(t *testing.T) {
	b := start(t, nil)
	member, caller := welcome(t, b, "unix"), welcome(t, b, "unix")
	room := member.join("r", "m")
	caller.call(1, "r", time.Minute, nil)
	running := member.expect(protocol.KindDeliver, nil).Sequence
	var live atomic.Uint64
	live.Store(100)
	done := make(chan struct{})
	b.post(func() {
		defer close(done)
		b.memoryLeft.limit = 100
		b.memoryLeft.read = func() (uint64, uint64) { return live.Load(), 0 }
	})
	<-done
	sequence := uint64(1)
	refused := func() bool {
		sequence++
		caller.call(sequence, "r", time.Minute, nil)
		f := caller.next()
		if f.Kind == protocol.KindError && f.Code != protocol.CodeOverloaded {
			t.Fatalf("%v", f.Code)
		}
		return f.Kind == protocol.KindError
	}
	member.reply(room, running, protocol.OK, "") // what runs goes on
	caller.account()
	_ = member.c.Close()
	caller.lives()
	until(t, "calls are refused", refused)
	caller.offer(1<<30, protocol.Offer{Room: "r"}, time.Minute, "")
	if f := caller.expect(protocol.KindError, nil); f.Code != protocol.CodeOverloaded {
		t.Errorf("an offer: %v", f.Code)
	}
	live.Store(1)
	until(t, "calls are taken", func() bool { return !refused() })
}

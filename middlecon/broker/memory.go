package broker

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// memoryPart is how much of the memory that the runtime is told to keep to
// (GOMEMLIMIT) may be held of replies, and as much again may wait in queues and be
// shown by members. Frames that are begun may have half of that, since gnet's buffers
// grow by doubling, and members that were lost, and
// what is kept to be sent again, a quarter.
const memoryPart = 4

// keepWithin lowers what may be held to what there is memory for: work is refused
// before the kernel ends the process.
func (o *Options) keepWithin(memory int64) {
	if memory == math.MaxInt64 { // no limit is set
		return
	}
	most := int(memory / memoryPart)
	o.Limits.HeldBytes = min(o.Limits.HeldBytes, most)
	o.QueueBytesAll = max(o.QueueBytes, min(o.QueueBytesAll, most))
	o.Limits.MemberBytes = min(o.Limits.MemberBytes, most)
	o.Limits.AbsentBytes = min(o.Limits.AbsentBytes, most/4)
	o.UnackedBytesAll = min(o.UnackedBytesAll, most/4)
	o.BegunBytesAll = max(protocol.MaxFrame, min(o.BegunBytesAll, most/2))
}

// memoryLimit is what the runtime keeps to.
func memoryLimit() int64 { return debug.SetMemoryLimit(-1) }

// While memory is limited it is looked at so often at most, and where there is
// none left garbage is collected so often, lest what was refused once is for ever.
const (
	memoryEvery  = 20 * time.Millisecond
	collectEvery = time.Second
)

// memoryLeft is asked whether new calls may come: they may not while what lives of
// the heap is more than three quarters of the limit, or with garbage all of it.
type memoryLeft struct {
	limit      uint64 // 0: none
	read       func() (live, used uint64)
	collect    func()
	looked     time.Duration
	collected  time.Duration
	collecting *atomic.Bool
	short      bool
}

func newMemoryLeft(limit int64) memoryLeft {
	m := memoryLeft{read: heap(), collect: runtime.GC, looked: -memoryEvery, collected: -collectEvery, collecting: &atomic.Bool{}}
	if limit != math.MaxInt64 {
		m.limit = uint64(max(limit, 1))
	}
	return m
}

// heap reads how many bytes the latest collection left, and how many are in use now.
func heap() func() (live, used uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	return func() (live, used uint64) {
		metrics.Read(samples)
		return samples[0].Value.Uint64(), samples[1].Value.Uint64()
	}
}

// look tells whether it has changed whether there is memory for new calls.
func (m *memoryLeft) look(now time.Duration) (changed bool) {
	if m.limit == 0 || now-m.looked < memoryEvery {
		return false
	}
	m.looked = now
	live, used := m.read()
	was := m.short
	m.short = live > m.limit/4*3 || used > m.limit
	if m.short && now-m.collected >= collectEvery && m.collecting.CompareAndSwap(false, true) {
		m.collected = now
		go func() {
			defer m.collecting.Store(false)
			m.collect()
		}()
	}
	return m.short != was
}

// feel tells the rooms whether there is memory for new calls, before any comes. It
// has no effects.
func (b *Broker) feel() {
	if b.memoryLeft.look(b.clock) {
		b.rooms.Step(b.clock, room.Memory{Short: b.memoryLeft.short})
	}
}

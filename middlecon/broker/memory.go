package broker

import (
	"math"
	"runtime/debug"
)

// memoryPart is how much of the memory that the runtime is told to keep to
// (GOMEMLIMIT) may be held of replies, and as much again may wait in queues:
// both exist twice while they grow.
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
}

// memoryLimit is what the runtime keeps to.
func memoryLimit() int64 { return debug.SetMemoryLimit(-1) }

package broker

import (
	"math"
	"testing"
)

func TestKeepWithin(t *testing.T) {
	for memory, want := range map[int64][2]int{
		math.MaxInt64: {256 << 20, 256 << 20},
		4 << 30:       {256 << 20, 256 << 20},
		64 << 20:      {16 << 20, 16 << 20},
		1 << 10:       {256, 256 << 10}, // one session's queue stays
	} {
		o := DefaultOptions()
		if o.keepWithin(memory); o.Limits.HeldBytes != want[0] || o.QueueBytesAll != want[1] {
			t.Errorf("within %d: %d held, %d queued", memory, o.Limits.HeldBytes, o.QueueBytesAll)
		}
	}
}

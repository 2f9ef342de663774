package probe

import (
	"testing"

	cilium "github.com/cilium/ebpf"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// unfinished is how many requests of a process have begun, and the kernel has told
// of no end: those that wait for it, and those whose place was taken by others.
func unfinished(t *testing.T, p *Probe, pid int) k2i.Count {
	t.Helper()
	var losses []ebpf.TallyTallyLosses
	if err := p.tally.maps.Losses.Lookup(uint32(0), &losses); err != nil {
		t.Fatal(err)
	}
	var n k2i.Count
	for _, l := range losses {
		n += k2i.Count(l.Untold)
	}
	for _, c := range *p.tally.closers {
		m, ok := c.(*cilium.Map)
		if !ok {
			continue
		}
		if info, err := m.Info(); err != nil || info.Name != "requests" {
			continue
		}
		var address uint64
		var start struct {
			Task, _   int32
			Start, At uint64
		}
		all := m.Iterate()
		for all.Next(&address, &start) {
			if int(start.Task) == pid {
				n++
			}
		}
		if err := all.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

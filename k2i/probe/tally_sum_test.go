package probe

import (
	"slices"
	"testing"

	"ddcos/ebpf"
	"ddcos/k2i"
)

func TestLacks(t *testing.T) {
	for c, want := range map[Counting]int{
		{}: 13, {RunDelay: true}: 12, {Sockets: true}: 3, {BlockIO: true}: 11, {RunDelay: true, Sockets: true, BlockIO: true}: 0,
	} {
		lacks := c.Lacks()
		if len(lacks) != want || !slices.IsSorted(lacks) {
			t.Errorf("%+v: %v", c, lacks)
		}
		for _, name := range lacks {
			if _, ok := k2i.FieldByName(name); !ok {
				t.Errorf("%s is no field", name)
			}
		}
	}
}

// Tallies find their processes, add up and never run backwards.
func TestAddTallies(t *testing.T) {
	record := func(pid int32, rx, delay uint64) ebpf.TasksTallyRecord {
		r := ebpf.TasksTallyRecord{Pid: pid}
		r.Tally.Traffic.NetRxBytes, r.Tally.RunDelayNs = rx, delay
		return r
	}
	processes := []memory{{pid: 1}, {pid: 3}, {pid: 7}}
	addTallies(processes, []ebpf.TasksTallyRecord{record(3, 10, 1), record(2, 99, 9), record(3, 5, 0), record(7, 1, 0), record(9, 99, 0), record(3, 1, 1)})
	check := func(at int, rx, delay uint64) {
		t.Helper()
		if got := processes[at].tally; got == nil || got.Traffic.NetRxBytes != rx || got.RunDelayNs != delay {
			t.Errorf("process %d: %+v, want %d and %d", processes[at].pid, got, rx, delay)
		}
	}
	if processes[0].tally != nil {
		t.Errorf("process 1: %+v", processes[0].tally)
	}
	check(1, 16, 2)
	check(2, 1, 0)
	addTallies(processes, []ebpf.TasksTallyRecord{record(3, 12, 5)})
	check(1, 16, 5)
	check(2, 1, 0)
	addTallies(nil, []ebpf.TasksTallyRecord{record(3, 1, 1)})
}

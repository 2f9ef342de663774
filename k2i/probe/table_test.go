package probe

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ddcos/ebpf"
)

func pids(records []*ebpf.TasksProcessRecord) []int32 {
	out := []int32{}
	for i := range records {
		out = append(out, records[i].Pid)
	}
	return out
}

func TestSortByPID(t *testing.T) {
	for _, c := range []struct{ in, want []int32 }{
		{nil, []int32{}},
		{[]int32{1, 2, 3}, []int32{1, 2, 3}},
		{[]int32{3, 1, 2}, []int32{1, 2, 3}},
		{[]int32{1, 1, 2, 2, 2}, []int32{1, 2}},
		{[]int32{2, 1, 2, 1}, []int32{1, 2}},
		{[]int32{5, 6, 7, 2, 3, 4, 3}, []int32{2, 3, 4, 5, 6, 7}},
		{[]int32{9, 1, 8, 2, 7, 3, 6, 4, 5}, []int32{1, 2, 3, 4, 5, 6, 7, 8, 9}},
	} {
		var records []ebpf.TasksProcessRecord
		for i, pid := range c.in {
			r := processRecord(pid)
			r.StartNs = uint64(i)
			records = append(records, r)
		}
		got := inOrder(nil, records)
		if !slices.Equal(pids(got), c.want) {
			t.Errorf("%v: got %v", c.in, pids(got))
		}
		for i := range got {
			last := len(c.in) - 1
			for c.in[last] != got[i].Pid {
				last--
			}
			if got[i].StartNs != uint64(last) {
				t.Errorf("%v: of pid %d, record %d was kept and not the last", c.in, got[i].Pid, got[i].StartNs)
			}
		}
	}
}

func TestTake(t *testing.T) {
	p := Probe{cgroups: newCgroupPaths(told{}), shared: sharedMasks{}}
	for _, b := range [][]byte{
		encode(processRecord(5)), encode(processRecord(0)), encode(processRecord(-1)),
		encode(threadRecord(5, ebpf.TasksUsage{})), encode(threadRecord(0, ebpf.TasksUsage{})),
	} {
		if err := p.take(ebpf.TasksRecordKind(b[0]), b); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(pids(inOrder(nil, p.came[0])), []int32{5}) || len(p.threads) != 1 {
		t.Errorf("got %v and %d threads", pids(inOrder(nil, p.came[0])), len(p.threads))
	}
	if err := p.take(ebpf.TasksRecordKindRECORD_ARGUMENTS, argumentsRecord(5, 0, 0, "")); err == nil || !strings.Contains(err.Error(), "does not belong") {
		t.Errorf("command line in the table: %v", err)
	}
	var a argumentsPass
	if err := a.take(ebpf.TasksRecordKindRECORD_PROCESS, encode(processRecord(5))); err == nil || !strings.Contains(err.Error(), "does not belong") {
		t.Errorf("process among the command lines: %v", err)
	}
}

// Whatever order threads come in, each process has the sum of its own.
func TestFold(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	records := []*ebpf.TasksProcessRecord{}
	for pid := int32(2); pid < 40; pid += 2 {
		r := processRecord(pid)
		records = append(records, &r)
	}
	want := map[int32]ebpf.TasksUsage{}
	threads := []ebpf.TasksThreadRecord{}
	for range 500 {
		pid := 1 + r.Int32N(42) // half of them of processes that were not seen
		u := ebpf.TasksUsage{
			CpuNs: r.Uint64N(9), UserNs: r.Uint64N(9), SystemNs: r.Uint64N(9), MinFlt: r.Uint64N(9),
			MajFlt: r.Uint64N(9), ReadBytes: r.Uint64N(9), WriteBytes: r.Uint64N(9),
		}
		threads = append(threads, threadRecord(pid, u))
		sum := want[pid]
		want[pid] = ebpf.TasksUsage{
			CpuNs: sum.CpuNs + u.CpuNs, UserNs: sum.UserNs + u.UserNs, SystemNs: sum.SystemNs + u.SystemNs, MinFlt: sum.MinFlt + u.MinFlt,
			MajFlt: sum.MajFlt + u.MajFlt, ReadBytes: sum.ReadBytes + u.ReadBytes, WriteBytes: sum.WriteBytes + u.WriteBytes,
		}
	}
	fold(records, threads)
	for i := range records {
		if got := records[i].Usage; got != want[records[i].Pid] {
			t.Errorf("pid %d: got %+v, want %+v", records[i].Pid, got, want[records[i].Pid])
		}
	}
	fold(nil, threads) // nobody there to add to
}

func TestAddUncounted(t *testing.T) {
	sum := ebpf.TasksUsage{CpuNs: 1, ReadBytes: uncounted, WriteBytes: uncounted}
	add(&sum, &ebpf.TasksUsage{CpuNs: 2, ReadBytes: uncounted, WriteBytes: uncounted})
	if sum.CpuNs != 3 || counter(sum.ReadBytes) >= 0 || counter(sum.WriteBytes) >= 0 {
		t.Errorf("got %+v", sum)
	}
}

package k2i

import (
	"reflect"
	"testing"
	"time"
)

// sampleAt is a sample of one host; each process is pid, start and CPU time.
func sampleAt(at time.Duration, busy uint64, processes ...[3]uint64) *Sample {
	s := &Sample{Host: Host{ID: "boot.1", CPUBusyNS: busy, UptimeNS: at.Nanoseconds()}, Mono: at, Mode: ModeBPF, Visibility: VisibilityFull, Missing: []string{"args"}}
	for _, p := range processes {
		s.Processes = append(s.Processes, &Process{PID: int32(p[0]), StartTicks: p[1], CPUNS: p[2], RCPU: 77})
	}
	return s
}

const second = uint64(time.Second)

func TestDeriveRates(t *testing.T) {
	prev := sampleAt(10*time.Second, 5*second,
		[3]uint64{1, 1, 0}, [3]uint64{2, 5, 3 * second}, [3]uint64{3, 9, 7}, [3]uint64{7, 1, 1})
	cur := sampleAt(12*time.Second, 8*second,
		[3]uint64{1, 1, second},       // half a CPU
		[3]uint64{2, 6, 4 * second},   // the pid is another process's now
		[3]uint64{3, 9, 5},            // ran backwards
		[3]uint64{4, 1, second},       // is new
		[3]uint64{7, 1, 1 + 4*second}, // two CPUs
		[3]uint64{8, 2, 0})
	cur.Host.UptimeNS += int64(second) // read a second after the processes: three since the last time
	snap := Derive(prev, cur)
	want := map[int32]Rate{1: 0.5, 7: 2}
	for _, p := range snap.Processes {
		if rate, ok := want[p.PID]; ok != p.RCPU.Known() || ok && p.RCPU != rate {
			t.Errorf("pid %d: %v, want %v %v", p.PID, p.RCPU, rate, ok)
		}
	}
	if snap.BusyCPUs != 1 || len(snap.Processes) != 6 || snap.Mode != ModeBPF || snap.Missing[0] != "args" {
		t.Errorf("%+v", snap)
	}
}

// Where nothing can be compared there is no number at all.
func TestDeriveWithoutComparison(t *testing.T) {
	prev := func(change func(*Sample)) *Sample {
		s := sampleAt(time.Second, 1, [3]uint64{1, 1, 1})
		change(s)
		return s
	}
	for name, before := range map[string]*Sample{
		"the first sample": nil,
		"another host":     prev(func(s *Sample) { s.Host.ID = "boot.2" }),
		"another road":     prev(func(s *Sample) { s.Mode = ModeProcfs }),
		"no time passed":   prev(func(s *Sample) { s.Mono = 2 * time.Second }),
		"time ran back":    prev(func(s *Sample) { s.Mono = 3 * time.Second }),
	} {
		snap := Derive(before, sampleAt(2*time.Second, 5, [3]uint64{1, 1, 5}))
		if snap.BusyCPUs.Known() || snap.Processes[0].RCPU.Known() {
			t.Errorf("%s: %v, %v", name, snap.BusyCPUs, snap.Processes[0].RCPU)
		}
	}
	snap := Derive(sampleAt(1, 9, [3]uint64{1, 1, 1}), sampleAt(2, 5, [3]uint64{1, 1, 2}))
	if snap.BusyCPUs.Known() || !snap.Processes[0].RCPU.Known() {
		t.Errorf("the host's counter ran back: %v; its process's did not: %v", snap.BusyCPUs, snap.Processes[0].RCPU)
	}
	for _, unread := range [][2]uint64{{0, 0}, {0, 5}, {5, 0}} {
		snap := Derive(sampleAt(1, unread[0], [3]uint64{1, 1, 1}), sampleAt(2, unread[1], [3]uint64{1, 1, 2}))
		if snap.BusyCPUs.Known() || !snap.Processes[0].RCPU.Known() {
			t.Errorf("/proc/stat unread, %v: %v; the process was read: %v", unread, snap.BusyCPUs, snap.Processes[0].RCPU)
		}
	}
}

// The sample before is not changed, nor who has ended: others may be reading them.
// The new one's rows are the snapshot's.
func TestDeriveOwns(t *testing.T) {
	ended := func() []Ended { return []Ended{{Process: &Process{PID: 3, StartTicks: 3, EndedNS: 5}}} }
	samples := func() (prev, cur *Sample) {
		prev, cur = sampleAt(1, 1, [3]uint64{1, 1, 1}), sampleAt(2, 2, [3]uint64{1, 1, 2}, [3]uint64{3, 2, 2})
		cur.Ended = ended()
		return prev, cur
	}
	prev, cur := samples()
	prevBefore, curBefore := samples()
	snap := Derive(prev, cur)
	for _, p := range snap.Processes {
		p.Comm = "changed"
	}
	if !reflect.DeepEqual(prev, prevBefore) || !reflect.DeepEqual(cur.Ended, curBefore.Ended) {
		t.Errorf("%+v\n%+v", prev, cur.Ended[0].Process)
	}
	if len(snap.Processes) != 3 || snap.Processes[0] != cur.Processes[0] || snap.Processes[1] != cur.Processes[1] {
		t.Errorf("rows were copied: %d of them", len(snap.Processes))
	}
}

func TestDeriveOfNothing(t *testing.T) {
	if snap := Derive(sampleAt(1, 1), sampleAt(2, 1)); len(snap.Processes) != 0 || snap.BusyCPUs != 0 {
		t.Errorf("%+v", snap)
	}
}

func BenchmarkDerive(b *testing.B) {
	var processes [][3]uint64
	for i := range uint64(5000) {
		processes = append(processes, [3]uint64{i + 1, i, i * 1000})
	}
	prev, cur := sampleAt(1, 1, processes...), sampleAt(2, 2, processes...)
	b.ReportAllocs()
	for b.Loop() {
		Derive(prev, cur)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5000, "ns/process")
}

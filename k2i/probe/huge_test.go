package probe

import (
	"fmt"
	"reflect"
	"testing"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// Memory that was asked to lie on large pages is as it was, and may be filled: less than
// one, and several with a rest.
func TestHuge(t *testing.T) {
	for _, size := range []int{0, 1, hugePage - 1, hugePage, 3*hugePage + 12345} {
		b := huge(make([]byte, size))
		if len(b) != size {
			t.Fatalf("%d bytes of %d", len(b), size)
		}
		for i := range b {
			if b[i] != 0 {
				t.Fatalf("byte %d is %d", i, b[i])
			}
			b[i] = byte(i)
		}
		for i := range b {
			if b[i] != byte(i) {
				t.Fatalf("byte %d of %d is lost", i, size)
			}
		}
	}
	if room := huge(make([]ebpf.TasksProcessRecord, 0, 9000)); len(room) != 0 || cap(room) < 9000 {
		t.Errorf("room for %d with %d in it", cap(room), len(room))
	}
}

// The rows of a single look, made by all CPUs, are those that one makes after the other,
// however many there are.
func TestRowsOnce(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 5001} {
		made := map[bool]*k2i.Sample{}
		for _, once := range []bool{false, true} {
			p := &Probe{opts: Options{Once: once, Brief: true}, shared: sharedMasks{}}
			for i := range n {
				r := processRecord(int32(i + 1))
				copy(r.Comm[:], fmt.Sprint("number ", i))
				r.Usage.CpuNs = uint64(i)
				p.records = append(p.records, &r)
			}
			if n > 2 {
				one := ebpf.TasksInnerPidsRecord{Pid: 3, Count: 1}
				one.Numbers[0] = 7
				p.inner = append(p.inner, one)
			}
			p.memory = remember(nil, nil, p.records)
			made[once] = &k2i.Sample{}
			p.rows(made[once], nil)
		}
		if got := made[true]; len(got.Processes) != n || len(got.Shared) != n {
			t.Fatalf("%d rows of %d", len(got.Processes), n)
		}
		for i, p := range made[true].Processes {
			if want := made[false].Processes[i]; !sameRow(p, want) || p.PID != int32(i+1) {
				t.Fatalf("%+v, want %+v", p, want)
			}
		}
	}
}

// sameRow compares all but rates, of which none is known: they are no numbers.
func sameRow(a, b *k2i.Process) bool {
	for _, f := range k2i.Fields() {
		if f.Text(a) != f.Text(b) {
			return false
		}
	}
	return reflect.DeepEqual(a.InnerPIDs, b.InnerPIDs)
}

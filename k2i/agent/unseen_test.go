package agent

import (
	"slices"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// Whom the iterator does not tell of is found in /proc, and stays found until it ends.
func TestUnseen(t *testing.T) {
	r := openUnseen(t)
	sample := mustRead(t, r)
	without(sample, 1)
	r.unseen = nil
	if err := r.compare(sample); err != nil {
		t.Fatal(err)
	}
	if at, found := place(sample, 1); !found || sample.Processes[at].Comm == "" || !slices.Contains(r.unseen, 1) || len(sample.Shared) != len(sample.Processes) {
		t.Fatalf("process 1: %v, unseen: %v", found, r.unseen)
	}
	young := sleeper(t)
	without(sample, int32(young.Process.Pid))
	if r.add(sample, int32(young.Process.Pid)) || r.add(sample, 1) {
		t.Error("one that began after the sample was added, or one that it has")
	}

	r.unseen = []int32{1, 1<<31 - 1}
	sample = mustRead(t, r)
	if _, found := place(sample, 1); !found || slices.Contains(r.unseen, 1<<31-1) {
		t.Errorf("process 1: %v; unseen: %v, among them one that is not there", found, r.unseen)
	}
	if !slices.IsSortedFunc(sample.Processes, func(a, b *k2i.Process) int { return int(a.PID - b.PID) }) {
		t.Error("the sample is not in order")
	}
}

// Where the sample has as many threads as the kernel counts, /proc is not listed: one
// process is missing, and another stands for its threads.
func TestNobodyUnseen(t *testing.T) {
	r := openUnseen(t)
	if _, visibility, err := r.fs.Host(t.Context()); err != nil || visibility != k2i.VisibilityFull {
		t.Skipf("sees not all that the kernel counts: %s, %v", visibility, err)
	}
	for tries := time.Now().Add(time.Minute); ; {
		sample := mustRead(t, r)
		last := sample.Processes[len(sample.Processes)-1]
		sample.Processes[len(sample.Processes)-1] = &k2i.Process{PID: last.PID, Threads: last.Threads + 1}
		if without(sample, 2) != 1 {
			t.Fatal("process 2 is no kernel thread")
		}
		if err := r.compare(sample); err != nil {
			t.Fatal(err)
		}
		if _, found := place(sample, 2); !found {
			return // as many as there are
		}
		if time.Now().After(tries) {
			t.Fatal("the kernel never counts as many threads as the iterator tells")
		}
	}
}

func openUnseen(t *testing.T) *bpfRoad {
	t.Helper()
	fs, err := procfs.New(t.Context(), procfs.DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := openBPF(fs, DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.close() })
	return opened.(*bpfRoad)
}

func mustRead(t *testing.T, r *bpfRoad) *k2i.Sample {
	t.Helper()
	sample, err := r.read(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return sample
}

// without takes a process out of a sample, where it is, and tells its threads.
func without(sample *k2i.Sample, pid int32) (threads uint32) {
	at, found := place(sample, pid)
	if !found {
		return 0
	}
	threads = uint32(sample.Processes[at].Threads)
	sample.Processes, sample.Shared = slices.Delete(sample.Processes, at, at+1), slices.Delete(sample.Shared, at, at+1)
	return threads
}

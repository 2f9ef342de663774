package probe

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// A stopped process is one row from pass to pass, and takes no memory; a sample
// that is not the last one is shared with nobody; and whatever changes makes
// another row.
func TestUnchangedRowsAreShared(t *testing.T) {
	p, _ := openRoads(t)
	f := family{}
	pid := f.add(t, "stopped", childOf("idle", ""), nil)
	settle(t, pid)
	read := func(before *k2i.Sample) (sample *k2i.Sample, row *k2i.Process, shared bool) {
		t.Helper()
		sample, err := p.ReadAfter(t.Context(), before)
		if err != nil {
			t.Fatal(err)
		}
		if len(sample.Shared) != len(sample.Processes) {
			t.Fatalf("%d of %d", len(sample.Shared), len(sample.Processes))
		}
		at, found := 0, false
		for i, q := range sample.Processes {
			if int(q.PID) == pid {
				at, found = i, true
			}
		}
		if !found {
			t.Fatal("it is not there")
		}
		return sample, sample.Processes[at], sample.Shared[at]
	}
	first, row, shared := read(nil)
	if shared {
		t.Error("shared with nobody")
	}
	row.User = "as its caller completed it"
	second, again, shared := read(first)
	if !shared || again != row || again.User == "" {
		t.Errorf("shared %v, %p after %p", shared, again, row)
	}
	third, again, shared := read(first) // which is not the last one
	if shared || again == row || again.User != "" {
		t.Errorf("an older sample: shared %v", shared)
	}
	if _, _, shared = read(second); shared {
		t.Error("shared with a sample that is not the last one")
	}
	_ = third

	before, row, _ := read(nil)
	if err := unix.Setpriority(unix.PRIO_PROCESS, pid, 7); err != nil {
		t.Fatal(err)
	}
	after, changed, shared := read(before)
	if shared || changed == row || changed.Nice != 7 || row.Nice == 7 {
		t.Errorf("shared %v, nice %d and before %d", shared, changed.Nice, row.Nice)
	}
	if len(changed.Args) != 2 || changed.Args[1] != "idle" {
		t.Errorf("arguments %q", changed.Args)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitState(t, pid, "Z")
	if _, ended, shared := read(after); shared || ended.State != "Z" || changed.State != "T" {
		t.Errorf("shared %v, it is %s and was %s", shared, ended.State, changed.State)
	}
}

// settle returns when nothing of a stopped process changes any more: somebody has asked
// for its CPU time, which the kernel remembers as it told it.
func settle(t *testing.T, pid int) {
	t.Helper()
	if _, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err != nil {
		t.Fatal(err)
	}
}

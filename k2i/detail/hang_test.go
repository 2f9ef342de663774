package detail

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// deadline is longer than any machine takes for what answers.
const deadline = 5 * time.Second

// A kernel that really does not answer, as where a process's address space is held, costs one reader, and nobody else anything.
func TestKernelThatHangs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	cmd := exec.CommandContext(t.Context(), "cat")
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	root, answer := hangMount(t, fmt.Sprintf("/proc/%d/smaps_rollup", cmd.Process.Pid), "100444")
	fs, err := procfs.New(t.Context(), root+procfs.DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	p, err := fs.Process(int32(cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	r := New(fs, Options{Deadline: deadline})
	d := r.Read(t.Context(), &p, k2i.Parts())
	if got := reasons(d); len(got) != 1 || got[k2i.PartPSS] != k2i.GapDeadline || d.FDCount < 3 || len(d.Limits) < 10 {
		t.Errorf("%+v", d)
	}
	if got := reasons(r.Read(t.Context(), &p, k2i.Parts())); len(got) != 1 || got[k2i.PartPSS] != k2i.GapStuck || r.Stats().Stuck != 1 {
		t.Errorf("asked again: %v, %+v", got, r.Stats())
	}
	self, err := fs.Process(int32(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	if d := r.Read(t.Context(), &self, k2i.Parts()); len(d.Gaps) != 0 || d.PSSBytes <= 0 {
		t.Errorf("this process: %+v", d)
	}
	answer()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); r.Stats().Stuck > 0; {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("its reader does not come back: %+v", r.Stats())
		}
	}
}

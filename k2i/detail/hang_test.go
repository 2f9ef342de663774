package detail

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// hang puts a file system that answers nothing over a file of a process: whoever
// opens it waits in the kernel until answer is called, as for a process whose
// address space is held.
func hang(t *testing.T, path string) (answer func()) {
	t.Helper()
	fuse, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("needs /dev/fuse:", err)
	}
	answer = func() {
		if fuse >= 0 {
			_ = unix.Close(fuse) // the kernel gives all up that wait
			fuse = -1
		}
	}
	t.Cleanup(answer)
	if err := unix.Mount("silent", path, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=100444,user_id=0,group_id=0", fuse)); err != nil {
		t.Skip("needs to mount:", err)
	}
	t.Cleanup(func() { answer(); _ = unix.Unmount(path, unix.MNT_DETACH) })
	return answer
}

// A kernel that really does not answer costs one reader, and nobody else anything.
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
	fs, err := procfs.New(t.Context(), procfs.DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	p, err := fs.Process(int32(cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	answer := hang(t, fmt.Sprintf("/proc/%d/smaps_rollup", p.PID))
	r := New(fs, Options{Deadline: 200 * time.Millisecond})
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
	for deadline := time.After(20 * time.Second); r.Stats().Stuck > 0; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("its reader does not come back: %+v", r.Stats())
		}
	}
}

package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// openProbe is a probe that takes cgroups where the procfs road takes them.
func openProbe(t testing.TB) *Probe {
	t.Helper()
	p, _ := openRoads(t)
	return p
}

// openRoads opens both roads over this machine.
func openRoads(t testing.TB) (*Probe, *procfs.FS) {
	t.Helper()
	fs, err := procfs.New(t.Context(), procfs.DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	opts := DefaultOptions()
	opts.CgroupController = fs.CgroupController()
	opts.ArgumentsWait, opts.Iterate = 10*time.Second, iterating()
	p, err := Open(opts)
	if errors.Is(err, ErrRefused) && os.Geteuid() != 0 {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p, fs
}

// family are processes of a test, by a name for people. They end with the test.
type family map[string]int

// kill ends a process and those that it started.
func kill(t testing.TB, pid int) {
	t.Cleanup(func() {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		for _, child := range strings.Fields(string(children)) {
			if n, err := strconv.Atoi(child); err == nil {
				_ = unix.Kill(n, unix.SIGKILL)
			}
		}
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = unix.Wait4(pid, nil, 0, nil)
	})
}

// add starts a process that stops.
func (f family) add(t testing.TB, name string, cmd *exec.Cmd, attr *syscall.SysProcAttr) int {
	t.Helper()
	pid, err := start(cmd, attr)
	if pid != 0 {
		kill(t, pid)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	f[name] = pid
	return pid
}

// addRunning starts a process that never stops.
func (f family) addRunning(t testing.TB, name string, cmd *exec.Cmd, attr *syscall.SysProcAttr) int {
	t.Helper()
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	pid := cmd.Process.Pid
	kill(t, pid)
	f[name] = pid
	return pid
}

// awaitState waits until the leader of a process is in a state.
func awaitState(t testing.TB, pid int, state string) {
	t.Helper()
	await(t, fmt.Sprintf("process %d in state %s", pid, state), func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		s, err := procfs.ParseStat(b)
		return err == nil && string(rune(s.State)) == state
	})
}

// await waits for a condition.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for: %s", what)
		case <-tick.C:
		}
	}
}

// terminal is a new pseudo-terminal; the master stays open as long as the test.
func terminal(t testing.TB) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close(); _ = master.Close() })
	return slave
}

// withTerminal is the command on a terminal of its own.
func withTerminal(t testing.TB, cmd *exec.Cmd) (*exec.Cmd, *syscall.SysProcAttr) {
	cmd.Stdin = terminal(t)
	return cmd, &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
}

// leased is a program that whoever starts it waits for, up to the 45 s that the kernel
// gives to end a lease, and tells whether somebody does: of all that the starter may wait for (its pages, a shorter vfork of the
// runtime's), only that lasts.
func leased(t testing.TB) (program string, awaited func() bool) {
	t.Helper()
	f, err := os.OpenFile(t.TempDir()+"/program", os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Fatal(err)
	}
	return f.Name(), func() bool {
		lease, err := unix.FcntlInt(f.Fd(), unix.F_GETLEASE, 0)
		return err == nil && lease != unix.F_WRLCK
	}
}

// schedule changes how a stopped process is scheduled.
func schedule(t testing.TB, pid int, policy, priority uint32, nice int32) {
	t.Helper()
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policy, Priority: priority, Nice: nice}
	if err := unix.SchedSetAttr(pid, &attr, 0); err != nil {
		t.Fatal(err)
	}
}

// find is one process of a sample.
func find(t testing.TB, sample *k2i.Sample, pid int) k2i.Process {
	t.Helper()
	for _, p := range sample.Processes {
		if int(p.PID) == pid {
			return *p
		}
	}
	t.Fatalf("process %d is not in the sample by %s", pid, sample.Mode)
	return k2i.Process{}
}

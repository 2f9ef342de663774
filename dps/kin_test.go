package dps_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// threadsVariable makes this test binary a process with threads that waits, which it
// is as soon as its name is the variable's value: it has begun with one thread.
const threadsVariable = "DPS_TEST_THREADS"

// threadsName is what the threads of that process are called, but for the first.
const threadsName = "peer.test"

func TestMain(m *testing.M) {
	if name := os.Getenv(threadsVariable); name != "" {
		if err := os.WriteFile("/proc/self/comm", []byte(name), 0); err != nil {
			panic(err)
		}
		_, _ = os.Stdin.Read(make([]byte, 1)) // until the test is over
		return
	}
	os.Exit(m.Run())
}

// withThreads adds a process with threads, which catches signals.
func (p *peers) withThreads(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A copy: this test touches more and more of its own program, and would have
	// a growing share of a peer's pages.
	copied := filepath.Join(t.TempDir(), threadsName)
	if out, err := exec.Command("cp", self, copied).CombinedOutput(); err != nil { //nolint:gosec // this test itself
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(copied) //nolint:gosec // this test itself
	const name = "with threads"
	cmd.Env = append(os.Environ(), threadsVariable+"="+name)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() }) // it is killed first
	p.start(t, name, cmd)
	p.pend(t, cmd.Process.Pid)
}

// pend sends signals to a process that stands still: one to it, one to a thread.
func (p *peers) pend(t *testing.T, pid int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	if err != nil {
		t.Fatal(err)
	}
	tid, err := strconv.Atoi(entries[len(entries)-1].Name())
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Tgkill(pid, tid, unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGUSR2); err != nil {
		t.Fatal(err)
	}
}

// apart adds processes with namespaces and control groups of their own, and one
// whose children have ended.
func (p *peers) apart(t *testing.T) {
	t.Helper()
	// Their faults stay, and their CPU time is less than a tick: a share of it would not stand still.
	p.start(t, "sleep", exec.Command("sh", "-c", "/bin/true; /bin/true; exec sleep 600"))
	p.start(t, "sleep", exec.Command("unshare", "--uts", "--ipc", "--net", "--mount", "--cgroup", "sleep", "600"))
	p.start(t, "sleep", exec.Command("unshare", "--user", "--map-root-user", "sleep", "600"))
	inside := exec.Command("unshare", "--pid", "--fork", "--kill-child", "sleep", "600")
	if err := inside.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = inside.Process.Kill()
		_ = inside.Wait() // killed, as it should be
	})
	p.stopChild(t, inside.Process.Pid)
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory"} {
		p.inGroup(t, filepath.Join(root, "dps-test.slice"), "user@7.service", "app.slice", "one.service")
		p.inGroup(t, filepath.Join(root, "dps-test.slice"), "session-9.scope")
	}
}

// stopChild adds the child of a process that waits for it.
func (p *peers) stopChild(t *testing.T, parent int) {
	t.Helper()
	var pid int
	until(t, "a child of "+strconv.Itoa(parent), func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
		if err != nil {
			t.Fatal(err)
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
		comm, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm") // empty where it is not there yet
		return err == nil && string(comm) == "sleep\n"
	})
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) }) // it may be over
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, "it to stop", func() bool { return state(strconv.Itoa(pid)) == "T" })
	p.pids = append(p.pids, strconv.Itoa(pid))
}

// inGroup adds a process in a control group below root, if one can be made there.
func (p *peers) inGroup(t *testing.T, root string, below ...string) {
	t.Helper()
	made := []string{root}
	for _, name := range below {
		made = append(made, filepath.Join(made[len(made)-1], name))
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(root), "cgroup.procs")); err != nil {
		return // no hierarchy is mounted here
	}
	for _, dir := range made {
		if err := os.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) { //nolint:gosec // as systemd has them
			t.Logf("no control group: %v", err)
			return
		}
		t.Cleanup(func() { _ = os.Remove(dir) }) // another one's process may still be there
	}
	cmd := exec.Command("sleep", "600")
	p.start(t, "sleep", cmd)
	procs := filepath.Join(made[len(made)-1], "cgroup.procs")
	if err := os.WriteFile(procs, []byte(strconv.Itoa(cmd.Process.Pid)), 0); err != nil {
		t.Logf("no process in a control group: %v", err)
	}
}

// family adds a process, its child and two grandchildren.
func (p *peers) family(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	inner := filepath.Join(dir, "inner")
	script := "echo 'sleep 600 & echo $! >" + dir + "/3; sleep 600 & echo $! >" + dir + "/4; exec sleep 600' >" + inner +
		"; sh " + inner + " & echo $! >" + dir + "/2; exec sleep 600"
	p.start(t, "sleep", exec.Command("sh", "-c", script))
	for _, name := range []string{"2", "3", "4"} {
		var pid int
		until(t, "member "+name+" of the family", func() bool {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return false
			}
			pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
			comm, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm") // empty where it is not there yet
			return err == nil && string(comm) == "sleep\n"
		})
		t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) }) // it may be over
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		until(t, "it to stop", func() bool { return state(strconv.Itoa(pid)) == "T" })
		p.pids = append(p.pids, strconv.Itoa(pid))
	}
}

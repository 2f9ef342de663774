package dps_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// threadsVariable makes this test binary a process with threads that waits.
const threadsVariable = "DPS_TEST_THREADS"

func TestMain(m *testing.M) {
	if os.Getenv(threadsVariable) != "" {
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
	cmd := exec.Command(self) //nolint:gosec // this test itself
	cmd.Env = append(os.Environ(), threadsVariable+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() }) // it is killed first
	p.start(t, filepath.Base(self), cmd)
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

package hosts

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user without any right.
var nobody = syscall.Credential{Uid: 65534, Gid: 65534}

// TestNothingIsLeft ends a starter in every way there is and looks for what it leaves.
func TestNothingIsLeft(t *testing.T) {
	for _, kind := range []struct {
		name string
		as   *syscall.Credential
	}{{"namespaced", nil}, {"plain", nil}, {"plain", &nobody}} {
		for name, end := range map[string]func(*exec.Cmd, func() error) error{
			"closed":  func(_ *exec.Cmd, closeInput func() error) error { return closeInput() },
			"killed":  func(c *exec.Cmd, _ func() error) error { return c.Process.Kill() },
			"stopped": func(c *exec.Cmd, _ func() error) error { return c.Process.Signal(syscall.SIGTERM) },
			"quit":    func(c *exec.Cmd, _ func() error) error { return c.Process.Signal(syscall.SIGQUIT) },
		} {
			if kind.as != nil {
				name += " as nobody"
			}
			t.Run(kind.name+" "+name, func(t *testing.T) {
				cmd, in, dir, marker := runStarter(t, kind.name, kind.as)
				if got := marked(t, marker); len(got) < 4 {
					t.Fatalf("only %d processes run: %q", len(got), got)
				}
				if err := end(cmd, in.Close); err != nil {
					t.Fatal(err)
				}
				_ = cmd.Wait() // how it ends is not the question
				var left []string
				eventually(t, "no process is left", func() bool {
					left = marked(t, marker)
					return len(left) == 0
				})
				if kind.name == "plain" {
					eventually(t, dir+" is removed", func() bool {
						_, err := os.Stat(dir)
						return errors.Is(err, os.ErrNotExist)
					})
				}
				checkMachine(t)
			})
		}
	}
}

// checkMachine finds links and mounts of ours where none may be. Mounts of namespaces
// are what others make here, too; theirs go.
func checkMachine(t *testing.T) {
	t.Helper()
	var left []string
	defer func() {
		if t.Failed() {
			t.Logf("left: %q", left)
		}
	}()
	eventually(t, "no link and no mount is left on the machine", func() bool {
		left = nil
		links, err := net.Interfaces()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range links {
			if l.Name == bridgeName || l.Name == portOf(1) {
				left = append(left, l.Name)
			}
		}
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(mounts)) {
			if strings.Contains(line, "nsfs") || strings.Contains(line, BinDir) {
				left = append(left, line)
			}
		}
		return len(left) == 0
	})
}

func TestStartWithoutRights(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "test-starter", "namespaced")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &nobody}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), syscall.EPERM.Error()) {
		t.Errorf("error %v, output %q, want %v", err, out, syscall.EPERM)
	}
}

func TestCloseTwice(t *testing.T) {
	d, err := Start(t.Context(), DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	for _, h := range append(d.Hosts, d.Hub) {
		select {
		case <-h.Gone():
		default:
			t.Errorf("%s is still there", h.Name)
		}
	}
}

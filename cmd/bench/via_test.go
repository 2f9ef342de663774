package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ddcos/bench"
	"ddcos/bench/sshd"
)

// viaPrograms is a directory of this command and a dps: a shell's script, or the real one.
func viaPrograms(t *testing.T, dps string) (bin string) {
	t.Helper()
	bin = t.TempDir()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "bench"), self, 0o755); err != nil {
		t.Fatal(err)
	}
	if dps == "" {
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "ddcos/cmd/dps").CombinedOutput(); err != nil {
			t.Fatalf("build dps: %v\n%s", err, out)
		}
	} else if err := os.WriteFile(filepath.Join(bin, "dps"), []byte("#!/bin/sh\n"+dps), 0o755); err != nil {
		t.Fatal(err)
	}
	return bin
}

// needsSSH skips a test where no hosts can be made.
func needsSSH(t *testing.T) {
	t.Helper()
	if err := sshd.Missing(); err != nil {
		t.Skip(err)
	}
}

// TestVia asks two hosts by the real programs, and reads what programs would read.
func TestVia(t *testing.T) {
	needsSSH(t)
	s := start(t, viaPrograms(t, ""), nil, "via", "--hosts", "2", "--processes", "5", "--asked", "3", "--json")
	s.ends(t, 0)
	var names []string
	for d := json.NewDecoder(strings.NewReader(s.text.String())); d.More(); {
		var f bench.Figure
		if err := d.Decode(&f); err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Name)
		if f.Value <= 0 || f.PeerValue <= 0 || f.Ratio != f.Value/f.PeerValue || f.Unit != "ms" || f.Peer != "ssh-loop" {
			t.Errorf("%+v", f)
		}
	}
	if got := strings.Join(names, " "); got != "via via-cpu" {
		t.Errorf("figures %s", got)
	}
}

// TestViaEnds ends it while hosts are asked, and looks for what is left.
func TestViaEnds(t *testing.T) {
	needsSSH(t)
	for name, tc := range map[string]struct {
		dps    string // none: the real one
		signal syscall.Signal
		at     string // a process that runs then
		status int    // -1: by the signal
	}{
		"interrupted": {"", syscall.SIGINT, "ssh -F", 1},
		"terminated":  {"sleep 1000; true", syscall.SIGTERM, "sleep 1000", 1},
		"killed":      {"exec sleep 1000", syscall.SIGKILL, "sleep 1000", -1},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, viaPrograms(t, tc.dps), nil, "via", "--hosts", "2", "--processes", "5", "--asked", "100000")
			s.runs(t, tc.at)
			if err := syscall.Kill(s.cmd.Process.Pid, tc.signal); err != nil {
				t.Fatal(err)
			}
			if tc.signal != syscall.SIGKILL {
				s.ends(t, tc.status)
				if complaint := s.stderr.String(); !strings.HasSuffix(complaint, "bench: interrupted\n") {
					t.Errorf("complained %q", complaint)
				}
				return
			}
			_ = s.cmd.Wait() // it was killed
			if err := os.RemoveAll(s.temp); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(s.temp, 0o755); err != nil { // nobody could remove its files
				t.Fatal(err)
			}
			s.leavesNothing(t)
		})
	}
}

// runs waits until a process of it has a command line with the text.
func (s *shown) runs(t *testing.T, text string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !strings.Contains(strings.Join(s.running(t), "\n"), text); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("no %q ever ran", text)
		}
	}
}

// TestViaFails has a dps that gives no table, one that fails, and nobody who may make hosts.
func TestViaFails(t *testing.T) {
	for name, tc := range map[string]struct {
		dps  string
		as   *syscall.Credential
		want string
	}{
		"no table":     {"echo no processes", nil, "begins with HOST"},
		"it fails":     {"echo nobody answered >&2; exit 3", nil, "exit status 3: nobody answered"},
		"without root": {"exit 0", &nobody, "want root"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.as == nil {
				needsSSH(t)
			}
			s := start(t, viaPrograms(t, tc.dps), tc.as, "via", "--hosts", "1", "--processes", "0")
			s.ends(t, 1)
			all := strings.Split(strings.TrimSpace(s.stderr.String()), "\n")
			if last := all[len(all)-1]; !strings.Contains(last, tc.want) || !strings.HasPrefix(last, "bench: ") {
				t.Errorf("complained %q, want %q", last, tc.want)
			}
		})
	}
}

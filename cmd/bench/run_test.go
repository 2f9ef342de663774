package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"ddcos/bench"
)

// patience bounds every wait of these tests.
const patience = time.Minute

// nobody is a user without any right.
var nobody = syscall.Credential{Uid: 65534, Gid: 65534}

// shown is a bench that runs as a process of its own; all its processes carry a marker.
type shown struct {
	cmd    *exec.Cmd
	out    *bufio.Scanner
	text   strings.Builder // what it has printed so far
	stderr bytes.Buffer
	marker string
	temp   string // its TMPDIR
}

func start(t *testing.T, bin string, as *syscall.Credential, args ...string) *shown {
	t.Helper()
	s := &shown{
		cmd: exec.CommandContext(t.Context(), filepath.Join(bin, "bench"), args...), temp: t.TempDir(),
		marker: fmt.Sprintf("DDCOS_TEST_MARKER=%s-%d", t.Name(), os.Getpid()),
	}
	for dir := s.temp; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	s.cmd.Env = append(os.Environ(), s.marker, "TMPDIR="+s.temp)
	s.cmd.Dir = "/"
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	s.cmd.Stderr = &s.stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.out = bufio.NewScanner(io.TeeReader(out, &s.text))
	return s
}

// until reads what is printed up to a line that contains the text; "" reads to the end.
func (s *shown) until(t *testing.T, text string) {
	t.Helper()
	for s.out.Scan() {
		if text != "" && strings.Contains(s.out.Text(), text) {
			return
		}
	}
	if text != "" {
		_ = s.cmd.Wait()
		t.Fatalf("%q was never printed: %s\n%s", text, &s.stderr, s.text.String())
	}
}

// ends reads to the end, expects the status and looks for leftovers.
func (s *shown) ends(t *testing.T, status int) {
	t.Helper()
	s.until(t, "")
	err := s.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Error(err)
	} else if ok && exit.ExitCode() != status || !ok && status != 0 {
		t.Errorf("%v, want status %d: %s\n%s", err, status, &s.stderr, s.text.String())
	}
	s.leavesNothing(t)
}

func (s *shown) leavesNothing(t *testing.T) {
	t.Helper()
	var left []string
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for ; ; <-tick.C {
		left = s.running(t)
		files, err := os.ReadDir(s.temp)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			left = append(left, f.Name())
		}
		left = append(left, onMachine(t)...)
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %q", left)
		}
	}
}

// onMachine are links and mounts that may be of ours. Mounts of namespaces are what others
// make here, too; theirs go.
func onMachine(t *testing.T) (found []string) {
	t.Helper()
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if strings.HasPrefix(l.Name, "ddcos") || l.Name == "veth1" {
			found = append(found, "link "+l.Name)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, "/run/ddcos") || strings.Contains(line, "nsfs") {
			found = append(found, "mount "+line)
		}
	}
	return found
}

// running lists the processes that carry the marker.
func (s *shown) running(t *testing.T) []string {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range environs {
		environ, err := os.ReadFile(path) // a process that ended meanwhile is no leftover
		if err == nil && bytes.Contains(environ, []byte(s.marker)) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
			found = append(found, string(bytes.ReplaceAll(command, []byte{0}, []byte{' '})))
		}
	}
	return found
}

var lost = regexp.MustCompile(`(?m)^db-2 .* lost_after_send`)

func TestRun(t *testing.T) {
	bin := programs(t)
	for _, tc := range []struct {
		name  string
		as    *syscall.Credential
		args  []string
		want  []string
		hosts int
	}{
		{"three hosts", nil, nil, []string{"3 hosts", "10.77.0.4", "host3"}, 3},
		{"one host", nil, []string{"--hosts", "1"}, []string{"1 hosts", "host1"}, 1},
		{"plain", nil, []string{"--plain"}, []string{"One host"}, 1},
		{"without root", &nobody, nil, []string{"Namespaces need root", "One host"}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, bin, tc.as, append([]string{"run"}, tc.args...)...)
			s.ends(t, 0)
			text := s.text.String()
			for _, want := range append(tc.want, "Taken down", "4 ok, 1 lost_after_send") {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in what it shows:\n%s", want, text)
				}
			}
			if !lost.MatchString(text) {
				t.Errorf("the account does not name the killed member:\n%s", text)
			}
			if want := fmt.Sprintf("k2i, view %d: %d member", tc.hosts, tc.hosts); !strings.Contains(text, want) {
				t.Errorf("not %q:\n%s", want, text)
			}
		})
	}
}

// For programs there is one object, and what people see is on standard error.
func TestRunJSON(t *testing.T) {
	bin := programs(t)
	s := start(t, bin, nil, "run", "--json", "--hosts", "1")
	s.ends(t, 0)
	var shown bench.Shown
	var account struct {
		Selected int
		Counts   map[string]int
	}
	if err := json.Unmarshal([]byte(s.text.String()), &shown); err != nil {
		t.Fatalf("%v in %q", err, s.text.String())
	}
	if err := json.Unmarshal(shown.Account, &account); err != nil {
		t.Fatal(err)
	}
	if len(shown.Hosts) != 1 || shown.Hosts[0].Name != "host1" || shown.Hosts[0].Address == "" || shown.Rows["host1"] == 0 {
		t.Errorf("hosts %+v, rows %v", shown.Hosts, shown.Rows)
	}
	if account.Selected != 5 || account.Counts["ok"] != 4 || account.Counts["lost_after_send"] != 1 {
		t.Errorf("the account %+v", account)
	}
	if !strings.Contains(s.stderr.String(), "Taken down") {
		t.Errorf("on standard error %q", s.stderr.String())
	}
}

// TestRunEnds ends bench in every way there is, early and late.
func TestRunEnds(t *testing.T) {
	bin := programs(t)
	for _, tc := range []struct {
		name   string
		as     *syscall.Credential
		at     string // the line to wait for
		signal syscall.Signal
		status int // -1: by the signal
	}{
		{"interrupted when kept", nil, "nsenter", syscall.SIGINT, 0},
		{"terminated when kept", nil, "nsenter", syscall.SIGTERM, 0},
		{"interrupted early", nil, "first process", syscall.SIGINT, 1},
		{"killed early", nil, "first process", syscall.SIGKILL, -1},
		{"killed when kept", nil, "nsenter", syscall.SIGKILL, -1},
		{"plain and interrupted when kept", &nobody, "DDCOS_BROKER", syscall.SIGINT, 0},
		{"plain and interrupted early", &nobody, "One host", syscall.SIGINT, 1},
		{"plain and killed early", &nobody, "One host", syscall.SIGKILL, -1},
		{"plain and killed when kept", &nobody, "DDCOS_BROKER", syscall.SIGKILL, -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, bin, tc.as, "run", "--keep")
			s.until(t, tc.at)
			if len(s.running(t)) < 2 {
				t.Error("the marker finds nothing")
			}
			target := s.cmd.Process.Pid
			if tc.signal == syscall.SIGINT {
				target = -target // a terminal interrupts the whole group
			}
			if err := syscall.Kill(target, tc.signal); err != nil {
				t.Fatal(err)
			}
			s.ends(t, tc.status)
			if complaint := s.stderr.String(); tc.status == 1 && complaint != "bench: interrupted\n" {
				t.Errorf("complained %q", complaint)
			}
		})
	}
}

func TestRunFails(t *testing.T) {
	for _, tc := range []struct {
		name, program, text string // what stands in for a program
		want                string
	}{
		{"an agent ends", "k2i", "#!/bin/sh\necho no BPF here\nexit 3\n", "k2i on host1 ended with status 3: no BPF here"},
		{"no broker", "middlecon", "#!/bin/sh\necho address in use\nexit 1\n", "middlecon on hub ended with status 1: address in use"},
		{"an agent that never joins", "k2i", "#!/bin/sh\nexec sleep 1000\n", "not done in 2s"},
		{"a table without a host", "dps", "#!/bin/sh\necho HOST PID\necho host1 1\n", "the table has no process of host2"},
		{"a table that fails", "dps", "#!/bin/sh\necho no columns >&2; exit 2\n", "no columns"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bin := programs(t)
			if err := os.WriteFile(filepath.Join(bin, tc.program), []byte(tc.text), 0o755); err != nil {
				t.Fatal(err)
			}
			timeout := "1m" // only what never comes is not waited for
			if strings.HasPrefix(tc.want, "not done in ") {
				timeout = "2s"
			}
			s := start(t, bin, nil, "run", "--timeout", timeout)
			s.ends(t, 1)
			complaint := s.stderr.String()
			if !strings.Contains(complaint, tc.want) || strings.Count(complaint, "\n") != 1 {
				t.Errorf("complained %q, want one line with %q", complaint, tc.want)
			}
		})
	}
}

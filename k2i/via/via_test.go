package via

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
)

// hostile names the part that this test's own binary plays instead of a shell.
const hostile = "VIA_HOSTILE"

func TestMain(m *testing.M) {
	if part := os.Getenv(hostile); part != "" {
		play(part)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// programs are built as make does it.
func programs(t testing.TB) *Programs {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "rows", "-gcflags=all=-l", "-ldflags", "-s -w", "-o", filepath.Join(dir, "k2i-rows-"+runtime.GOARCH), "./once")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return NewPrograms(dir)
}

// ask puts one question to the hosts and holds what came back to their number.
func ask(ctx context.Context, t *testing.T, command string, programs *Programs, q query.Query, hosts ...string) []fleet.Reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	source, err := New(command, hosts, programs)
	if err != nil {
		t.Fatal(err)
	}
	replies, err := source.Ask(ctx, wire.Request{Query: q})
	if err != nil || len(replies) != len(hosts) {
		t.Fatalf("%d replies of %d hosts, %v", len(replies), len(hosts), err)
	}
	return replies
}

// left are the files of ours in the places that the script tries.
func left(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, dir := range []string{"/dev/shm", "/tmp", "/var/tmp", os.Getenv("HOME")} {
		names, err := filepath.Glob(filepath.Join(dir, "k2i-once.*"))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, names...)
	}
	return found
}

func TestHostsAnswer(t *testing.T) {
	before := left(t)
	q := query.Query{Select: query.Selection{PIDs: []int32{int32(os.Getpid())}}}
	// A login that greets, in one case with the words that we wait for.
	command := `echo welcome to {host}; echo 'k2i-x Linux x86_64'; echo beware >&2; env HOST={host}`
	hosts := []string{"a1", "a2", "b"}
	for i, r := range ask(t.Context(), t, command, programs(t), q, hosts...) {
		if r.Status != fleet.StatusOK || r.Host != hosts[i] || r.Answer.Host.Name != hosts[i] {
			t.Fatalf("host %s: %+v", hosts[i], r)
		}
		if rows := r.Answer.Processes; len(rows) != 1 || rows[0].PID != int32(os.Getpid()) || r.Answer.Total < 2 {
			t.Errorf("host %s: %d rows of %d", hosts[i], len(rows), r.Answer.Total)
		}
	}
	if after := left(t); !slices.Equal(before, after) {
		t.Errorf("left behind: %q, before %q", after, before)
	}
}

func TestHostsThatFail(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	built := programs(t)
	none := NewPrograms(t.TempDir())
	fake := t.TempDir() // a uname of its own
	if err := os.WriteFile(filepath.Join(fake, "uname"), []byte("#!/bin/sh\necho ${KERNEL:-Linux} ${MACHINE:-x86_64}\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	few := t.TempDir() // a PATH of what the script needs, but for gzip
	for _, name := range []string{"sh", "uname", "chmod", "rm", "cat"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(few, name)); err != nil {
			t.Fatal(err)
		}
	}
	path := "PATH=" + fake + ":$PATH "
	tests := map[string]struct {
		command  string
		programs *Programs
		status   fleet.Status
		err      string
	}{
		"no such command":   {"no-such-command-{host}", built, fleet.StatusUnreachable, "not found"},
		"cannot be reached": {"echo 'ssh: connect to {host} port 22: refused' >&2; exit 255;", built, fleet.StatusUnreachable, "ssh: connect to h port 22: refused"},
		"says nothing":      {"true {host};exit 7;", built, fleet.StatusUnreachable, "exit status 7"},
		"no shell":          {"read line; echo {host};:", built, fleet.StatusUnreachable, "no shell answered"},
		"another system":    {path + "KERNEL=SunOS HOST={host}", built, fleet.StatusError, `"SunOS": k2i knows Linux only`},
		"another machine":   {path + "MACHINE=vax HOST={host}", built, fleet.StatusError, `kind "vax"`},
		"no build":          {"env HOST={host}", none, fleet.StatusError, "'make build' makes it"},
		"no gzip":           {"env HOST={host} PATH=" + few, built, fleet.StatusError, "gzip"},
		"cut on the way":    {hostile + "=cut " + self + " {host}", built, fleet.StatusError, "could not be carried over"},
	}
	before := left(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := ask(t.Context(), t, test.command, test.programs, query.Query{}, "h")[0]
			if r.Status != test.status || !strings.Contains(r.Err, test.err) || r.Host != "h" || r.Answer != nil {
				t.Errorf("got %+v, want %s: %s", r, test.status, test.err)
			}
		})
	}
	if after := left(t); !slices.Equal(before, after) {
		t.Errorf("left behind: %q, before %q", after, before)
	}
}

// TestWhereNothingMayRun finds directories that are mounted without execution: the
// program goes to the next, or there is none. It needs root.
func TestWhereNothingMayRun(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting wants root")
	}
	built := programs(t)
	for covered, want := range map[string]string{
		`/dev/shm /tmp /var/tmp "$HOME"`: "no place for a program",
		`/dev/shm /tmp`:                  "",
	} {
		prepare := filepath.Join(t.TempDir(), "prepare")
		text := `for d in ` + covered + `; do mount -t tmpfs -o noexec none "$d" || exit 9; done; "$@"; status=$?; find ` + covered + ` -type f | grep . >&2; exit $status`
		if err := os.WriteFile(prepare, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		// sh has read the file before its directory is covered: it is shorter than a block.
		r := ask(t.Context(), t, "HOST={host} unshare -m sh "+prepare, built, query.Query{}, "h")[0]
		switch {
		case want == "" && (r.Status != fleet.StatusOK || len(r.Answer.Processes) < 2):
			t.Errorf("without execution in %s: %+v", covered, r)
		case want != "" && (r.Status != fleet.StatusError || !strings.Contains(r.Err, want)):
			t.Errorf("without execution in %s: %+v", covered, r)
		}
	}
}

// TestDeadline ends commands that do not: all hosts are settled, and none of the
// commands lives on.
func TestDeadline(t *testing.T) {
	mark := fmt.Sprintf("via-test-%d", os.Getpid())
	ready := filepath.Join(t.TempDir(), "ready")
	if err := syscall.Mkfifo(ready, 0o600); err != nil {
		t.Fatal(err)
	}
	started, err := os.OpenFile(ready, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = started.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		_, _ = io.ReadFull(started, make([]byte, len("a\nb\n")))
	}()
	for _, r := range ask(ctx, t, "echo {host} >"+ready+"; exec env MARK="+mark+" sleep 300 #", NewPrograms(), query.Query{}, "a", "b") {
		if r.Status != fleet.StatusTimeout || r.Err != "no answer in time" {
			t.Errorf("got %+v", r)
		}
	}
	if n := running(t, mark); n != 0 {
		t.Errorf("%d commands are still there", n)
	}
}

// running counts the processes with a mark in their environment.
func running(t *testing.T, mark string) int {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range environs {
		if environ, err := os.ReadFile(path); err == nil && strings.Contains(string(environ), "MARK="+mark) {
			n++
		}
	}
	return n
}

func TestNewRefuses(t *testing.T) {
	tests := map[string]struct {
		command string
		hosts   []string
	}{
		"does not say where": {"ssh host", []string{"a"}},
		"0 hosts":            {"ssh {host}", nil},
		"10001 hosts":        {"ssh {host}", make([]string, MaxHosts+1)},
		"begins with a dash": {"ssh {host}", []string{"a", "-b"}},
		"not ' '":            {"ssh {host}", []string{"a b"}},
	}
	for want, test := range tests {
		if _, err := New(test.command, test.hosts, NewPrograms()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestManyHosts are more than are asked at once, and each is asked once.
func TestManyHosts(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	hosts := make([]string, 3*MaxParallel)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("h%d", i)
	}
	for i, r := range ask(t.Context(), t, "echo {host} >>"+log+"; echo no {host} >&2; exit 1;", NewPrograms(), query.Query{}, hosts...) {
		if r.Host != hosts[i] || r.Status != fleet.StatusUnreachable || r.Err != "no "+hosts[i] {
			t.Errorf("got %+v", r)
		}
	}
	asked, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(asked))
	slices.Sort(lines)
	if slices.Sort(hosts); !slices.Equal(lines, hosts) {
		t.Errorf("asked were %q", lines)
	}
}

// Where there are both programs rows are asked of the smaller one, connections and
// conditions of the one that has what they take.
func TestProgramForQuestion(t *testing.T) {
	dir := t.TempDir()
	load := func(req wire.Request) string {
		t.Helper()
		b, err := NewPrograms(dir).compressed("Linux", "aarch64", req)
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	rows, connections := wire.Request{}, wire.Request{Connections: &k2i.ConnectionFilter{}}
	if err := os.WriteFile(filepath.Join(dir, "k2i-rows-arm64.gz"), []byte("rows"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := load(connections); !strings.Contains(got, "no k2i-once-arm64 in") {
		t.Errorf("connections without BPF: %q", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "k2i-once-arm64.gz"), []byte("once"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := load(rows); got != "rows" {
		t.Errorf("rows: %q", got)
	}
	if got := load(connections); got != "once" {
		t.Errorf("connections: %q", got)
	}
	if got := load(wire.Request{Query: query.Query{Where: "pid == 1"}}); got != "once" {
		t.Errorf("a condition: %q", got)
	}
}

// A program that lies there packed is sent as it is, unless it was built since.
func TestPacked(t *testing.T) {
	dir := t.TempDir()
	plain, packed := filepath.Join(dir, "k2i-once-amd64"), filepath.Join(dir, "k2i-once-amd64.gz")
	load := func() string {
		t.Helper()
		b, err := NewPrograms(dir).compressed("Linux", "x86_64", wire.Request{})
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	write := func(path, text string, built time.Time) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, built, built)); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	if got := load(); !strings.Contains(got, "no k2i-once-amd64 in") {
		t.Errorf("nothing there: %q", got)
	}
	write(packed, "packed", now)
	if got := load(); got != "packed" {
		t.Errorf("packed alone: %q", got)
	}
	write(plain, "plain", now.Add(-time.Minute))
	if got := load(); got != "packed" {
		t.Errorf("packed after it was built: %q", got)
	}
	write(plain, "plain", now.Add(time.Minute))
	if got := load(); got == "packed" || !strings.HasPrefix(got, "\x1f\x8b") {
		t.Errorf("built since: %q", got)
	}
}

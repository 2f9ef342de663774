package via

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

// noise stands in the place of k2i-once: it is carried over, and never run.
func noise(t *testing.T) *Programs {
	t.Helper()
	dir, bytes := t.TempDir(), make([]byte, 1<<20)
	_, _ = rand.Read(bytes) // it never fails
	for _, arch := range architectures {
		if err := os.WriteFile(filepath.Join(dir, "k2i-once-"+arch), bytes, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return NewPrograms(dir)
}

// ask puts one question to the hosts and holds what came back to their number.
func ask(ctx context.Context, t *testing.T, command string, q query.Query, hosts ...string) []fleet.Reply {
	t.Helper()
	return askFor(ctx, t, command, NewPrograms(), wire.Request{Query: q}, hosts...)
}

// connections is a question that k2i-once answers.
var connections = wire.Request{Connections: &k2i.ConnectionFilter{}}

// askFor is ask for anything.
func askFor(ctx context.Context, t *testing.T, command string, programs *Programs, req wire.Request, hosts ...string) []fleet.Reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	source, err := New(command, hosts, programs)
	if err != nil {
		t.Fatal(err)
	}
	replies, err := source.Ask(ctx, req)
	if err != nil || len(replies) != len(hosts) {
		t.Fatalf("%d replies of %d hosts, %v", len(replies), len(hosts), err)
	}
	return replies
}

func TestHostsAnswer(t *testing.T) {
	defer leavesNothing(t)()
	q := query.Query{Select: query.Selection{PIDs: []int32{int32(os.Getpid())}}}
	// A login that greets, in one case with the words that we wait for.
	command := `echo welcome to {host}; echo 'k2i-x Linux x86_64'; echo beware >&2; env HOST={host}`
	hosts := []string{"a1", "a2", "b"}
	for i, r := range ask(t.Context(), t, command, q, hosts...) {
		if r.Status != fleet.StatusOK || r.Host != hosts[i] || r.Answer.Host.Name != hosts[i] {
			t.Fatalf("host %s: %+v", hosts[i], r)
		}
		if rows := r.Answer.Processes; len(rows) != 1 || rows[0].PID != int32(os.Getpid()) || r.Answer.Total < 2 {
			t.Errorf("host %s: %d rows of %d", hosts[i], len(rows), r.Answer.Total)
		}
	}
}

func TestHostsThatFail(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	rows, none, some := wire.Request{}, NewPrograms(), noise(t)
	tests := map[string]struct {
		command  string
		programs *Programs
		req      wire.Request
		status   fleet.Status
		err      string
	}{
		"no such command":   {"no-such-command-{host}", none, rows, fleet.StatusUnreachable, "not found"},
		"cannot be reached": {"echo 'ssh: connect to {host} port 22: refused' >&2; exit 255;", none, rows, fleet.StatusUnreachable, "ssh: connect to h port 22: refused"},
		"says nothing":      {"true {host};exit 7;", none, rows, fleet.StatusUnreachable, "exit status 7"},
		"no shell":          {"read line; echo {host};:", none, rows, fleet.StatusUnreachable, "no shell answered"},
		"no login":          {"echo 'This account of {host} is not available.'; exit 1; ", none, rows, fleet.StatusUnreachable, `is "This account of h is not available.": exit status 1`},
		"does not listen":   {"exec <&-; echo {host}; exit 3;", none, rows, fleet.StatusUnreachable, `no shell answered: the last that was said is "h": exit status 3`},
		"script is cut":     {hostile + "=cut " + self + " {host}", none, rows, fleet.StatusUnreachable, ""},
		"no build":          {"env HOST={host}", none, connections, fleet.StatusError, "'make build' makes it"},
		"no gzip":           {"env HOST={host} PATH=" + few(t), some, connections, fleet.StatusError, "gzip"},
		"program is cut":    {hostile + "=cut " + self + " {host}", some, connections, fleet.StatusError, "could not be carried over"},
	}
	defer leavesNothing(t)()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := askFor(t.Context(), t, test.command, test.programs, test.req, "h")[0]
			if r.Status != test.status || !strings.Contains(r.Err, test.err) || r.Host != "h" || r.Answer != nil {
				t.Errorf("got %+v, want %s: %s", r, test.status, test.err)
			}
		})
	}
}

// TestWhereNothingMayRun finds directories that are mounted without execution: the
// program goes to the next, or there is none. It needs root.
func TestWhereNothingMayRun(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting wants root")
	}
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
		r := ask(t.Context(), t, "HOST={host} unshare -m sh "+prepare, query.Query{}, "h")[0]
		switch {
		case want == "" && (r.Status != fleet.StatusOK || len(r.Answer.Processes) < 2):
			t.Errorf("without execution in %s: %+v", covered, r)
		case want != "" && (r.Status != fleet.StatusError || !strings.Contains(r.Err, want)):
			t.Errorf("without execution in %s: %+v", covered, r)
		}
	}
}

// late is a context whose end is its deadline.
type late struct{ context.Context }

func (l late) Err() error {
	if l.Context.Err() == nil {
		return nil
	}
	return context.DeadlineExceeded
}

func (late) Value(any) any { return nil } // or those made of it find what is behind it

func TestDeadline(t *testing.T) {
	endsAll(t, fleet.StatusTimeout, "no answer in time", func(ctx context.Context) context.Context { return late{ctx} })
}

func TestInterrupted(t *testing.T) {
	endsAll(t, fleet.StatusError, "interrupted", func(ctx context.Context) context.Context { return ctx })
}

// endsAll ends commands that do not end by themselves: all hosts are settled so, and
// none of the commands lives on.
func endsAll(t *testing.T, status fleet.Status, says string, as func(context.Context) context.Context) {
	t.Helper()
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
	for _, r := range ask(as(ctx), t, "echo {host} >"+ready+"; exec env MARK="+mark+" sleep 300 #", query.Query{}, "a", "b") {
		if r.Status != status || r.Err != says {
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

// Only words that mean to a shell what they are do without one.
func TestStarted(t *testing.T) {
	for command, direct := range map[string]bool{
		"ssh -F /etc/x_1.conf -o=a web-1":  false, // = may be an assignment
		"cat -n +3 @a:b,c%d /etc/hostname": true,
		"  cat  -  ":                       true,
		"cat 'a b'":                        false,
		"cat $HOME":                        false,
		"cat ~":                            false,
		"cat x; cat y":                     false,
		"cat >x":                           false,
		"cat *":                            false,
		"cat a\nb":                         false,
		"exec cat":                         false, // there is no such program, but a shell knows it
		"no-such-program-anywhere":         false,
		"":                                 false,
	} {
		cmd := started(t.Context(), command)
		if got := !slices.Equal(cmd.Args, []string{"sh", "-c", command}); got != direct {
			t.Errorf("%q is run as %q", command, cmd.Args)
		}
		if direct && !slices.Equal(cmd.Args[1:], strings.Fields(command)[1:]) {
			t.Errorf("%q is run as %q", command, cmd.Args)
		}
	}
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
	for i, r := range ask(t.Context(), t, "echo {host} >>"+log+"; echo no {host} >&2; exit 1;", query.Query{}, hosts...) {
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

// A program that lies there packed is sent as it is, unless it was built since.
func TestPacked(t *testing.T) {
	dir := t.TempDir()
	plain, packed := filepath.Join(dir, "k2i-once-amd64"), filepath.Join(dir, "k2i-once-amd64.gz")
	load := func() string {
		t.Helper()
		b, err := NewPrograms(dir).compressed("x86_64")
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

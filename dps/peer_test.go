package dps_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/dps"
	"ddcos/k2i"
	"ddcos/k2i/agent"
	"ddcos/k2i/fleet"
	"ddcos/k2i/procfs"
)

// peers are processes that stand still, so that two readings of them are equal.
type peers struct {
	*onlooker
	pids []string
}

func (p *peers) list() string { return strings.Join(p.pids, ",") }

// start runs a command, waits until its kernel name is comm, and stops it.
func (p *peers) start(t *testing.T, comm string, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be over
		_ = cmd.Wait()         // killed, as it should be
	})
	pid := strconv.Itoa(cmd.Process.Pid)
	until(t, "the name of process "+pid, func() bool {
		got, err := os.ReadFile("/proc/" + pid + "/comm")
		return err == nil && strings.TrimSuffix(string(got), "\n") == comm
	})
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, "process "+pid+" to stop", func() bool { return state(pid) == "T" })
	p.pids = append(p.pids, pid)
}

// state is field 3 of /proc/PID/stat.
func state(pid string) string {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(b[bytes.LastIndexByte(b, ')'):]), " ")
	return rest[:1]
}

// until polls a condition against a deadline.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	over := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("still waiting for %s", what)
		}
	}
}

// startPeers makes the set of processes: nice and real-time classes, other and
// long users, odd and long names, a zombie, threads, a terminal.
func startPeers(t *testing.T) *peers {
	t.Helper()
	p := &peers{onlooker: newOnlooker(t)}
	sleep := func(argv ...string) *exec.Cmd {
		return exec.Command(argv[0], append(argv[1:], "sleep", "600")...) //nolint:gosec // arguments of the test's own
	}
	p.start(t, "sleep", sleep("nice", "-n", "7"))
	p.start(t, "sleep", sleep("nice", "-n", "-3"))
	p.start(t, "sleep", sleep("chrt", "-f", "10"))
	p.start(t, "sleep", sleep("chrt", "-r", "5"))
	p.start(t, "sleep", sleep("chrt", "-b", "0"))
	p.start(t, "sleep", sleep("chrt", "-i", "0"))
	p.start(t, "sleep", sleep("setsid"))
	p.start(t, "sleep", sleep("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
	p.start(t, "sleep", sleep("setpriv", "--ruid=65534", "--euid=1", "--rgid=2", "--egid=3", "--clear-groups"))
	p.start(t, "sleep", sleep("setpriv", "--reuid=2000000000", "--regid=1999999999", "--clear-groups"))

	odd := exec.Command("sleep", "600")
	odd.Args = []string{"a b)\x1b[31m\x7f é中 \xff two\nlines", "600"}
	odd.Env = []string{"EMPTY=", "LINES=one\ntwo", "\x1b[31m"}
	p.start(t, "sleep", odd)
	long := exec.Command("sleep", "600")
	long.Args = []string{strings.Repeat("a long name ", 600), "600"} // more than a sample has
	p.start(t, "sleep", long)

	strange := filepath.Join(t.TempDir(), "a (strange) n\x1bme that is long")
	if err := os.Link(resolve(t, "sleep"), strange); err != nil {
		copyFile(t, resolve(t, "sleep"), strange)
	}
	p.start(t, "a (strange) n\x1bm", exec.Command(strange, "600"))

	zombie := exec.Command("sh", "-c", "exit 3")
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = zombie.Wait() }) // exit status 3, as asked
	pid := strconv.Itoa(zombie.Process.Pid)
	until(t, "a zombie", func() bool { return state(pid) == "Z" })
	p.pids = append(p.pids, append(kernelThreads(t), pid)...)
	p.onTerminal(t)
	p.withThreads(t)
	p.family(t)
	p.apart(t)
	for _, pid := range p.pids {
		share(t, pid)
	}
	t.Logf("%d peers: %s", len(p.pids), p.list())
	return p
}

// kernelThreads are some that stand still: the first of all, and one of a CPU.
func kernelThreads(t *testing.T) []string {
	t.Helper()
	pids := []string{"2"}
	files, err := filepath.Glob("/proc/[1-9]*/comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil && string(b) == "cpuhp/0\n" { //nolint:gosec // of /proc
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids
}

// share maps the files that a process has mapped. A page of libc that only the
// process has is its own (USS) until ps runs, which has libc too: what ps would
// measure is ps. So somebody else has every page of a file all the while.
func share(t *testing.T, pid string) {
	t.Helper()
	files, err := filepath.Glob("/proc/" + pid + "/map_files/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		keep(t, file)
	}
}

// keep has a file in this process's memory until the test ends.
func keep(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path) //nolint:gosec // of a process of the test's own
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // the mapping outlives it
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	t.Cleanup(func() { _ = unix.Munmap(b) })
}

// onTerminal adds what script(1) runs on a pseudo-terminal, in its foreground.
func (p *peers) onTerminal(t *testing.T) {
	t.Helper()
	mark := filepath.Join(t.TempDir(), "pid")
	cmd := exec.Command("script", "-qec", "echo $$ >"+mark+"; exec sleep 600", "/dev/null")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // the sleep ends with its terminal
		_ = cmd.Wait()
	})
	var pid string
	until(t, "a process on a terminal", func() bool {
		b, err := os.ReadFile(mark)
		pid = strings.TrimSpace(string(b))
		comm, _ := os.ReadFile("/proc/" + pid + "/comm")
		return err == nil && string(comm) == "sleep\n"
	})
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(n, syscall.SIGKILL) }) // it may be over
	if err := syscall.Kill(n, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, "it to stop", func() bool { return state(pid) == "T" })
	p.pids = append(p.pids, pid)
}

func resolve(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
}

// onlooker reads this host for many comparisons of processes that stand still.
type onlooker struct {
	proc   *procfs.FS
	mode   k2i.Mode // how it reads
	last   *k2i.Snapshot
	fields []string // of last

	program string // the dps that is run; "" for the library in this test
	stage   stage  // where it and ps are run
}

func newOnlooker(t *testing.T) *onlooker {
	t.Helper()
	proc, err := procfs.New(t.Context(), procfs.DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	return &onlooker{proc: proc, mode: agent.ModeAuto, stage: onPipe()}
}

// source is the host as it was seen last.
func (o *onlooker) source() fleet.Source {
	return fleet.Local(func(ctx context.Context, fields []string) (*k2i.Snapshot, error) {
		if o.last != nil && slices.Equal(o.fields, fields) {
			return o.last, nil
		}
		options := agent.DefaultOptions()
		options.Mode, options.Unmasked, options.Fields = o.mode, true, fields
		var err error
		o.last, err = agent.Once(ctx, options)
		o.fields = fields
		return o.last, err
	}, nil)
}

// fresh forgets what was seen.
func (o *onlooker) fresh() { o.last = nil }

// ours runs dps on this host as a pipe would: its output and exit status, or
// what it says and the status where it refuses.
func (o *onlooker) ours(t *testing.T, args ...string) (string, int) {
	t.Helper()
	args = append([]string{"--no-host"}, args...)
	if o.program != "" {
		return o.stage.perform(t, o.program, args...)
	}
	env := dps.DefaultEnv(psOwn)
	c, err := dps.Parse(args, env)
	if err != nil {
		var refused *dps.UsageError
		if !asUsage(err, &refused) {
			t.Fatalf("dps %q: %v", args, err)
		}
		return err.Error(), refused.Status()
	}
	var out, problems strings.Builder
	l := dps.Listing{
		Command: c, Source: o.source(), Caller: int32(os.Getpid()), Facts: o.proc.Facts, Threads: o.proc.Threads, //nolint:gosec // a pid
		Systemd: dps.RunSystemd, Screen: env.Columns, Rows: env.Lines, Stdout: &out, Stderr: &problems,
	}
	status, err := l.Run(t.Context())
	if err != nil || problems.Len() > 0 && c.Warning == "" {
		t.Fatalf("dps %q: %v %s", args, err, &problems)
	}
	return problems.String() + out.String(), status
}

// psOwn is the environment as far as ps reads it.
func psOwn(name string) string {
	if strings.HasPrefix(name, "DDCOS_") {
		return ""
	}
	return os.Getenv(name)
}

// psVariables are what ps reads of the environment beside the locale.
var psVariables = []string{"PS_FORMAT", "PS_PERSONALITY", "CMD_ENV", "I_WANT_A_BROKEN_PS", "COLUMNS", "LINES", "LIBPROC_HIDE_KERNEL", "_XPG"}

// genuine runs ps, as a pipe would.
func genuine(t *testing.T, args ...string) (string, int) {
	t.Helper()
	return onPipe().perform(t, "ps", args...)
}

// genuine runs ps on the stage of this onlooker.
func (o *onlooker) genuine(t *testing.T, args ...string) (string, int) {
	t.Helper()
	return o.stage.perform(t, "ps", args...)
}

// tries is how often the clock may have moved what ps prints between two of its
// own readings: each of the peers has a second of its own that ends. proofs is how
// often dps and ps have to differ: what moves for a moment and back, such as a kernel
// thread that runs, or somebody else's process, is not seen each time.
const (
	tries  = 50
	proofs = 5
)

// equal compares one command line. Where dps and ps differ and ps prints the same
// before and after, that is a difference. Where the clock moved meanwhile, each line has
// to be one of ps's two; else the reading is void and made again.
func (o *onlooker) equal(t *testing.T, shown func(string) string, args ...string) {
	t.Helper()
	var want, got string
	var wantStatus, status int
	differed := 0
	for range tries {
		want, wantStatus = o.genuine(t, args...)
		got, status = o.ours(t, args...)
		if shown(got) == shown(want) && status == wantStatus {
			return
		}
		o.fresh()
		got, status = o.ours(t, args...)
		if shown(got) == shown(want) && status == wantStatus {
			return
		}
		again, _ := o.genuine(t, args...)
		if again == want { // nothing moved meanwhile, or it was back
			if differed++; differed == proofs {
				break
			}
		}
		if status == wantStatus && between(shown(got), shown(want), shown(again)) {
			return
		}
	}
	t.Errorf("%s %q, status %d, want %d\n%s", variables(), args, status, wantStatus, difference(shown(got), shown(want)))
}

// between tells whether each line is as ps printed it before, or as it did after.
func between(got, before, after string) bool {
	g, b, a := strings.Split(got, "\n"), strings.Split(before, "\n"), strings.Split(after, "\n")
	if len(g) != len(b) || len(g) != len(a) {
		return false
	}
	for i, line := range g {
		if line != b[i] && line != a[i] {
			return false
		}
	}
	return true
}

// difference shows the lines that differ.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	var b strings.Builder
	for i := range max(len(g), len(w)) {
		var gl, wl string
		if i < len(g) {
			gl = g[i]
		}
		if i < len(w) {
			wl = w[i]
		}
		if gl != wl {
			fmt.Fprintf(&b, "  dps %q\n  ps  %q\n", gl, wl)
		}
	}
	return b.String()
}

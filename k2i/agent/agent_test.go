package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// sleeper starts a process that does nothing.
func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// awaitOffCPU waits until a stopped process of one thread no longer runs, as it may for
// a moment: the kernel waits for that before it tells what call it is in.
func awaitOffCPU(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		said, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
		switch {
		case err != nil:
			t.Fatal(err)
		case !bytes.HasPrefix(said, []byte("running")):
			return
		case time.Now().After(deadline):
			t.Fatalf("process %d stays on its CPU", pid)
		}
	}
}

func find(snap *k2i.Snapshot, pid int) (k2i.Process, bool) {
	p := snap.Find(int32(pid))
	if p == nil {
		return k2i.Process{}, false
	}
	return *p, true
}

// Both roads give the same processes, named and placed; auto is BPF here.
func TestRoadsAgree(t *testing.T) {
	child := sleeper(t)
	if err := child.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Wait4(child.Process.Pid, nil, unix.WUNTRACED, nil); err != nil {
		t.Fatal(err)
	}
	awaitOffCPU(t, child.Process.Pid)
	var seen []k2i.Process
	for _, mode := range []k2i.Mode{ModeAuto, k2i.ModeBPF, k2i.ModeProcfs} {
		options := DefaultOptions()
		options.Mode = mode
		options.Name = "named"
		a, err := New(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		a.pass(t.Context())
		snap := a.Snapshot()
		want := mode
		if mode == ModeAuto {
			want = k2i.ModeBPF
		}
		if snap == nil || snap.Mode != want || a.Stats().Mode != want || a.Stats().Passes != 1 || snap.Host.Name != "named" {
			t.Fatalf("%s: %+v", mode, a.Stats())
		}
		p, ok := find(snap, child.Process.Pid)
		if !ok || p.User != "root" || p.Group != "root" || p.Comm != "sleep" || p.Kind == "" || p.PPID != int32(os.Getpid()) {
			t.Errorf("%s: %v %+v", mode, ok, p)
		}
		if _, ok := find(snap, 1); !ok {
			t.Errorf("%s: no process 1", mode)
		}
		p.StartNS, p.CPUNS, p.UserNS, p.SystemNS, p.PidfdInode, p.RCPU = 0, 0, 0, 0, 0, 0
		p.RSSBytes, p.RSSAnonBytes, p.RSSFileBytes = 0, 0, 0 // each CPU of the kernel keeps some pages to itself
		p.CPU, p.ExecID = 0, 0
		seen = append(seen, p)
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, p := range seen[1:] {
		if !equal(p, seen[0]) || !slices.Equal(p.Args, seen[0].Args) {
			t.Errorf("the roads differ:\n%+v\n%+v", p, seen[0])
		}
	}
}

func equal(a, b k2i.Process) bool {
	for _, f := range k2i.Fields() {
		if f.Compare(&a, &b) != 0 {
			return false
		}
	}
	return true
}

// Run publishes at once and at every interval; rates exist from the second snapshot on.
func TestRun(t *testing.T) {
	for _, mode := range []k2i.Mode{k2i.ModeBPF, k2i.ModeProcfs} {
		t.Run(string(mode), func(t *testing.T) {
			options := DefaultOptions()
			options.Mode, options.Interval = mode, 10*time.Millisecond
			var seen []*k2i.Snapshot
			options.Observe = func(snap *k2i.Snapshot) { seen = append(seen, snap) }
			a, err := New(t.Context(), options)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = a.Close() }()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			done := make(chan error, 1)
			go func() { done <- a.Run(ctx) }()
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for a.Stats().Passes < 3 {
				select {
				case <-tick.C:
				case <-ctx.Done():
					t.Fatalf("%+v", a.Stats())
				}
			}
			snap := a.Snapshot()
			self, ok := find(snap, os.Getpid())
			if !ok || !self.RCPU.Known() || self.RCPU < 0 || !snap.BusyCPUs.Known() {
				t.Errorf("after %d passes: %+v, busy %v", a.Stats().Passes, self, snap.BusyCPUs)
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			inOrder := slices.IsSortedFunc(seen, func(a, b *k2i.Snapshot) int { return int(a.Host.UptimeNS - b.Host.UptimeNS) })
			if uint64(len(seen)) != a.Stats().Passes || !inOrder {
				t.Errorf("of %d samples %d were observed, in order: %v", a.Stats().Passes, len(seen), inOrder)
			}
		})
	}
}

// failingRoad fails when it is told to.
type failingRoad struct {
	road
	err error
}

func (f *failingRoad) read(ctx context.Context, last *k2i.Sample) (*k2i.Sample, error) {
	if f.err != nil {
		return nil, f.err
	}
	return f.road.read(ctx, last)
}

// A failing pass keeps the snapshot, is counted, and logged once.
func TestFailingPass(t *testing.T) {
	var log bytes.Buffer
	options := DefaultOptions()
	options.Mode, options.Log = k2i.ModeProcfs, slog.New(slog.NewTextHandler(&log, nil))
	a, err := New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	f := &failingRoad{road: a.road}
	a.road = f
	a.pass(t.Context())
	before := a.Snapshot()
	f.err = errors.New("planted")
	a.pass(t.Context())
	a.pass(t.Context())
	if a.Snapshot() != before || a.Stats().Failures != 2 || a.Stats().Passes != 1 {
		t.Errorf("after two failures: %+v", a.Stats())
	}
	if n := strings.Count(log.String(), "planted"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, &log)
	}
	f.err = nil
	a.pass(t.Context())
	if a.Snapshot() == before || a.Stats().Passes != 2 {
		t.Errorf("after the failure: %+v", a.Stats())
	}
}

func TestOnce(t *testing.T) {
	child := sleeper(t)
	for _, mode := range []k2i.Mode{ModeAuto, k2i.ModeBPF, k2i.ModeProcfs} {
		options := DefaultOptions()
		options.Mode = mode
		snap, err := Once(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := find(snap, child.Process.Pid); !ok || p.RCPU.Known() || p.User != "root" {
			t.Errorf("%s: %v %+v", mode, ok, p)
		}
	}
	options := DefaultOptions()
	options.Mode = "magic"
	if _, err := Once(t.Context(), options); err == nil || !strings.Contains(err.Error(), "auto, bpf or procfs") {
		t.Errorf("mode magic: %v", err)
	}
	options = DefaultOptions()
	options.Root = t.TempDir()
	if _, err := Once(t.Context(), options); err == nil {
		t.Error("an empty directory is no proc file system")
	}
}

// Names are looked up once a minute, also those that there are not.
func TestNames(t *testing.T) {
	asked := map[string]int{}
	n := newNames(func(id string) (string, error) {
		asked[id]++
		if id == "0" {
			return "root", nil
		}
		return "", errors.New("unknown")
	})
	now := time.Now()
	for range 3 {
		if got := n.of(0, now); got != "root" {
			t.Errorf("0: %q", got)
		}
		if got := n.of(4_000_000_000, now); got != "4000000000" {
			t.Errorf("without a name: %q", got)
		}
	}
	if asked["0"] != 1 || asked["4000000000"] != 1 {
		t.Errorf("asked %v", asked)
	}
	n.of(0, now.Add(namesFor+time.Second))
	if asked["0"] != 2 {
		t.Errorf("a minute later: %v", asked)
	}
	for id := range uint32(3 * maxNames) {
		n.of(id, now)
	}
	if len(n.known) > maxNames {
		t.Errorf("%d names are kept", len(n.known))
	}
}

// A process that moves to another cgroup, or another program in it, is placed anew.
func TestContainersFollowTheProcess(t *testing.T) {
	a, err := New(t.Context(), Options{Mode: k2i.ModeProcfs, Root: DefaultOptions().Root})
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Repeat("ab", 32)
	step := func(cgroup, comm string, ticks uint64) k2i.Process {
		s := &k2i.Sample{At: time.Now(), Processes: []*k2i.Process{{PID: 7, StartTicks: ticks, Cgroup: cgroup, Comm: comm, Args: []string{comm}}}}
		a.name(s)
		a.last = s
		return *s.Processes[0]
	}
	for _, c := range []struct {
		cgroup, comm string
		ticks        uint64
		id, kind     string
	}{
		{"/", "runc", 1, "", "host"},
		{"/docker/" + id, "runc", 1, id, "container"},
		{"/docker/" + id, "runc", 1, id, "container"},
		{"/docker/" + id, "firecracker", 1, id, "microvm"},
		{"/", "sh", 2, "", "host"},
	} {
		if p := step(c.cgroup, c.comm, c.ticks); p.ContainerID != c.id || p.Kind != c.kind {
			t.Errorf("%s in %s: %q, %s", c.comm, c.cgroup, p.ContainerID, p.Kind)
		}
	}
}

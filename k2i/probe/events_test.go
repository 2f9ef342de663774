package probe

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// patience bounds every wait of these tests.
const patience = time.Minute

// everything is more events than there are.
const everything = 1 << 20

// roomy is a ring that does not overflow though others make very many processes meanwhile.
const roomy = 16 << 20

// openEvents opens the tracepoints beside a probe that knows the cgroups.
func openEvents(t testing.TB, ring uint32) *Events {
	t.Helper()
	p := openProbe(t)
	if _, err := p.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	e, err := p.openEvents(ring)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// awaitEvent drains until there is an event that is looked for, and gives all so far.
func awaitEvent(t *testing.T, e *Events, events []k2i.Event, what string, found func(*k2i.Event) bool) []k2i.Event {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); ; {
		seen := len(events)
		var err error
		if events, _, err = e.Drain(events, everything); err != nil {
			t.Fatal(err)
		}
		for i := seen; i < len(events); i++ {
			if found(&events[i]) {
				return events
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("no %s among %d events, %d lost", what, len(events), e.Lost())
		}
	}
}

// life is what the events tell of one process.
func life(events []k2i.Event, pid int) (kinds []k2i.EventKind, last k2i.Process, cpu uint64) {
	for _, e := range events {
		if int(e.Task) != pid {
			continue
		}
		kinds = append(kinds, e.Kind)
		if e.Kind == k2i.EventFinal {
			cpu = e.Process.CPUNS
			continue
		}
		last = e.Process
	}
	return kinds, last, cpu
}

func isA(kind k2i.EventKind, pid int) func(*k2i.Event) bool {
	return func(e *k2i.Event) bool { return e.Kind == kind && int(e.Task) == pid }
}

// A kernel may free a process without a word, as the one this was written on does with
// one in a thousand where very many end: perf's count of sched_process_free lacks the
// same ones. So its last event is awaited for so long, and so many processes are tried.
const (
	finalWithin = 3 * time.Second
	finalTries  = 4
)

// awaitEnd drains until a process has ended, and the kernel has told that it is free or
// does not tell it.
func awaitEnd(t *testing.T, e *Events, events []k2i.Event, pid int) (all []k2i.Event, whole bool) {
	t.Helper()
	all = awaitEvent(t, e, events, "exit", isA(k2i.EventExit, pid))
	final := isA(k2i.EventFinal, pid)
	for deadline := time.Now().Add(finalWithin); ; runtime.Gosched() {
		for i := range all {
			if final(&all[i]) {
				return all, true
			}
		}
		if time.Now().After(deadline) {
			return all, false
		}
		var err error
		if all, _, err = e.Drain(all, everything); err != nil {
			t.Fatal(err)
		}
	}
}

// How a process ended, and its CPU time, are what wait(2) and getrusage tell.
func TestEventsOfAProcess(t *testing.T) {
	e := openEvents(t, roomy)
	whole := []k2i.EventKind{k2i.EventFork, k2i.EventExec, k2i.EventExit, k2i.EventFinal}
	for name, c := range map[string]struct {
		script       string
		code, signal k2i.Count
		by           string
	}{
		"ends well":          {"exit 0", 0, 0, ""},
		"fails":              {"exit 41", 41, 0, ""},
		"kills itself":       {"kill -9 $$", k2i.Unread, 9, k2i.KilledByProcess},
		"by another signal":  {"kill -USR1 $$", k2i.Unread, 10, k2i.KilledByProcess},
		"is killed by fault": {"ulimit -c 0; kill -SEGV $$", k2i.Unread, 11, k2i.KilledByProcess},
		"uses CPU time":      {"i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done", 0, 0, ""},
		"by a limit":         {"ulimit -t 1; while :; do :; done", k2i.Unread, int64OrKill, k2i.KilledByKernel},
	} {
		t.Run(name, func(t *testing.T) {
			var cmd *exec.Cmd
			var events []k2i.Event
			for tries, told := 0, false; !told && tries < finalTries; tries++ {
				cmd, events = exec.CommandContext(t.Context(), "sh", "-c", c.script), nil
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				waited := make(chan error, 1)
				go func() { waited <- cmd.Wait() }() // the ring is read meanwhile: others fill it too
				events, told = awaitEnd(t, e, events, cmd.Process.Pid)
				<-waited // how it ended is what is tested
			}
			pid := cmd.Process.Pid
			kinds, p, cpu := life(events, pid)
			if !slices.Equal(kinds, whole) {
				t.Errorf("events %v", kinds)
			}
			if p.ExitCode != c.code || p.EndSignal != c.signal || p.KilledBy != c.by || p.Comm != "sh" || p.PPID != int32(os.Getpid()) {
				t.Errorf("%+v", p)
			}
			if p.KilledBy == k2i.KilledByProcess && (int(p.KillerPID) != pid || p.KillerComm != "sh" || p.KillerUser != "0") {
				t.Errorf("killed by %d %q of %s", p.KillerPID, p.KillerComm, p.KillerUser)
			}
			used := cmd.ProcessState.SystemTime() + cmd.ProcessState.UserTime()
			if got := time.Duration(cpu); got < used-time.Millisecond || got > used+used/20+2*time.Millisecond {
				t.Errorf("CPU time %v, by getrusage %v", got, used)
			}
			if p.Cgroup == "" {
				t.Error("no cgroup")
			}
			if e.Lost() != 0 {
				t.Errorf("%d lost", e.Lost())
			}
		})
	}
}

// int64OrKill is the signal of a CPU limit that is soft and hard at once.
const int64OrKill = k2i.Count(unix.SIGKILL)

// Who killed whom: the last one that sent the signal which it died of.
func TestKilledByAnother(t *testing.T) {
	e := openEvents(t, roomy)
	cmd := exec.CommandContext(t.Context(), "sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, signal := range []unix.Signal{unix.SIGWINCH, unix.SIGCHLD, unix.SIGTERM} {
		if err := unix.Kill(cmd.Process.Pid, signal); err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Wait() // a signal ended it
	events := awaitEvent(t, e, nil, "end", isA(k2i.EventExit, cmd.Process.Pid))
	_, p, _ := life(events, cmd.Process.Pid)
	if p.EndSignal != k2i.Count(unix.SIGTERM) || p.KilledBy != k2i.KilledByProcess || int(p.KillerPID) != os.Getpid() || !strings.HasPrefix(p.KillerComm, "probe") {
		t.Errorf("%+v", p)
	}
	if slices.Compare(p.Args, []string{}) != 0 {
		t.Errorf("an exit has no command line: %q", p.Args)
	}
}

// The command line of a new program, short and beyond the limit.
func TestExecArguments(t *testing.T) {
	e := openEvents(t, roomy)
	for _, args := range [][]string{{"true"}, {"true", "", "b c", "ä"}, {"true", strings.Repeat("x", 2*k2i.MaxArgs)}} {
		cmd := exec.CommandContext(t.Context(), "true", args[1:]...)
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		events := awaitEvent(t, e, nil, "end", isA(k2i.EventExit, cmd.Process.Pid))
		at := slices.IndexFunc(events, func(e k2i.Event) bool { return e.Kind == k2i.EventExec && int(e.Task) == cmd.Process.Pid })
		if at < 0 {
			t.Fatal("no exec")
		}
		raw := strings.Join(args, "\x00") + "\x00"
		if want := k2i.SplitArgs([]byte(raw)); !slices.Equal(events[at].Process.Args, want) {
			t.Errorf("%.80q, want %.80q", events[at].Process.Args, want)
		}
	}
}

// A process of several threads ends when the last one does, and has the CPU time
// of all.
func TestThreadsEnd(t *testing.T) {
	e := openEvents(t, roomy)
	for _, mode := range []string{"threads", "busy"} {
		for tries, told := 0, false; !told && tries < finalTries; tries++ {
			told = threadsEnd(t, e, mode, tries+1 == finalTries)
		}
	}
}

// threadsEnd tries one process; it is false where the kernel does not tell of its last,
// which only the last try may not accept.
func threadsEnd(t *testing.T, e *Events, mode string, last bool) bool {
	t.Helper()
	pid, err := start(childOf(mode, ""), nil)
	if err != nil {
		t.Fatal(err)
	}
	before, _, err := e.Drain(nil, everything)
	if err != nil {
		t.Fatal(err)
	}
	if kinds, _, _ := life(before, pid); slices.Contains(kinds, k2i.EventExit) {
		t.Errorf("%s: an exit while threads live", mode)
	}
	_ = unix.Kill(pid, unix.SIGKILL)
	var usage unix.Rusage
	if _, err := unix.Wait4(pid, nil, 0, &usage); err != nil {
		t.Fatal(err)
	}
	events, told := awaitEnd(t, e, before, pid)
	if !told && !last {
		return false
	}
	kinds, p, cpu := life(events, pid)
	if p.EndSignal != 9 || int(p.KillerPID) != os.Getpid() || kinds[len(kinds)-1] != k2i.EventFinal {
		t.Errorf("%s: %v %+v", mode, kinds, p)
	}
	used := uint64(usage.Utime.Nano() + usage.Stime.Nano())
	if cpu < used-uint64(time.Millisecond) || cpu > used+used/20+uint64(5*time.Millisecond) {
		t.Errorf("%s: CPU time %v, by getrusage %v", mode, time.Duration(cpu), time.Duration(used))
	}
	return true
}

// What finds no room is counted, to the last event: a small ring that nobody
// reads has as many, written and lost, as a large one beside it has written.
func TestLossIsCounted(t *testing.T) {
	small, large := openEvents(t, 1<<12), openEvents(t, 64<<20)
	totals := func() (smallAll, largeAll uint64) {
		a, err := small.counted()
		if err != nil {
			t.Fatal(err)
		}
		b, err := large.counted()
		if err != nil || b.Lost != 0 {
			t.Fatalf("%+v, %v", b, err)
		}
		return a.Written + a.Lost, b.Written
	}
	for deadline := time.Now().Add(patience); ; { // others' processes begin and end between two readings
		s1, l1 := totals()
		for range 10 {
			if err := exec.CommandContext(t.Context(), "true").Run(); err != nil {
				t.Fatal(err)
			}
		}
		s2, l2 := totals()
		if s2-s1 == l2-l1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d and %d events", s2-s1, l2-l1)
		}
	}
	events, _, err := small.Drain(nil, everything)
	if err != nil {
		t.Fatal(err)
	}
	if small.Lost() == 0 || len(events) == 0 || uint64(len(events)) > small.Read() {
		t.Errorf("%d events, %d read, %d lost", len(events), small.Read(), small.Lost())
	}
	all, _, err := large.Drain(nil, everything)
	if err != nil || large.Lost() != 0 || uint64(len(all)) > large.Read() || len(all) < 10*3 {
		t.Errorf("%d events, %d read, %d lost, %v", len(all), large.Read(), large.Lost(), err)
	}
}

func TestEventsOfAClosedProbe(t *testing.T) {
	p := openProbe(t)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if e, err := p.OpenEvents(); err == nil {
		t.Errorf("opened: %v", e.Close())
	}
	if err := refusal(fmt.Errorf("load: %w", os.ErrPermission)); !strings.Contains(err.Error(), "CAP_BPF") {
		t.Error(err)
	}
}

// A process in a control group that is younger than the last pass has its path
// all the same, though both are gone before the next one.
func TestYoungCgroup(t *testing.T) {
	p, fs := openRoads(t)
	if _, err := p.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	e, err := p.OpenEvents()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	name := fmt.Sprintf("ddcos-young-%d", os.Getpid())
	dir := filepath.Join("/sys/fs/cgroup", fs.CgroupController(), name)
	if err := os.MkdirAll(filepath.Join(dir, "inner"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `echo $$ >"$0/inner/cgroup.procs" && exec true`, dir)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{filepath.Join(dir, "inner"), dir} {
		await(t, "the group to be empty", func() bool { return os.Remove(d) == nil })
	}
	events := awaitEvent(t, e, nil, "end", isA(k2i.EventExit, cmd.Process.Pid))
	_, last, _ := life(events, cmd.Process.Pid)
	if want := "/" + name + "/inner"; last.Cgroup != want {
		t.Errorf("in %q, want %q", last.Cgroup, want)
	}
	if again, err := p.Read(t.Context()); err != nil || len(again.Processes) == 0 {
		t.Errorf("the pass after: %v", err)
	}
}

// Whatever bytes come, decoding ends in an event or in an error.
func FuzzEvent(f *testing.F) {
	for kind := range byte(12) {
		for _, n := range []int{0, 4, 16, 32, execBytes, 1000} {
			b := make([]byte, max(n, 4))
			b[0] = kind
			f.Add(b[:n])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, _, err := decodeEvent(b, &tally{counting: Counting{RunDelay: true, Sockets: true}}, sharedMasks{})
		if err != nil {
			if e.Kind != "" {
				t.Errorf("an error and a %s", e.Kind)
			}
			return
		}
		size := 0
		for _, a := range e.Process.Args {
			size += len(a) + 1
		}
		if e.Kind == "" || size > len(b)+1 {
			t.Errorf("%+v of %d bytes", e, len(b))
		}
	})
}

package agent

import (
	"context"
	"errors"
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

	"ddcos/k2i"
)

// eventRoads are the three ways to what happened, and what each can tell.
var eventRoads = []struct {
	name   string
	mode   k2i.Mode
	events k2i.EventMode
	tells  bool // of what no sample saw, and how it ended
	killer bool // and who did it
}{
	{"bpf", k2i.ModeBPF, k2i.EventsBPF, true, true},
	{"connector", k2i.ModeProcfs, k2i.EventsConnector, true, false},
	{"procfs", k2i.ModeProcfs, k2i.EventsNone, false, false},
}

// startAgent runs an agent until the test ends, and waits for its first snapshot.
func startAgent(t *testing.T, mode k2i.Mode, events k2i.EventMode) *Agent {
	t.Helper()
	options := DefaultOptions()
	options.Mode, options.Events, options.Interval = mode, events, 200*time.Millisecond
	a, err := New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	until(t, a, "a first snapshot", func(*k2i.Snapshot) bool { return true })
	return a
}

// until waits for a snapshot that is looked for.
func until(t *testing.T, a *Agent, what string, found func(*k2i.Snapshot) bool) *k2i.Snapshot {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(2 * patience); ; {
		if snap := a.Snapshot(); snap != nil && found(snap) {
			return snap
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("no %s; %+v", what, a.Stats())
		}
	}
}

// Others on this machine may make so many processes meanwhile that events are
// lost: that is no fault as long as it is counted.
const (
	lossTries = 30
	lossWait  = 2 * time.Second // and then it is taken for one of those that were lost
	fewEnough = 4096            // events: where so few happen nothing may be lost
)

// ended makes a process of that name end, and waits until it is remembered as ended,
// and as it is to be: a sample may have missed it before the event of its end was
// read, and what is known of it is completed then. Where something was lost
// meanwhile it makes another one. Its pid may be somebody else's soon; and one that
// could not be read in time has no name of its own.
func ended(t *testing.T, a *Agent, name string, begin func() (pid int), also func(*k2i.Process) bool) *k2i.Process {
	t.Helper()
	for range lossTries {
		before := a.Snapshot().Events.Lost
		pid := begin()
		began := time.Now()
		var p *k2i.Process
		until(t, a, fmt.Sprintf("end of process %d", pid), func(s *k2i.Snapshot) bool {
			i := slices.IndexFunc(s.Exited, func(p *k2i.Process) bool {
				return int(p.PID) == pid && (p.Comm == name || int(p.PPID) == os.Getpid()) && also(p)
			})
			if i >= 0 {
				p = s.Exited[i]
			}
			return p != nil || s.Events.Lost > before && time.Since(began) > lossWait
		})
		if p != nil {
			return p
		}
		t.Logf("of process %d something was lost, with %d other events", pid, a.Snapshot().Events.Lost-before)
	}
	t.Fatalf("something was lost of %d processes one after the other", lossTries)
	return nil
}

// toldHow is a process of which is known how it ended.
func toldHow(p *k2i.Process) bool { return p.EndSignal != k2i.Unread }

func TestEventRoads(t *testing.T) {
	for _, road := range eventRoads {
		t.Run(road.name, func(t *testing.T) {
			a := startAgent(t, road.mode, road.events)
			if got := a.Snapshot().Events.Mode; got != road.events {
				t.Fatalf("events by %s: %+v", got, a.Stats())
			}
			for _, field := range []string{"exit_code", "killed_by"} {
				lacking := !road.tells || field == "killed_by" && !road.killer
				if slices.Contains(a.Snapshot().Missing, field) != lacking {
					t.Errorf("missing %v", a.Snapshot().Missing)
				}
			}
			t.Run("killed after it was sampled", func(t *testing.T) { killSampled(t, a, road.tells, road.killer) })
			if !road.tells {
				return
			}
			t.Run("short-lived", func(t *testing.T) { endShortly(t, a) })
			t.Run("double-forked", func(t *testing.T) { forkTwice(t, a, road.killer) })
			t.Run("out of memory", func(t *testing.T) { endForMemory(t, a, road.killer) })
			if events := a.Snapshot().Events; events.Seen == 0 || events.Lost != 0 && events.Seen+events.Lost < fewEnough {
				t.Errorf("%+v", events)
			}
		})
	}
}

func killSampled(t *testing.T, a *Agent, tells, killer bool) {
	p := ended(t, a, "sleep", func() int {
		child := sleeper(t)
		until(t, a, "row of the child", func(s *k2i.Snapshot) bool {
			p := s.Find(int32(child.Process.Pid))
			return p != nil && p.Comm == "sleep" && len(p.Args) == 2
		})
		if err := child.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // the signal ended it
		return child.Process.Pid
	}, func(p *k2i.Process) bool { return !tells || toldHow(p) })
	if p.Comm != "sleep" || p.Args[0] != "sleep" || p.State != k2i.StateEnded || p.User != "root" || p.Threads != 0 {
		t.Errorf("%+v", p)
	}
	if tells != (p.EndSignal == k2i.Count(syscall.SIGTERM)) || p.ExitCode != k2i.Unread {
		t.Errorf("ended by signal %d, code %d", p.EndSignal, p.ExitCode)
	}
	if killer != (int(p.KillerPID) == os.Getpid() && p.KilledBy == k2i.KilledByProcess && p.KillerUser == "root" && p.KillerComm != "") {
		t.Errorf("killed by %q, %d %q of %q", p.KilledBy, p.KillerPID, p.KillerComm, p.KillerUser)
	}
	until(t, a, "snapshot without it", func(s *k2i.Snapshot) bool {
		now := s.Find(p.PID)
		return now == nil || now.Key() != p.Key()
	})
}

func endShortly(t *testing.T, a *Agent) {
	for _, code := range []int{0, 3, 255} {
		p := ended(t, a, "sh", func() int {
			cmd := exec.CommandContext(t.Context(), "sh", "-c", fmt.Sprint("exit ", code))
			_ = cmd.Run() // the code is what is tested
			return cmd.Process.Pid
		}, toldHow)
		if p.ExitCode != k2i.Count(code) || p.EndSignal != 0 || int(p.PPID) != os.Getpid() {
			t.Errorf("exit %d: %+v", code, p)
		}
	}
}

// A process whose parent has ended before it is there as well, with its CPU time.
func forkTwice(t *testing.T, a *Agent, exact bool) {
	const busy = `sh -c 'echo $$; i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; exit 5' & exit 0`
	p := ended(t, a, "sh", func() int {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", busy).Output()
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}, func(p *k2i.Process) bool {
		return toldHow(p) && (!exact || p.CPUNS > uint64(10*time.Millisecond))
	})
	if p.ExitCode != 5 {
		t.Errorf("%+v", p)
	}
}

// endForMemory lets a process fill a control group of 32 MiB.
func endForMemory(t *testing.T, a *Agent, killer bool) {
	group := memoryGroup(t, 32<<20)
	p := ended(t, a, "tail", func() int {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", `echo $$ >"$0/cgroup.procs" && exec tail /dev/zero`, group)
		_ = cmd.Run() // it is killed
		return cmd.Process.Pid
	}, func(p *k2i.Process) bool {
		return toldHow(p) && (!killer || p.KilledBy != k2i.KilledByKernel)
	})
	if p.EndSignal != k2i.Count(syscall.SIGKILL) {
		t.Errorf("%+v", p)
	}
	if killer && (p.KilledBy != k2i.KilledByOOM || p.PeakRSSBytes < 16<<20 || p.PeakRSSBytes > 48<<20) {
		t.Errorf("killed by %q with a peak of %d bytes", p.KilledBy, p.PeakRSSBytes)
	}
}

// memoryGroup makes a control group of so many bytes, of either version.
func memoryGroup(t *testing.T, limit int) string {
	t.Helper()
	for root, file := range map[string]string{"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"} {
		dir := filepath.Join(root, fmt.Sprintf("ddcos-test-%d-%d", os.Getpid(), time.Now().UnixNano()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(dir) }) // a process that still leaves it keeps it
		// On a host with both versions the second root is a tmpfs: a file that the
		// kernel did not make there would limit nothing.
		f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
		if err != nil {
			continue
		}
		_, err = f.WriteString(strconv.Itoa(limit))
		if err = errors.Join(err, f.Close()); err == nil {
			return dir
		}
	}
	t.Fatal("no control group of memory can be made here")
	return ""
}

// A process is a row from its exec on, though no sample was taken since.
func TestExecIsSeenBetweenSamples(t *testing.T) {
	options := DefaultOptions()
	options.Interval = time.Hour
	a, err := New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	until(t, a, "a first snapshot", func(*k2i.Snapshot) bool { return true })
	child := sleeper(t)
	snap := until(t, a, "row of the child", func(s *k2i.Snapshot) bool {
		p := s.Find(int32(child.Process.Pid))
		return p != nil && p.Comm == "sleep"
	})
	p, stats := snap.Find(int32(child.Process.Pid)), a.Stats()
	if !slices.Equal(p.Args, child.Args) || p.User != "root" || p.Cgroup == "" || p.Kind == "" || stats.Passes != 1 && stats.Events.Lost == 0 { // what others' events lose is repaired by one
		t.Errorf("after %d samples: %+v", stats.Passes, p)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// losingRoad has lost something when it is told to.
type losingRoad struct {
	eventRoad
	lost uint64
}

func (l *losingRoad) status() k2i.Events {
	s := l.eventRoad.status()
	s.Lost += l.lost
	return s
}

// What was lost is repaired by a sample, once.
func TestLossIsRepaired(t *testing.T) {
	a, err := New(t.Context(), DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	losing := &losingRoad{eventRoad: a.events}
	a.events = losing
	a.pass(t.Context())
	if _, wanted := a.poll(); wanted {
		t.Error("a sample is wanted and nothing was lost")
	}
	losing.lost = 3
	a.passed = time.Now().Add(time.Hour) // however slow this machine is
	if _, wanted := a.poll(); wanted {
		t.Error("a sample is wanted so soon after the last")
	}
	a.passed = time.Now().Add(-repairGap)
	if _, wanted := a.poll(); !wanted {
		t.Error("no sample is wanted")
	}
	a.pass(t.Context())
	a.passed = time.Now().Add(-repairGap)
	if _, wanted := a.poll(); wanted || a.Snapshot().Events.Lost != 3 || a.Stats().Events.Lost != 3 {
		t.Errorf("after the sample: %+v", a.Stats())
	}
}

func TestWrongEvents(t *testing.T) {
	for want, options := range map[string]Options{
		"want auto, bpf, connector or none": {Mode: ModeAuto, Events: "magic"},
		"goes with mode bpf":                {Mode: k2i.ModeProcfs, Events: k2i.EventsBPF},
	} {
		options.Root = DefaultOptions().Root
		if _, err := New(t.Context(), options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

package probe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// openCounting opens a probe that counts.
func openCounting(t testing.TB, want Counting) *Probe {
	t.Helper()
	opts := DefaultOptions()
	opts.Counting, opts.Iterate = want, iterating()
	p, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if needs := since(want); p.Counted() != want && !runsSince(t, needs) {
		if p.Uncountable() == nil {
			t.Error("nothing says why it is not counted")
		}
		t.Skipf("needs Linux %d.%d: %v", needs[0], needs[1], p.Uncountable())
	}
	if p.Uncountable() != nil || p.Counted() != want {
		t.Fatalf("counted is %+v, %v", p.Counted(), p.Uncountable())
	}
	return p
}

// since is the kernel that has what is to be counted.
func since(want Counting) [2]int {
	switch {
	case want.BlockIO:
		return [2]int{6, 5}
	case want.Sockets:
		return [2]int{6, 3}
	}
	return [2]int{5, 11}
}

// runsSince tells whether the running kernel is that one or a later one.
func runsSince(t testing.TB, needs [2]int) bool {
	t.Helper()
	var name unix.Utsname
	var is [2]int
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &is[0], &is[1]); err != nil {
		t.Fatal(err)
	}
	return slices.Compare(is[:], needs[:]) >= 0
}

// stopped starts a child and gives its pid when all of it is stopped.
func stopped(t *testing.T, mode, with string, flags uintptr) int {
	t.Helper()
	cmd := childOf(mode, with)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	pid, err := start(cmd, &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: unix.SIGKILL})
	if err != nil {
		t.Fatal(err, said.String())
	}
	t.Cleanup(func() {
		_ = unix.Kill(pid, unix.SIGKILL)
		_ = cmd.Wait() // it was killed
	})
	return pid
}

// noted is the sum of what a child noted.
func noted(t *testing.T, path string) heard {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var sum heard
	for d := json.NewDecoder(bytes.NewReader(b)); d.More(); {
		var h heard
		if err := d.Decode(&h); err != nil {
			t.Fatal(err)
		}
		sum = heard{
			sum.NetRx + h.NetRx, sum.NetTx + h.NetTx, sum.NetRxCalls + h.NetRxCalls, sum.NetTxCalls + h.NetTxCalls,
			sum.UDPRx + h.UDPRx, sum.UDPTx + h.UDPTx, sum.UnixRx + h.UnixRx, sum.UnixTx + h.UnixTx,
		}
	}
	return sum
}

// What a process sent and received is told to the byte and to the call, whoever
// of its threads did it, whatever became of them, and whatever it runs now.
func TestTrafficIsExact(t *testing.T) {
	p := openCounting(t, Counting{Sockets: true})
	for words, c := range map[string]struct {
		talks int64
		flags uintptr
	}{
		"":                              {0, 0},
		"leader":                        {1, 0},
		"end end stay":                  {3, 0},
		"leader stay end stay end":      {5, 0},
		"leader exec":                   {1, 0},
		"leader end stay exec leader":   {4, 0},
		"leader stay thread-exec stay":  {3, 0},
		"end thread-exec exec leader":   {2, 0},
		"leader headless stay end":      {3, 0},
		"leader headless leader exec":   {2, 0},
		"lo leader stay end":            {3, unix.CLONE_NEWNET},
		"leader end exec end exec stay": {4, 0},
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "noted")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			pid := stopped(t, "talk", path+" "+words, c.flags)
			want := noted(t, path)
			if want.NetTx != 3000*c.talks || want.UDPRx != 1000*c.talks || want.UnixRx != 2000*c.talks || want.NetTxCalls != 3*c.talks {
				t.Fatalf("the child itself knows of %+v", want)
			}
			for range 2 {
				sample, err := p.Read(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				row := find(t, sample, pid)
				if got := heardOf(&row); got != want {
					t.Errorf("got  %+v\nwant %+v", got, want)
				}
				if row.RunDelayNS != k2i.Unread || row.BlockIOCount != k2i.Unread || row.BlockIONS != k2i.Unread {
					t.Errorf("not asked for: %+v", row)
				}
			}
		})
	}
}

// A child is not its parent: what its parent did before and after is not its own.
func TestTrafficIsNotInherited(t *testing.T) {
	p := openCounting(t, Counting{Sockets: true})
	var h heard
	if err := h.talk(5000); err != nil {
		t.Fatal(err)
	}
	pid := stopped(t, "idle", "", 0)
	if err := h.talk(7000); err != nil {
		t.Fatal(err)
	}
	sample, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	row, own := find(t, sample, pid), find(t, sample, os.Getpid())
	if got := heardOf(&row); got != (heard{}) {
		t.Errorf("of the child: %+v", got)
	}
	if got := heardOf(&own); got.UDPTx != 12000 || got.UDPRx != 12000 || got.NetTx < 36000 {
		t.Errorf("of the parent: %+v", got)
	}
}

// A process that gets the pid of another one that talked starts from nothing,
// and the one that ended keeps what it had.
func TestTrafficAndReusedPID(t *testing.T) {
	p := openCounting(t, Counting{Sockets: true, RunDelay: true})
	e, err := p.openEvents(roomy)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	path := filepath.Join(t.TempDir(), "noted")
	first := childOf("talk", path+" leader end exit")
	if err := first.Run(); err != nil {
		t.Fatal(err)
	}
	pid, want := first.Process.Pid, noted(t, path)
	events := awaitEvent(t, e, nil, "end", isA(k2i.EventExit, pid))
	if _, row, _ := life(events, pid); heardOf(&row) != want {
		t.Errorf("of the first: %+v, want %+v", heardOf(&row), want)
	}
	cloneAs(t, pid)
	sample, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if row := find(t, sample, pid); heardOf(&row) != (heard{}) {
		t.Errorf("of the second: %+v", heardOf(&row))
	}
}

// Who ended tells what it did, by whichever of its threads, and forks tell nothing.
func TestTrafficOfThoseThatEnded(t *testing.T) {
	p := openCounting(t, Counting{Sockets: true})
	e, err := p.openEvents(roomy)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	for _, words := range []string{"exit", "leader exit", "leader stay end exit", "leader thread-exec stay exit", "leader headless stay end exit"} {
		t.Run(words, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "noted")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := childOf("talk", path+" "+words)
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
			pid, want := cmd.Process.Pid, noted(t, path)
			events := awaitEvent(t, e, nil, "end", isA(k2i.EventExit, pid))
			for i := range events {
				p := &events[i].Process
				if int(events[i].Task) == pid && events[i].Kind == k2i.EventFork && heardOf(p) != (heard{}) {
					t.Errorf("at its fork: %+v", heardOf(p))
				}
			}
			if _, row, _ := life(events, pid); heardOf(&row) != want {
				t.Errorf("got  %+v\nwant %+v", heardOf(&row), want)
			}
		})
	}
	sample, err := p.Read(t.Context())
	if err != nil || len(sample.Processes) == 0 {
		t.Fatal(err)
	}
	if n, err := p.Uncounted(); n != 0 || err != nil {
		t.Errorf("%d uncounted, %v", n, err)
	}
}

// Time without a CPU is the sum of what the kernel tells of each thread, with
// that of those that ended.
func TestRunDelay(t *testing.T) {
	p := openCounting(t, Counting{RunDelay: true})
	path := filepath.Join(t.TempDir(), "noted")
	pid := stopped(t, "delay", path, 0)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ended, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || ended < 10e6 {
		t.Fatalf("threads that ended knew of %d ns, %v", ended, err)
	}
	var live int64
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d threads, %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		live += n
	}
	sample, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	row := find(t, sample, pid)
	if got := int64(row.RunDelayNS); got < live+ended || got > live+ended+(live+ended)/2+500e6 {
		t.Errorf("%d ns; %d of live threads and %d at least of ended ones", got, live, ended)
	}
	if row.NetRxBytes != k2i.Unread {
		t.Errorf("sockets were not asked for: %+v", row)
	}
}

// Requests to a disk are counted for whoever asked, and their time is that which
// it waited, at most.
func TestBlockIO(t *testing.T) {
	dir := t.TempDir()
	fd, _, err := openDirect(dir)
	if err != nil {
		t.Skipf("no disk to read from past the page cache: %v", err)
	}
	_ = unix.Close(fd)
	p := openCounting(t, Counting{BlockIO: true})
	began := time.Now()
	pid := stopped(t, "disk", dir, 0)
	took := time.Since(began)
	sample, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	row := find(t, sample, pid)
	if row.BlockIOCount == 0 {
		t.Skip("the directory for temporary files is on no disk")
	}
	untold := unfinished(t, p, pid)
	if n := row.BlockIOCount + untold; n < diskReads || row.BlockIOCount > 4*diskReads {
		t.Errorf("%d requests, and %d whose end was not told, for %d reads", row.BlockIOCount, untold, diskReads)
	}
	if ns := time.Duration(row.BlockIONS); ns <= 0 || ns > 4*took {
		t.Errorf("requests took %v, the whole process %v", ns, took)
	}
}

// What finds no room is counted, and the others are told as before.
func TestTalliesWithoutRoom(t *testing.T) {
	openCounting(t, Counting{Sockets: true})
	var closers []io.Closer
	tally := openTally(Counting{RunDelay: true, Sockets: true}, 1, &closers)
	defer closeAll(closers)
	if tally.refused != nil {
		t.Fatal(tally.refused)
	}
	p := &Probe{tally: tally, closers: closers}
	path := filepath.Join(t.TempDir(), "noted")
	for range 3 {
		stopped(t, "talk", path+" end end stay", 0)
	}
	if n, err := p.Uncounted(); n == 0 || err != nil {
		t.Errorf("%d uncounted, %v", n, err)
	}
}

package probe

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
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

// stormFor is how long processes are made as fast as a shell can.
const stormFor = 2 * time.Second

// storm runs a shell's endless loop that forks, in a process group of its own, until ctx
// ends; forks waits for its end and gives how often it went round.
func storm(t *testing.T, loop string) (ctx context.Context, group int, forks func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "sh", "-c", "while :; do "+loop+"; echo; done")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() { // nobody is between two programs any more
		t.Fatal("the storm does not begin")
	}
	time.AfterFunc(stormFor, cancel)
	rounds := make(chan int, 1)
	go func() {
		n := 1
		for lines.Scan() {
			n++
		}
		rounds <- n
	}()
	return ctx, cmd.Process.Pid, func() int {
		cancel()
		n := <-rounds
		_ = cmd.Wait() // it was killed
		return n
	}
}

// Passes by both roads while processes come and go as fast as they can: each is a
// sample, in order, of whole rows, with all that stay.
func TestPassesInStorm(t *testing.T) {
	p, fs := openRoads(t)
	f := family{}
	f.add(t, "idle", childOf("idle", "a b"), nil)
	f.add(t, "threads", childOf("threads", ""), nil)
	var samples [2]int
	// Loops that only fork, so that nobody is seen between two programs, where the
	// kernel itself has no arguments.
	ctx, group, forks := storm(t, "(:); (:)& (:)& ((:)&)")
	for ctx.Err() == nil {
		for i, read := range []func(context.Context) (*k2i.Sample, error){p.Read, fs.Read} {
			sample, err := read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			samples[i]++
			if err := wholeSample(sample, f, group); err != nil {
				t.Fatalf("by %s: %v", sample.Mode, err)
			}
		}
	}
	n := forks()
	t.Logf("%d and %d passes in %d rounds of forks", samples[0], samples[1], n)
	if n < 2 || samples[0] == 0 {
		t.Error("that is no storm")
	}
}

// nameless tells whether a process has an empty name, as any may give itself: a stranger,
// who is still there.
func nameless(pid int32) bool {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && string(name) == "\n"
}

// wholeSample complains of rows that are out of order, or have one part of a
// process and not another one; only those of the group are known to begin no program.
func wholeSample(sample *k2i.Sample, staying family, group int) error {
	rows := sample.Processes
	if !slices.IsSortedFunc(rows, func(a, b *k2i.Process) int { return int(a.PID) - int(b.PID) }) {
		return fmt.Errorf("not sorted")
	}
	for i := range rows {
		row := rows[i]
		switch {
		case i > 0 && rows[i-1].PID == row.PID:
			return fmt.Errorf("process %d twice", row.PID)
		case row.PID < 1 || row.StartTicks == 0 && row.PID > 1000 || len(row.State) != 1 || row.Comm == "" && !nameless(row.PID) || row.Args == nil || row.Threads < 0:
			return fmt.Errorf("half a row: %+v", row)
		case int(row.PGID) == group && row.VSZBytes > 0 && len(row.Args) == 0 && sample.Mode == k2i.ModeProcfs:
			return fmt.Errorf("alive, and without its arguments: %+v", row)
		case row.State == "Z" && (row.VSZBytes != 0 || len(row.Args) != 0) && row.Threads <= 1:
			return fmt.Errorf("a zombie with memory: %+v", row)
		}
	}
	for name, pid := range staying {
		at, found := slices.BinarySearchFunc(rows, int32(pid), func(p *k2i.Process, pid int32) int { return int(p.PID - pid) })
		if !found || len(rows[at].Args) != 2 || rows[at].State != "T" || rows[at].RSSBytes == 0 {
			return fmt.Errorf("%s is not as it was, found %v", name, found)
		}
	}
	return nil
}

// TestLongArguments has a process with more than 2 MiB of arguments: both roads
// tell the same of them, k2i.MaxArgs bytes at most, and take no more memory.
func TestLongArguments(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &before); err != nil {
		t.Fatal(err)
	}
	// Arguments may fill a quarter of a stack, and 6 MiB.
	raised := unix.Rlimit{Cur: min(64<<20, before.Max), Max: before.Max}
	if err := unix.Prlimit(0, unix.RLIMIT_STACK, &raised, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Prlimit(0, unix.RLIMIT_STACK, &before, nil) })
	p, fs := openRoads(t)
	reads := []func(context.Context) (*k2i.Sample, error){p.Read, fs.Read}
	for _, read := range reads { // so that what a road needs for the others is there
		if _, err := read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	many, long := childOf("idle", ""), childOf("idle", "")
	for i := range 17 {
		long.Args = append(long.Args, fmt.Sprint(i, "\n\x1b[2J", strings.Repeat("\x01", 127<<10)))
	}
	for range 250_000 {
		many.Args = append(many.Args, "12345678")
	}
	f := family{}
	for name, cmd := range map[string]*exec.Cmd{"long": long, "many": many} {
		pid := f.add(t, name, cmd, nil)
		for _, read := range reads {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			sample, err := read(t.Context())
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			if cost := after.TotalAlloc - before.TotalAlloc; cost > 1<<20+uint64(len(sample.Processes))*4<<10 {
				t.Errorf("%s by %s: a pass took %d bytes", name, sample.Mode, cost)
			}
			row := find(t, sample, pid)
			bytes := strings.Join(row.Args, "\x00")
			if whole := strings.Join(cmd.Args, "\x00"); len(whole) < 2<<20 || len(bytes) != k2i.MaxArgs || bytes != whole[:k2i.MaxArgs] {
				t.Errorf("%s by %s: %d bytes of %d", name, sample.Mode, len(bytes), len(whole))
			}
			// A byte is six in JSON at most, and an argument needs three more.
			if answer, err := json.Marshal(&row); err != nil || len(answer) > 6*k2i.MaxArgs+16<<10 {
				t.Errorf("%s by %s: an answer of %d bytes, %v", name, sample.Mode, len(answer), err)
			}
		}
	}
}

package probe

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/ebpf"
)

// argumentsOf is a row's command line after another pass.
func argumentsOf(t *testing.T, p *Probe, pid int) []string {
	t.Helper()
	sample, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(sample.Missing, "args") {
		t.Skip("this kernel, or this machine's load, does not let command lines be read: ", p.NoArguments())
	}
	for i := range sample.Processes {
		if int(sample.Processes[i].PID) == pid {
			return sample.Processes[i].Args
		}
	}
	t.Fatalf("no process %d", pid)
	return nil
}

// startStopped starts a program that stops itself.
func startStopped(t *testing.T, args ...string) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	pid, err := start(cmd, &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	return pid
}

// overwrite writes text over a process's own command line, as setproctitle does.
func overwrite(t *testing.T, pid int, text string) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var start int64
	const argStart = 48 - 2 // among the fields from the second on
	if _, err := fmt.Sscan(strings.Fields(string(b[strings.LastIndex(string(b), ")"):]))[argStart], &start); err != nil {
		t.Fatal(err)
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := memory.WriteAt([]byte(text), start); err != nil {
		t.Fatal(err)
	}
	if err := memory.Close(); err != nil {
		t.Fatal(err)
	}
}

// A command line that a program wrote over is seen when its time is over: the
// clock of the passes tells, which is set on here.
func TestOverwrittenArguments(t *testing.T) {
	p := openProbe(t)
	pid := startStopped(t, "sh", "-c", "kill -STOP $$; exit", "first")
	before := argumentsOf(t, p, pid)
	if !slices.Contains(before, "first") {
		t.Fatalf("got %q", before)
	}
	overwrite(t, pid, "title\x00")
	now, err := sinceBoot()
	if err != nil {
		t.Fatal(err)
	}
	if due := p.reread - now; due > 10*time.Second {
		t.Errorf("it is read again only in %v", due)
	}
	p.reread = now + time.Hour // however slow this machine is
	kept := argumentsOf(t, p, pid)
	if &kept[0] != &before[0] {
		t.Errorf("read again too early, or made anew: %q", kept)
	}
	p.reread = now
	if got := argumentsOf(t, p, pid); got[0] != "title" {
		t.Errorf("got %q", got)
	}
	if p.reread < now+argumentsFor {
		t.Errorf("read again %v after that", p.reread-now)
	}
}

// Where they are spared a command line that is known is not read again, and one
// that is not is: its event may have been lost.
func TestSparedArguments(t *testing.T) {
	p := openProbe(t)
	known := startStopped(t, "sh", "-c", "kill -STOP $$; exit", "known")
	if got := argumentsOf(t, p, known); !slices.Contains(got, "known") {
		t.Fatalf("got %q", got)
	}
	p.SpareArguments(true)
	overwrite(t, known, "title\x00")
	p.reread = 0
	if got := argumentsOf(t, p, known); !slices.Contains(got, "known") {
		t.Errorf("read again: %q", got)
	}
	if got := argumentsOf(t, p, startStopped(t, "sh", "-c", "kill -STOP $$; exit", "new")); !slices.Contains(got, "new") {
		t.Errorf("of a new process %q", got)
	}
	p.SpareArguments(false)
	if got := argumentsOf(t, p, known); got[0] != "title" {
		t.Errorf("not read again: %q", got)
	}
}

// Another program is seen at once, though pid and start stay.
func TestArgumentsAfterExec(t *testing.T) {
	p := openProbe(t)
	pid := startStopped(t, "sh", "-c", `kill -STOP $$; exec sh -c 'kill -STOP $$; exit' second`, "first")
	if got := argumentsOf(t, p, pid); !slices.Contains(got, "first") {
		t.Fatalf("got %q", got)
	}
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := awaitStop(pid); err != nil {
		t.Fatal(err)
	}
	if got := argumentsOf(t, p, pid); slices.Contains(got, "first") || !slices.Contains(got, "second") {
		t.Errorf("after exec: %q", got)
	}
}

// A zombie has no command line any more, and no pass is made for it.
func TestZombieArguments(t *testing.T) {
	p := openProbe(t)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "kill -STOP $$; exit", "first")
	pid, err := start(cmd, &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL})
	if err != nil {
		t.Fatal(err)
	}
	if got := argumentsOf(t, p, pid); !slices.Contains(got, "first") {
		t.Fatalf("got %q", got)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if got := argumentsOf(t, p, pid); len(got) != 0 {
		t.Errorf("of a zombie: %q", got)
	}
	_ = cmd.Wait() // it was killed
}

func TestWantArguments(t *testing.T) {
	record := func(pid int32, startNS, execID, place uint64) ebpf.TasksProcessRecord {
		r := processRecord(pid)
		r.StartNs, r.ExecId, r.ArgStart, r.ArgEnd = startNS, execID, place, place+10
		if place == 0 {
			r.ArgEnd = 0
		}
		return r
	}
	p := Probe{}
	pass := func(all bool, records ...ebpf.TasksProcessRecord) (asked []int32) {
		p.records = inOrder(p.records, records)
		p.memory, p.room = remember(p.room, p.memory, p.records), p.memory
		wanted := p.wantArguments(all)
		bits := 0
		for i := range p.memory {
			m := &p.memory[i]
			bit := uint32(m.pid) % uint32(ebpf.TasksLimitLIMIT_WANTED)
			if set := p.asking.Bits[bit/64]>>(bit%64)&1 == 1; m.asked && !set {
				t.Errorf("process %d is not asked for", m.pid)
			} else if m.asked {
				bits++
				asked = append(asked, m.pid)
				m.asked = false
				m.setLine(fmt.Appendf(nil, "line %d of %d\x00", m.start, m.pid))
			}
		}
		if wanted != (bits > 0) {
			t.Errorf("wanted %v, and %d are", wanted, bits)
		}
		return asked
	}
	const far = 1<<16 + 2 // shares its bit with 2
	known := []ebpf.TasksProcessRecord{record(2, 1, 1, 100), record(3, 1, 1, 100), record(4, 1, 0, 0), record(far, 1, 1, 100)}
	for _, c := range []struct {
		why     string
		all     bool
		records []ebpf.TasksProcessRecord
		want    []int32
	}{
		{"new ones", false, known, []int32{2, 3, far}},
		{"nothing has changed", false, known, nil},
		{"all are due", true, known, []int32{2, 3, far}},
		{"another program at the same place", false, []ebpf.TasksProcessRecord{record(2, 1, 2, 100), known[1], known[3]}, []int32{2}},
		{"another place", false, []ebpf.TasksProcessRecord{record(2, 1, 2, 100), record(3, 1, 1, 200), known[3]}, []int32{3}},
		{"another process with the pid and the rest", false, []ebpf.TasksProcessRecord{record(2, 9, 2, 100), record(3, 1, 1, 200)}, []int32{2}},
		{"a zombie, and one that is back", false, []ebpf.TasksProcessRecord{record(2, 9, 2, 0), record(3, 1, 1, 200), known[3]}, []int32{far}},
	} {
		if got := pass(c.all, c.records...); !slices.Equal(got, c.want) {
			t.Errorf("%s: asked for %v, want %v", c.why, got, c.want)
		}
	}
	if got := p.memory[0].args; got == nil || len(got) != 0 {
		t.Errorf("a zombie has %q", got)
	}
	if got := p.memory[2].args; !slices.Equal(got, []string{fmt.Sprintf("line 1 of %d", far)}) {
		t.Errorf("got %q", got)
	}
}

package probe

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"ddcos/ebpf"
)

// What reads the command lines of some processes brings those of these alone: what the
// iterator over all tasks brings of them, however long they are.
func TestLinesOfSome(t *testing.T) {
	p := openProbe(t)
	if p.lines == nil {
		t.Skip("this kernel does not let a program look for processes")
	}
	f := family{}
	var pids, tasks []int32
	for _, length := range []int{1, 100, 2 * int(ebpf.TasksLimitLIMIT_ARGUMENTS)} {
		cmd := childOf("idle", "")
		cmd.Args = append(cmd.Args, strings.Repeat("x", length))
		pids = append(pids, int32(f.add(t, "some", cmd, nil)))
	}
	if _, err := p.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, r := range p.records {
		if slices.Contains(pids, r.Pid) {
			tasks = append(tasks, r.Task)
			if p.memory[i].args == nil {
				t.Errorf("process %d has no arguments after a pass", r.Pid)
			}
		}
	}
	for i := range p.asking.Bits {
		p.asking.Bits[i] = ^uint64(0)
	}
	if err := p.wanted.Put(uint32(0), &p.asking); err != nil {
		t.Fatal(err)
	}
	read := func(r io.ReadCloser, err error) (found []string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		pass := passArguments(r, argumentsPass{})
		if pass.err != nil {
			t.Fatal(pass.err)
		}
		for _, l := range pass.lines {
			if slices.Contains(pids, l.pid) {
				found = append(found, string(pass.bytes[l.begin:l.end]))
			} else if len(pass.lines) <= len(pids) {
				t.Errorf("process %d was not asked for", l.pid)
			}
		}
		return found
	}
	all := read(p.arguments.Open())
	some := func(tasks ...int32) []string {
		t.Helper()
		l, err := openLines(p.lines, p.lineRoom, tasks)
		return read(l, err)
	}
	if got := some(append([]int32{1 << 30, 0}, tasks...)...); len(got) != len(pids) || !slices.Equal(got, all) {
		t.Errorf("%.50q of all, %.50q one by one", all, got)
	}
	if none := some(); len(none) != 0 {
		t.Errorf("%q of none", none)
	}
	// More than are asked for at once, and more than there is room for at once.
	many := slices.Repeat(tasks, 2*int(ebpf.TasksLimitLIMIT_ASKED)/len(tasks))
	if got := some(many...); len(got) != len(many) || slices.ContainsFunc(got, func(line string) bool { return !slices.Contains(all, line) }) {
		t.Errorf("%d lines, want %d, or others than %.50q", len(got), len(many), all)
	}
	l, err := openLines(p.lines, p.lineRoom, tasks)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(l, nil); len(got) != len(tasks) {
		t.Errorf("%.50q after the probe was closed", got)
	}
}

// A new process's command line is there in the first pass that has the process,
// whether few or many are new.
func TestArgumentsOfNewOnes(t *testing.T) {
	p := openProbe(t)
	if _, err := p.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := family{}
	for _, n := range []int{1, 26} {
		var pids []int
		for range n {
			pids = append(pids, f.add(t, "new", childOf("idle", ""), nil))
		}
		sample, err := p.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, pid := range pids {
			if row := find(t, sample, pid); len(row.Args) != 2 || row.Args[1] != "idle" {
				t.Errorf("%d new: %q", n, row.Args)
			}
		}
	}
}

// A pass that is given up half-way leaves nothing behind: the next one counts every
// thread once.
func TestThreadsAfterAPassThatWasGivenUp(t *testing.T) {
	opts := DefaultOptions()
	opts.Iterate = true
	p, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	pid := family{}.add(t, "threads", childOf("threads", ""), nil)
	first, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := find(t, first, pid)
	if want.Threads < 3 || want.CPUNS == 0 {
		t.Fatalf("%d threads, %d ns", want.Threads, want.CPUNS)
	}
	for bytes := range 6 {
		r, err := p.table.Open()
		if err != nil {
			t.Fatal(err)
		}
		some := make([]byte, 1<<(10+bytes))
		for range 1 + bytes%3 {
			if _, err := r.Read(some); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		sample, err := p.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := find(t, sample, pid); got.CPUNS != want.CPUNS || got.VoluntarySwitches != want.VoluntarySwitches || got.MinFlt != want.MinFlt {
			t.Errorf("%d ns, %d switches, %d faults; at first %d, %d, %d", got.CPUNS, got.VoluntarySwitches, got.MinFlt, want.CPUNS, want.VoluntarySwitches, want.MinFlt)
		}
	}
}

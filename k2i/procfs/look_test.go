package procfs

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ddcos/k2i"
)

// crowded is a tree of so many processes that a look takes several goroutines,
// no two of which are the same.
func crowded(t *testing.T) tree {
	tr := newTree(t)
	for pid := 1; pid <= 3*batch+5; pid++ {
		program(tr, pid)
		dir := strconv.Itoa(pid)
		tr.write(dir+"/cmdline", fmt.Sprintf("cat\x00%d\x00", pid))
		tr.write(dir+"/cgroup", fmt.Sprintf("0::/system.slice/cat-%d.service\n", pid))
		tr.write(dir+"/io", strings.Replace(goodIO, "4096", strconv.Itoa(pid), 1))
	}
	return tr
}

// A look for all fields is what a pass reads.
func TestLookReadsAll(t *testing.T) {
	fs := crowded(t).open()
	want, err := fs.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := fs.Look(t.Context(), nil)
	if err != nil || len(got.Processes) != 3*batch+5 {
		t.Fatalf("%d processes, %v", len(got.Processes), err)
	}
	for i, p := range got.Processes {
		if !alike(*p, *want.Processes[i]) {
			t.Errorf("got %+v, want %+v", p, want.Processes[i])
		}
	}
	same(t, "visibility", got.Visibility, want.Visibility)
	same(t, "shared", slices.Contains(got.Shared, true), false)
}

// A look for one field has it, whichever it is, and opens no file that it need not.
func TestLookForEveryField(t *testing.T) {
	fs := crowded(t).open()
	want, err := fs.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range k2i.Fields() {
		got, err := fs.Look(t.Context(), []string{f.Name})
		if err != nil || len(got.Processes) != len(want.Processes) {
			t.Fatalf("%s: %d processes, %v", f.Name, len(got.Processes), err)
		}
		for i, p := range got.Processes {
			if f.Name != "euid" && f.Name != "egid" && f.Text(p) != f.Text(want.Processes[i]) {
				t.Errorf("%s of %d: got %q, want %q", f.Name, p.PID, f.Text(p), f.Text(want.Processes[i]))
			}
		}
	}
	for _, c := range []struct {
		fields []string
		want   parts
	}{
		{nil, allParts},
		{[]string{"no_such"}, allParts},
		{[]string{}, 0},
		{[]string{"pid", "euid", "egid", "user", "start_ns", "cpu_ns", "tty_nr", "rss_bytes", "ended_ns", "exe"}, 0},
		{[]string{"pid", "args"}, partCmdline},
		{[]string{"ruid"}, partStatus},
		{[]string{"kind"}, partCgroup | partCmdline | partStatus},
		{[]string{"read_bytes", "cgroup"}, partIO | partCgroup},
	} {
		same(t, fmt.Sprint(c.fields), partsOf(c.fields), c.want)
	}
}

// The effective ids are the same whether the directory or its status tells them: of
// this process, of one that is nobody's to look into, and of a thread of the kernel.
func TestLookForOwners(t *testing.T) {
	var who *syscall.Credential
	if os.Geteuid() == 0 {
		who = &syscall.Credential{Uid: 65534, Gid: 65533}
	}
	child, _, fs := childAs(t, who) // which runs: whose directory it is changes while a program begins
	sample, err := fs.Look(t.Context(), []string{"euid", "egid"})
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{os.Getpid(), child.Process.Pid, 2} {
		want, err := fs.Process(int32(pid))
		if err != nil {
			continue // this namespace has no such thread
		}
		i := slices.IndexFunc(sample.Processes, func(p *k2i.Process) bool { return p.PID == int32(pid) })
		if i < 0 {
			t.Errorf("%d is not there", pid)
			continue
		}
		got := sample.Processes[i]
		same(t, "euid", got.EUID, want.EUID)
		same(t, "egid", got.EGID, want.EGID)
		if got.Args != nil || !reflect.DeepEqual(got.SigCaught, (*k2i.Bits)(nil)) || got.Cgroup != "" {
			t.Errorf("more was read than was asked for: %+v", got)
		}
	}
}

// About is near the number of processes, and not below it where nobody comes.
func TestAbout(t *testing.T) {
	tr := newTree(t)
	for pid := 1; pid <= 100; pid++ {
		tr.process(pid)
	}
	n, err := tr.open().About()
	if err != nil || n < 100 || n > 120 {
		t.Errorf("about %d, %v", n, err)
	}
}

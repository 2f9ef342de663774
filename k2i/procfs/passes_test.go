package procfs

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"ddcos/k2i"
)

// counted counts how often a file is opened.
type counted struct {
	Kernel
	times map[string]int
}

func (c counted) Openat(dir int, path string, flags int) (int, error) {
	c.times[path[strings.LastIndexByte(path, '/')+1:]]++
	return c.Kernel.Openat(dir, path, flags)
}

// Of a process that says the same as before only its stat is read, until it is
// old; one that says something else, or is another one, is read anew.
func TestPasses(t *testing.T) {
	tr := newTree(t)
	for _, pid := range []int{8, 9} {
		tr.process(pid)
	}
	fs := tr.open()
	opened := map[string]int{}
	fs.system = counted{times: opened}
	p := NewPasses(fs)
	var last *k2i.Sample
	pass := func(what string, shared ...bool) *k2i.Sample {
		t.Helper()
		clear(opened)
		sample, err := p.Read(t.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		if len(sample.Processes) != len(shared) || len(sample.Shared) != len(shared) {
			t.Fatalf("%s: %d processes", what, len(sample.Processes))
		}
		anew := 0
		for i, want := range shared {
			row := sample.Processes[i]
			if sample.Shared[i] != want || row.Comm != "cat" || len(row.Args) != 2 || row.Cgroup == "" {
				t.Errorf("%s: process %d shared %v, want %v: %+v", what, row.PID, sample.Shared[i], want, row)
			}
			if !want {
				anew++
			}
		}
		if opened["status"] != 2*anew || opened["cmdline"] != 2*anew { // twice, since that status knows no RssAnon
			t.Errorf("%s: opened %v", what, opened)
		}
		last = sample
		return sample
	}
	pass("the first", false, false)
	if opened["stat"] != 4+1 { // and the host's own
		t.Errorf("the first opened %v", opened)
	}
	first := pass("the second notes what they say", false, false)
	if same := pass("nothing has changed", true, true); same.Processes[0] != first.Processes[0] {
		t.Error("another row")
	}
	tr.write("9/stat", statLine("9 (cat)", map[int]string{14: "777"}))
	if changed := pass("one has used CPU time", true, false); changed.Processes[1].UserNS != 7770e6 {
		t.Errorf("%d ns", changed.Processes[1].UserNS)
	}
	pass("and no more", true, true)

	tr.write("9/stat", statLine("9 (cat)", map[int]string{14: "777", 22: "4711"}))
	pass("another one has the pid", true, false)
	tr.remove("8")
	pass("one is gone", true)
	tr.process(8)
	pass("and one has come", false, true)

	older := last
	pass("a sample between", false, true)
	last = older
	pass("not the last one", false, false)
	for i := range p.known {
		p.known[i].until = 0
	}
	pass("all is old", false, false)
}

// That something of a process is hidden is told also while it is not read again;
// and not all are read anew in the same pass.
func TestPassesKeep(t *testing.T) {
	tr := newTree(t)
	tr.process(9)
	fs := tr.open()
	p := NewPasses(fs)
	sample, err := p.Read(t.Context(), nil)
	if err != nil || sample.Visibility != k2i.VisibilityFull {
		t.Fatal(sample, err)
	}
	if sample, err = p.Read(t.Context(), sample); err != nil {
		t.Fatal(err)
	}
	p.known[0].full = false
	if sample, err = p.Read(t.Context(), sample); err != nil || !sample.Shared[0] || sample.Visibility != k2i.VisibilityPartial {
		t.Errorf("%v, %s, %v", sample.Shared, sample.Visibility, err)
	}
	turns := map[time.Duration]bool{}
	for pid := range 32 {
		tr.process(100 + pid)
		tr.write(strconv.Itoa(100+pid)+"/stat", statLine(strconv.Itoa(100+pid)+" (cat)", nil))
	}
	if sample, err = p.Read(t.Context(), sample); err != nil {
		t.Fatal(err)
	}
	for _, one := range p.known {
		turns[one.until-sample.Mono] = true
	}
	if len(turns) < 8 {
		t.Errorf("%d turns", len(turns))
	}
}

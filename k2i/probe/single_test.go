package probe

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// An iterator that is for some processes brings the command lines of these alone:
// what the one over all tasks brings of them.
func TestOneByOne(t *testing.T) {
	p := openProbe(t)
	if p.singly == nil {
		t.Skip("this kernel's iterators are for all tasks")
	}
	f := family{}
	first, second := f.add(t, "first", childOf("idle", "one"), nil), f.add(t, "second", childOf("idle", "other"), nil)
	for i := range p.asking.Bits {
		p.asking.Bits[i] = ^uint64(0)
	}
	if err := p.wanted.Put(uint32(0), &p.asking); err != nil {
		t.Fatal(err)
	}
	read := func(r io.ReadCloser, err error) (lines []string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		pass := passArguments(r, argumentsPass{})
		if pass.err != nil {
			t.Fatal(pass.err)
		}
		for _, l := range pass.lines {
			if int(l.pid) == first || int(l.pid) == second || len(pass.lines) < 4 {
				lines = append(lines, string(pass.bytes[l.begin:l.end]))
			}
		}
		return lines
	}
	few, err := openEach(p.singly, []int32{int32(second), int32(first), 1 << 30})
	some := read(&few, err)
	all := read(p.arguments.Open())
	if len(some) != 2 || !slices.Equal(some, all) || !strings.HasSuffix(some[0], "idle\x00") {
		t.Errorf("%q of all, %q one by one", all, some)
	}
	if none := read(&readers{}, nil); len(none) != 0 {
		t.Errorf("%q of none", none)
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
	for _, n := range []int{1, maxSingles + 2} {
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

type closes struct {
	io.Reader
	err  error
	done *int
}

func (c closes) Close() error { *c.done++; return c.err }

// Each is closed once, whatever it says.
func TestReaders(t *testing.T) {
	done := 0
	some := func(of ...io.Reader) (all readers) {
		for _, r := range of {
			all = append(all, closes{r, nil, &done})
		}
		return all
	}
	r := some(strings.NewReader("a"), strings.NewReader(""), iotest.DataErrReader(strings.NewReader("bc")), strings.NewReader("d"))
	text, err := io.ReadAll(&r)
	if string(text) != "abcd" || err != nil || done != 4 || r.Close() != nil || done != 4 {
		t.Errorf("%q, %v, %d closed", text, err, done)
	}
	r = some(iotest.ErrReader(os.ErrPermission), strings.NewReader("never"))
	if _, err := io.Copy(&bytes.Buffer{}, &r); !errors.Is(err, os.ErrPermission) || r.Close() != nil || done != 6 {
		t.Errorf("%v, %d closed", err, done)
	}
	r = readers{closes{strings.NewReader(""), os.ErrClosed, &done}}
	if _, err := io.ReadAll(&r); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// A pass that is given up half-way leaves nothing behind: the next one counts every
// thread once.
func TestThreadsAfterAPassThatWasGivenUp(t *testing.T) {
	p := openProbe(t)
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

package procfs

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ddcos/k2i"
)

// detailed is a process of a tree with all its links.
func (tr tree) detailed(pid int, exe string, namespace int) {
	dir := strconv.Itoa(pid)
	tr.process(pid)
	tr.link(dir+"/exe", exe)
	for _, name := range namespaceLinks {
		tr.link(dir+"/ns/"+name, name+":["+strconv.Itoa(namespace)+"]")
	}
	tr.write(dir+"/oom_score_adj", "-7\n")
}

// again takes away what detailed made, and makes it anew.
func (tr tree) again(pid int, exe string, namespace int) {
	tr.remove(strconv.Itoa(pid))
	tr.detailed(pid, exe, namespace)
}

func filled(t *testing.T, d *Seldom, fs *FS, mono time.Duration) *k2i.Sample {
	t.Helper()
	sample, err := fs.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sample.Mono = mono
	d.Fill(sample)
	return sample
}

// What takes files of its own is read when a process is new, runs another
// program, or after a while; not at every sample.
func TestSeldom(t *testing.T) {
	tr := newTree(t)
	tr.detailed(8, "/bin/eight", 88)
	tr.detailed(9, "/bin/nine", 99)
	fs := tr.open()
	d := NewSeldom(fs)
	at := func(mono time.Duration) k2i.Process { return *filled(t, d, fs, mono).Processes[1] }

	first := at(time.Second)
	same(t, "exe", first.Exe, "/bin/nine")
	same(t, "adjustment", first.OOMScoreAdj, -7)
	same(t, "first and last namespace", [2]k2i.Inode{first.NSCgroup, first.NSUTS}, [2]k2i.Inode{99, 99})

	tr.again(9, "/bin/nine (deleted)", 100)
	same(t, "a moment later", at(2*time.Second).Exe, "/bin/nine")
	later := at(2*time.Second + seldomFor)
	same(t, "later", later.Exe, "/bin/nine (deleted)")
	same(t, "its namespaces", later.NSNet, 100)

	tr.again(9, "/bin/ten", 100)
	tr.write("9/stat", statLine("9 (ten)", nil))
	same(t, "another program", at(3*time.Second+seldomFor).Exe, "/bin/ten")
	tr.again(9, "/bin/eleven", 100)
	tr.write("9/stat", statLine("9 (ten)", map[int]string{22: "77"}))
	same(t, "another process", at(3*time.Second+seldomFor).Exe, "/bin/eleven")

	tr.remove("8")
	sample := filled(t, d, fs, 4*time.Second+seldomFor)
	same(t, "who is left", sample.Processes[0].Exe, "/bin/eleven")
	same(t, "missing", strings.Join(sample.Missing, " "), "exec_id pidfd_inode")
}

// Of all those that were new together, not all are read again together.
func TestSeldomTakesTurns(t *testing.T) {
	d := Seldom{fs: newTree(t).open()}
	untils := map[time.Duration]bool{}
	for pid := range int32(32) {
		one := d.of(&k2i.Process{PID: pid + 1}, nil, &k2i.Sample{Mono: time.Minute})
		untils[one.until] = true
		if one.until <= time.Minute+seldomFor/2 || one.until > time.Minute+seldomFor {
			t.Errorf("process %d until %v", pid+1, one.until)
		}
	}
	same(t, "turns", len(untils), 16)
}

// A kernel thread has no program; BPF tells the rest, which is left alone.
func TestSeldomByRoad(t *testing.T) {
	tr := newTree(t)
	tr.detailed(9, "/bin/nine", 99)
	fs := tr.open()
	sample := &k2i.Sample{Mode: k2i.ModeBPF, Processes: []*k2i.Process{{PID: 9, StartTicks: 22, NSNet: 5, OOMScoreAdj: 3}}}
	NewSeldom(fs).Fill(sample)
	p := sample.Processes[0]
	same(t, "by BPF", p.Exe+" "+strconv.Itoa(int(p.NSNet))+" "+strconv.Itoa(int(p.OOMScoreAdj)), "/bin/nine 5 3")
	same(t, "asked alone", fs.Exe(k2i.Key{PID: 9, StartTicks: 22})+fs.Exe(k2i.Key{PID: 10, StartTicks: 22}), "/bin/nine")
	kernel := fs.details(k2i.Key{PID: 9, StartTicks: 22}, true, k2i.ModeBPF, nil)
	same(t, "a kernel thread", kernel.exe, "")
	same(t, "by BPF is missing without", strings.Join(SeldomFields(k2i.ModeBPF), " "), "exe")
	for _, name := range SeldomFields(k2i.ModeProcfs) {
		if _, known := k2i.FieldByName(name); !known {
			t.Errorf("%s is no field", name)
		}
	}
}

// What the caller may not read of some is told once, and is no zero.
func TestHiddenLinks(t *testing.T) {
	tr := newTree(t)
	tr.detailed(9, "/bin/nine", 99)
	d := NewSeldom(tr.open())
	d.known = []detail{{key: k2i.Key{PID: 9, StartTicks: 22}, until: time.Hour, execID: k2i.Unread, comm: "cat", hidden: true}}
	sample := filled(t, d, d.fs, time.Second)
	for _, name := range SeldomFields(k2i.ModeProcfs) {
		if missing := slices.Contains(sample.Missing, name); missing != (name != "oom_score_adj") {
			t.Errorf("%s: missing is %t: %v", name, missing, sample.Missing)
		}
	}
	if !slices.IsSorted(sample.Missing) || sample.Processes[0].NSNet != 0 {
		t.Errorf("%v, %+v", sample.Missing, sample.Processes[0])
	}
}

// Links and numbers of other shapes are nothing.
func TestInodesAndAdjustments(t *testing.T) {
	for target, want := range map[string]k2i.Inode{
		"net:[4026531992]": 4026531992, "time_for_children:[1]": 1, "": 0, "net:": 0, "net:[]": 0, "net:[1": 0, "[1]": 0,
		"net:[4294967296]": 0, "net:[-1]": 0, "net:[1] (deleted)": 0, "/bin/x:[7]": 7,
	} {
		same(t, target, inodeOf(target), want)
	}
	for text, want := range map[string]int32{"-1000\n": -1000, "1000\n": 1000, "0": 0, "-1001\n": 0, "1001": 0, "x": 0, "": 0, "5\n5": 0} {
		same(t, text, parseAdjustment([]byte(text)), want)
	}
}

func FuzzSeldom(f *testing.F) {
	f.Add("net:[4026531992]")
	f.Add("-1000\n")
	f.Fuzz(func(t *testing.T, text string) {
		if n := parseAdjustment([]byte(text)); n < -1000 || n > 1000 {
			t.Errorf("%q: %d", text, n)
		}
		if n := inodeOf(text); n != 0 && !strings.HasSuffix(text, strconv.Itoa(int(n))+"]") && !strings.Contains(text, "0") && !strings.Contains(text, "+") {
			t.Errorf("%q: %d", text, n)
		}
	})
}

// A number that is another process's by now tells nothing of the one that had it.
func TestSeldomOfAReusedNumber(t *testing.T) {
	tr := newTree(t)
	tr.detailed(9, "/bin/another", 99)
	fs := tr.open()
	sample := &k2i.Sample{Mode: k2i.ModeProcfs, Processes: []*k2i.Process{{PID: 9, StartTicks: 21}}}
	NewSeldom(fs).Fill(sample)
	if p := sample.Processes[0]; p.Exe != "" || p.NSNet != 0 || p.OOMScoreAdj != 0 || fs.Exe(k2i.Key{PID: 9, StartTicks: 21}) != "" {
		t.Errorf("%+v", p)
	}
}

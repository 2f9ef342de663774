package probe

import (
	"reflect"
	"testing"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// A pid that was given to another process has nothing of the first.
func TestRemember(t *testing.T) {
	records := func(pairs ...[2]uint64) (out []*ebpf.TasksProcessRecord) {
		for _, p := range pairs {
			r := processRecord(int32(p[0]))
			r.StartNs = p[1]
			out = append(out, &r)
		}
		return out
	}
	before := []memory{{pid: 1, start: 10, comm: "a"}, {pid: 2, start: 20, comm: "b"}, {pid: 4, start: 40, comm: "d"}, {pid: 9, start: 90, comm: "i"}}
	for _, c := range []struct {
		records []*ebpf.TasksProcessRecord
		want    []string
	}{
		{records([2]uint64{1, 10}, [2]uint64{2, 20}, [2]uint64{4, 40}, [2]uint64{9, 90}), []string{"a", "b", "d", "i"}},
		{records([2]uint64{1, 11}, [2]uint64{3, 20}, [2]uint64{9, 90}), []string{"", "", "i"}},
		{records([2]uint64{9, 91}, [2]uint64{10, 90}), []string{"", ""}},
		{nil, []string{}},
	} {
		got := remember(nil, before, c.records)
		names := []string{}
		for i, m := range got {
			names = append(names, m.comm)
			if m.pid != c.records[i].Pid || m.start != c.records[i].StartNs {
				t.Errorf("record %d became %+v", i, m)
			}
		}
		if !reflect.DeepEqual(names, c.want) {
			t.Errorf("got %q, want %q", names, c.want)
		}
	}
	if got := remember(nil, nil, records([2]uint64{1, 10})); len(got) != 1 || got[0].args != nil {
		t.Errorf("from nothing: %+v", got)
	}
}

// User and system time of a process never run backwards from pass to pass,
// though the ticks change their mind, and a new process starts anew.
func TestTimesOfPasses(t *testing.T) {
	p := Probe{cgroups: newCgroupPaths(told{}), shared: sharedMasks{}}
	pass := func(start, user, system, runtime uint64) k2i.Process {
		r := processRecord(1)
		r.StartNs, r.Usage = start, ebpf.TasksUsage{CpuNs: runtime, UserNs: user, SystemNs: system}
		p.records = []*ebpf.TasksProcessRecord{&r}
		p.memory = remember(nil, p.memory, p.records)
		var sample k2i.Sample
		p.rows(&sample, nil)
		return *sample.Processes[0]
	}
	first := pass(10, 0, 5, 100)
	second := pass(10, 95, 5, 110)
	if first.SystemNS != 100 || second.SystemNS != 100 || second.UserNS != 10 || second.CPUNS != 110 {
		t.Errorf("got %+v\nthen %+v", first, second)
	}
	if other := pass(11, 95, 5, 100); other.SystemNS != 5 || other.UserNS != 95 {
		t.Errorf("another process: %+v", other)
	}
}

func TestRow(t *testing.T) {
	r := ebpf.TasksProcessRecord{
		Pid: 7, Ppid: 6, Pgid: 5, Sid: 4, StartNs: 1_234_567_890, HasTty: 1, TtyMajor: 136, TtyMinor: 300, Tpgid: 3,
		StaticPrio: 127, Prio: 99, RtPriority: 1, Policy: 2, Cpu: 1, Flags: pfKthread, VszPages: 2, FilePages: 1,
		Usage: ebpf.TasksUsage{ReadBytes: uncounted, WriteBytes: uncounted},
	}
	p := filled(&r, &memory{comm: "x", masks: newMasks(&r)})
	if p.StartTicks != 123 || p.StartNS != 1_234_567_890 || p.TTYNr != k2i.EncodeDev(136, 300) || p.TPGID != 3 {
		t.Errorf("start and terminal: %+v", p)
	}
	if p.Nice != 7 || p.Priority != -1 || p.VSZBytes != 8192 || p.RSSBytes != 4096 || !p.Kernel {
		t.Errorf("numbers: %+v", p)
	}
	if p.PidfdInode != k2i.Unread || p.ReadBytes != k2i.Unread || p.WriteBytes != k2i.Unread || p.RCPU.Known() || p.Args == nil {
		t.Errorf("what is not known: %+v", p)
	}
	r.PidfdInode, r.HasTty = 99, 0
	if p = filled(&r, &memory{masks: newMasks(&r)}); p.PidfdInode != 99 || p.TTYNr != 0 {
		t.Errorf("inode %d, terminal %d", p.PidfdInode, p.TTYNr)
	}
}

func TestSetComm(t *testing.T) {
	var m memory
	for _, c := range []struct {
		comm, suffix, want string
		sign               rune
	}{
		{comm: "cat", want: "cat"},
		{comm: "dog", want: "dog"},
		{comm: "", want: ""},
		{comm: ") R 1 (\n\x1b", want: ") R 1 (\n\x1b"},
		{comm: "kworker/0:1", suffix: "events", sign: '+', want: "kworker/0:1+events"},
		{comm: "kworker/0:1", suffix: "events", sign: '-', want: "kworker/0:1-events"},
		{comm: "kworker/0:1", want: "kworker/0:1"},
	} {
		r := ebpf.TasksProcessRecord{SuffixSign: uint32(c.sign)}
		copy(r.Name[:], c.comm)
		copy(r.Suffix[:], c.suffix)
		if m.setComm(&r); m.comm != c.want {
			t.Errorf("%q, %q: got %q", c.comm, c.suffix, m.comm)
		}
	}
}

func TestStateLetter(t *testing.T) {
	for _, c := range []struct {
		state, exit uint32
		want        string
	}{
		{0, 0, "R"},
		{1, 0, "S"},
		{2, 0, "D"},
		{4, 0, "T"},
		{8, 0, "t"},
		{0, 0x10, "X"},
		{0, 0x20, "Z"},
		{0x40, 0, "P"},
		{0x80, 0x20, "Z"},
		{0x80, 0x10, "X"},
		{0x402, 0, "I"},
		{0x400, 0, "R"},
		{0x102, 0, "D"},
		{0x8000, 0, "D"},
		{0x1000, 0, "D"},
		{0x2001, 0, "S"},
		{0x800, 0, "R"},
		{0x80 | 0x20, 0x30, "Z"},
	} {
		if got := stateLetter(c.state, c.exit); got != c.want {
			t.Errorf("%#x, %#x: got %s, want %s", c.state, c.exit, got, c.want)
		}
	}
	for state := range uint32(1 << 17) { // no word of the kernel's is out of the table
		if got := stateLetter(state, state>>3); len(got) != 1 {
			t.Fatalf("%#x: got %q", state, got)
		}
	}
}

// filled is the row of a record.
func filled(r *ebpf.TasksProcessRecord, m *memory) (p k2i.Process) {
	fill(&p, r, m, 4096)
	return p
}

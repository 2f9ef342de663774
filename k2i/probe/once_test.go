package probe

import (
	"errors"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cilium/ebpf/link"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// ranAs is a command line's record, of a program.
func ranAs(pid int32, start, execID uint64, line string) []byte {
	head := ebpf.TasksArgumentsRecord{
		Kind: uint32(ebpf.TasksRecordKindRECORD_ARGUMENTS), Pid: pid, StartNs: start, ExecId: execID, Length: uint32(len(line)),
	}
	return append(encode(head), line...)
}

// ahead is a probe whose command lines were begun before its table was read, which
// has these processes: 1 is as it was, 2 has begun another program since, 3 another
// process, 4 has come, 5 is a thread of the kernel.
func ahead() *Probe {
	p := &Probe{opts: Options{ArgumentsWait: time.Second}, early: true, pending: make(chan argumentsPass, 1)}
	for pid := int32(1); pid <= 5; pid++ {
		r := processRecord(pid)
		r.StartNs, r.ExecId, r.ArgStart, r.ArgEnd, r.Task = uint64(10*pid), 1, 100, 200, pid
		if pid == 5 {
			r.ArgStart, r.ArgEnd = 0, 0
		}
		p.records = append(p.records, &r)
		p.memory = append(p.memory, memory{pid: pid, start: r.StartNs, fresh: true})
	}
	p.records[1].ExecId = 2
	return p
}

// Of command lines that were read before the table those count that are of the same
// programs still; all others are asked for again.
func TestLinesReadAhead(t *testing.T) {
	p := ahead()
	p.pending <- passOf(t, ranAs(1, 10, 1, "one\x00"), ranAs(2, 20, 1, "before\x00"), ranAs(3, 29, 1, "another\x00"), ranAs(9, 90, 1, "gone\x00"))
	if !p.takeEarly(t.Context(), time.Hour, nil) || p.early || p.pending != nil {
		t.Fatal("the pass was not taken")
	}
	if got := p.memory[0].args; !slices.Equal(got, []string{"one"}) {
		t.Errorf("got %q", got)
	}
	if !p.wantArguments(time.Hour >= p.reread) || !slices.Equal(p.tasks, []int32{2, 3, 4}) {
		t.Errorf("asks for %v", p.tasks)
	}
	if p.memory[4].args == nil {
		t.Error("a thread of the kernel has a command line to come")
	}
}

// A pass that failed is made again for all; one that hangs is waited for as long as
// any, and nobody has a command line then.
func TestLinesReadAheadFail(t *testing.T) {
	p := ahead()
	p.pending <- argumentsPass{err: errors.New("broken")}
	if !p.takeEarly(t.Context(), time.Hour, nil) || !p.wantArguments(time.Hour >= p.reread) || !slices.Equal(p.tasks, []int32{1, 2, 3, 4}) {
		t.Errorf("after a failure it asks for %v", p.tasks)
	}
	synctest.Test(t, func(t *testing.T) {
		p := ahead()
		p.arguments = &link.Iter{}
		before := time.Now()
		if p.readArguments(t.Context(), 0) || time.Since(before) != time.Second {
			t.Errorf("waited %v", time.Since(before))
		}
	})
}

// A single brief pass tells the same as a full one, but for what it leaves out: of
// this process and of children of all kinds.
func TestOnceAndBrief(t *testing.T) {
	full := openProbe(t)
	f := family{}
	pids := []int{os.Getpid(), f.add(t, "idle", childOf("idle", "one"), nil), f.add(t, "other", childOf("idle", "other"), nil)}
	options := full.opts
	options.Once, options.Brief, options.Expected = true, true, 100
	p, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	got, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want, err := full.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	row := func(s *k2i.Sample, pid int) *k2i.Process {
		i := slices.IndexFunc(s.Processes, func(p *k2i.Process) bool { return int(p.PID) == pid })
		if i < 0 {
			t.Fatalf("%d is not there", pid)
		}
		return s.Processes[i]
	}
	for _, pid := range pids {
		brief, whole := row(got, pid), row(want, pid)
		for _, field := range k2i.Fields() {
			left := field.Group == "signals" || field.Group == "namespaces" || field.Group == "rights" && field.Name != "oom_score_adj" || field.Name == "cgroup"
			moves := pid == os.Getpid() || field.Number && field.Name != "pid" && field.Name != "euid" && field.Name != "vsz_bytes" && field.Name != "sid"
			switch {
			case left:
				if field.Known(brief) && field.Text(brief) != "" && field.Text(brief) != "0" {
					t.Errorf("%s of %d is %s", field.Name, pid, field.Text(brief))
				}
			case !moves && field.Text(brief) != field.Text(whole):
				t.Errorf("%s of %d: %q, want %q", field.Name, pid, field.Text(brief), field.Text(whole))
			}
		}
		if !slices.Contains(got.Missing, "args") && !slices.Equal(brief.Args, whole.Args) {
			t.Errorf("arguments of %d: %q, want %q", pid, brief.Args, whole.Args)
		}
	}
}

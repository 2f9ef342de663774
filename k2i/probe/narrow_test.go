package probe

import (
	"testing"

	"golang.org/x/sys/unix"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// seen is a row and the record that it was made of, in one more pass.
func seen(t *testing.T, p *Probe, pid int) (*k2i.Process, ebpf.TasksProcessRecord) {
	t.Helper()
	sample, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.records {
		if int(p.records[i].Pid) == pid {
			return sample.Processes[i], *p.records[i]
		}
	}
	t.Fatalf("no process %d", pid)
	return nil, ebpf.TasksProcessRecord{}
}

// notItsTurn makes the next pass one in which a process is not due.
func notItsTurn(p *Probe, pid int) { p.turn = (uint32(pid) + 1) % turns }

const sigUSR1 = 1 << (unix.SIGUSR1 - 1)

// Of who does not run the beginning of a record is told, and everything stands in its
// row; who has run is told of as a whole at once.
func TestWhatOnlyAProcessChangesIsToldOnceItRan(t *testing.T) {
	p := openProbe(t)
	pid := startStopped(t, "sh", "-c", `kill -STOP $$; trap "" USR1; kill -STOP $$; exit`)
	row, first := seen(t, p, pid)
	if !isWhole(&first) || row.SigIgnored == nil || *row.SigIgnored&sigUSR1 != 0 {
		t.Fatalf("kind %d, ignored %v", first.Kind, row.SigIgnored)
	}
	for range 3 {
		notItsTurn(p, pid)
		again, record := seen(t, p, pid)
		if isWhole(&record) || record.Rights != first.Rights || record.HasActions != 1 {
			t.Fatalf("%+v\nand before\n%+v", record, first)
		}
		if again.SigIgnored != row.SigIgnored || again.CapBounding != row.CapBounding || again.NSMnt != row.NSMnt {
			t.Errorf("%+v\nand before\n%+v", again, row)
		}
	}
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := awaitStop(pid); err != nil {
		t.Fatal(err)
	}
	notItsTurn(p, pid)
	if after, record := seen(t, p, pid); !isWhole(&record) || *after.SigIgnored&sigUSR1 == 0 {
		t.Errorf("kind %d, ignored %v", record.Kind, after.SigIgnored)
	}
}

// What others change is read of everybody in every pass.
func TestWhatOthersChangeIsToldAtOnce(t *testing.T) {
	p := openProbe(t)
	pid := startStopped(t, "sh", "-c", "kill -STOP $$; exit")
	before, _ := seen(t, p, pid)
	if err := unix.Setpriority(unix.PRIO_PROCESS, pid, 5); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	notItsTurn(p, pid)
	after, record := seen(t, p, pid)
	if isWhole(&record) {
		t.Error("it has run")
	}
	if after.Nice != 5 || *after.SigSharedPending&sigUSR1 == 0 || *before.SigSharedPending&sigUSR1 != 0 {
		t.Errorf("nice %d, pending %v and before %v", after.Nice, after.SigSharedPending, before.SigSharedPending)
	}
}

// Everybody has a turn, and after a pass that failed all have it.
func TestTurns(t *testing.T) {
	p := openProbe(t)
	pid := startStopped(t, "sh", "-c", "kill -STOP $$; exit")
	seen(t, p, pid)
	whole := 0
	for range 3 * turns {
		if _, record := seen(t, p, pid); isWhole(&record) {
			whole++
		}
	}
	if whole != 3 {
		t.Errorf("whole %d times in %d passes", whole, 3*turns)
	}
	notItsTurn(p, pid)
	p.forgot = true
	if _, record := seen(t, p, pid); !isWhole(&record) || p.forgot {
		t.Errorf("kind %d after everything was forgotten", record.Kind)
	}
}

// A part of a record whose rest nobody knows is no record, and has the pass made again.
func TestPartOfAStranger(t *testing.T) {
	known := processRecord(5)
	known.StartNs, known.HasActions, known.Rights.Effective, known.Usage.CpuNs, known.Signals.Caught = 50, 1, 7, 9, 8
	p := Probe{cgroups: newCgroupPaths(told{}), shared: sharedMasks{}, last: inOrder(nil, []ebpf.TasksProcessRecord{known, processRecord(7)})}
	take := func(kind ebpf.TasksRecordKind, b []byte) *ebpf.TasksProcessRecord {
		t.Helper()
		before := len(p.came[0])
		if err := p.take(kind, b); err != nil {
			t.Fatal(err)
		}
		if len(p.came[0]) == before {
			return nil
		}
		return &p.came[0][before]
	}
	narrow := func(pid int32, start uint64) *ebpf.TasksProcessRecord {
		t.Helper()
		r := processRecord(pid)
		r.Kind, r.StartNs, r.Usage.CpuNs = uint32(ebpf.TasksRecordKindRECORD_NARROW), start, 10
		return take(ebpf.TasksRecordKindRECORD_NARROW, encode(r)[:narrowBytes])
	}
	idle := func(pid int32, start uint64) *ebpf.TasksProcessRecord {
		t.Helper()
		r := ebpf.TasksIdleRecord{Kind: uint32(ebpf.TasksRecordKindRECORD_IDLE), Pid: pid, StartNs: start, SharedPending: 3}
		return take(ebpf.TasksRecordKindRECORD_IDLE, encode(r))
	}
	if r := narrow(5, 50); p.forgot || r == nil || r.Rights.Effective != 7 || r.HasActions != 1 || r.Usage.CpuNs != 10 || isWhole(r) {
		t.Errorf("%+v", r)
	}
	if r := idle(5, 50); p.forgot || r == nil || r.Rights.Effective != 7 || r.Usage.CpuNs != 9 || r.Signals.SharedPending != 3 || r.Signals.Caught != 8 || isWhole(r) {
		t.Errorf("%+v", r)
	}
	if narrow(0, 50) != nil || idle(-1, 50) != nil || p.forgot {
		t.Error("a task without a number")
	}
	for _, stranger := range []struct {
		pid   int32
		start uint64
	}{{5, 51}, {6, 50}, {4, 50}, {8, 50}} {
		p.forgot = false
		if narrow(stranger.pid, stranger.start) != nil || !p.forgot {
			t.Errorf("%v was taken", stranger)
		}
		p.forgot = false
		if idle(stranger.pid, stranger.start) != nil || !p.forgot {
			t.Errorf("%v was taken", stranger)
		}
	}
	if r := idle(5, 50); r == nil || r.Rights.Effective != 7 {
		t.Error("known, and after a stranger not found")
	}
}

// What is known of nobody is asked for in a second pass, and the sample is whole.
func TestPassThatIsMadeAgain(t *testing.T) {
	p := openProbe(t)
	pid := startStopped(t, "sh", "-c", "kill -STOP $$; exit")
	before, _ := seen(t, p, pid)
	notItsTurn(p, pid)
	p.records = p.records[:0]
	after, record := seen(t, p, pid)
	if p.forgot || !isWhole(&record) || after.CPUNS != before.CPUNS || after.SigIgnored == nil {
		t.Errorf("forgot %v, kind %d, %+v", p.forgot, record.Kind, after)
	}
}

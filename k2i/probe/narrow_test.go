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
			return sample.Processes[i], p.records[i]
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
		if record.Kind != uint32(ebpf.TasksRecordKindRECORD_NARROW) || record.Rights != first.Rights || record.HasActions != 1 {
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

// A record whose rest nobody knows has none, and is asked for.
func TestNarrowOfAStranger(t *testing.T) {
	known := processRecord(5)
	known.StartNs, known.HasActions, known.Rights.Effective = 50, 1, 7
	other := processRecord(7)
	other.Kind = unknownRest
	p := Probe{cgroups: newCgroupPaths(told{}), shared: sharedMasks{}, last: []ebpf.TasksProcessRecord{known, other}}
	take := func(pid int32, start uint64) *ebpf.TasksProcessRecord {
		t.Helper()
		r := processRecord(pid)
		r.Kind, r.StartNs = uint32(ebpf.TasksRecordKindRECORD_NARROW), start
		before := len(p.records)
		if err := p.take(ebpf.TasksRecordKindRECORD_NARROW, encode(r)[:narrowBytes]); err != nil {
			t.Fatal(err)
		}
		if len(p.records) == before {
			return nil
		}
		return &p.records[len(p.records)-1]
	}
	if r := take(5, 50); p.forgot || r.Rights.Effective != 7 || r.HasActions != 1 || isWhole(r) {
		t.Errorf("%+v", r)
	}
	if take(0, 50) != nil || p.forgot {
		t.Error("a task without a number")
	}
	for _, stranger := range []struct {
		pid   int32
		start uint64
	}{{5, 51}, {6, 50}, {7, other.StartNs}, {4, 50}} {
		p.forgot = false
		r := take(stranger.pid, stranger.start)
		if !p.forgot || r.Kind != unknownRest || r.Rights.Effective != 0 {
			t.Errorf("%v: %+v", stranger, r)
		}
		row := p.row(r, &memory{pid: r.Pid, delay: k2i.Unread}, 4096)
		if row.PID != stranger.pid || row.SigIgnored != nil || row.CapEffective != nil || row.NSNet != 0 {
			t.Errorf("%v: something is told of what is not known: %+v", stranger, row)
		}
	}
	if r := take(5, 50); r.Rights.Effective != 7 {
		t.Error("known, and after a stranger not found")
	}
}

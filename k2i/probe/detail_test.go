package probe

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ddcos/ebpf"
	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// Events have the beginning of what the table has: every field at the same place.
func TestBaseIsABeginning(t *testing.T) {
	base, whole := reflect.TypeFor[ebpf.EventsProcessBase](), reflect.TypeFor[ebpf.TasksProcessRecord]()
	for i := range base.NumField() {
		a, b := base.Field(i), whole.Field(i)
		if a.Name != b.Name || a.Offset != b.Offset || a.Type.Size() != b.Type.Size() {
			t.Errorf("%s at %d, %s at %d", a.Name, a.Offset, b.Name, b.Offset)
		}
	}
	head := ebpf.EventsProcessBase{Kind: 1, Pid: 7, Cpu: 3, Comm: [16]uint8{'x'}}
	if r := beginning(&head); r.Pid != 7 || r.Cpu != 3 || r.Comm[0] != 'x' || r.Name[0] != 0 || r.Rights != (ebpf.TasksRights{}) {
		t.Errorf("%+v", r)
	}
}

// Equal masks are one; what is no row's any more is forgotten some day.
func TestSharedMasks(t *testing.T) {
	s := sharedMasks{}
	r := ebpf.TasksProcessRecord{Signals: ebpf.TasksSignals{Caught: 5}, Rights: ebpf.TasksRights{Ambient: 6}}
	first := s.of(&r)
	if s.of(&r) != first || !first.are(&r) || first.bits[4] != 5 || first.bits[9] != 6 {
		t.Errorf("%+v", first)
	}
	r.Rights.Seccomp = 2
	if s.of(&r) == first || first.are(&r) {
		t.Error("others are the same")
	}
	for i := range uint64(spareMasks + 8) {
		r.Signals.Pending = i
		s.of(&r)
		s.tidy(4)
	}
	if len(s) > spareMasks+4 {
		t.Errorf("%d are kept", len(s))
	}
}

// What a kernel does not count, or a process does not have, is no zero.
func TestCountersOfRecord(t *testing.T) {
	r := ebpf.TasksProcessRecord{Usage: ebpf.TasksUsage{
		RcharBytes: uncounted, WcharBytes: uncounted, ReadCalls: uncounted, WriteCalls: uncounted, ReadBytes: uncounted, WriteBytes: uncounted, CancelledBytes: uncounted,
	}}
	p := filled(&r, &memory{})
	for name, n := range map[string]k2i.Count{
		"rchar": p.RCharBytes, "wchar": p.WCharBytes, "calls": p.ReadCalls, "write calls": p.WriteCalls, "cancelled": p.CancelledWriteBytes,
		"anon": p.RSSAnonBytes, "swap": p.SwapBytes, "seccomp": p.Seccomp, "no_new_privs": p.NoNewPrivs,
	} {
		if n != k2i.Unread {
			t.Errorf("%s: %d", name, n)
		}
	}
	if p.SigCaught != nil || p.CapEffective != nil || p.NSNet != 0 {
		t.Errorf("what was not told: %+v", p)
	}
	r.VszPages, r.AnonPages, r.SwapPages, r.Usage.ReadCalls = 9, 2, 3, 4
	r.Rights.Seccomp = -1
	if p = filled(&r, &memory{masks: newMasks(&r)}); p.RSSAnonBytes != 8192 || p.SwapBytes != 12288 || p.ReadCalls != 4 || p.Seccomp != k2i.Unread || p.SigCaught != nil {
		t.Errorf("%+v", p)
	}
}

// The capabilities of the child that has few, and what it blocks.
const (
	capChown, capKill = 0, 5
	blocked           = unix.SIGWINCH
)

// giveUpRights is a child's: of the thread that leads it, as the kernel shows it.
func giveUpRights(string) error {
	for c := range uintptr(64) {
		if c != capChown && c != capKill {
			_ = unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0) // there are not as many
		}
	}
	only := unix.CapUserData{Effective: 1 << capKill, Permitted: 1<<capKill | 1<<capChown, Inheritable: 1 << capKill}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	set := unix.Sigset_t{Val: [16]uint64{1 << (blocked - 1)}}
	signal.Ignore(unix.SIGUSR1)
	signal.Notify(make(chan os.Signal, 1), unix.SIGUSR2)
	return errors.Join(
		os.WriteFile("/proc/self/oom_score_adj", []byte("700"), 0),
		unix.Capset(&header, &[]unix.CapUserData{only, {}}[0]),
		unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, capKill, 0, 0),
		unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
		unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil),
		unix.Tgkill(os.Getpid(), unix.Gettid(), blocked),
	)
}

// Rights, namespaces, signals and numbers are what /proc tells of processes that
// differ in them from all others, and an exec tells of namespaces.
func TestRightsAndNamespaces(t *testing.T) {
	p, fs := openRoads(t)
	e, err := p.OpenEvents()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	f := family{}
	f.add(t, "apart", childOf("idle", ""), &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP,
	})
	rights := childOf("rights", "")
	rights.Env = append(rights.Env, "GODEBUG=asyncpreemptoff=1") // no signal of the runtime's is pending when it stops
	f.add(t, "few rights", rights, nil)
	if err := unix.Kill(f["few rights"], unix.SIGUSR2); err != nil { // it is stopped: this waits
		t.Fatal(err)
	}
	sample, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	proc, err := fs.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seldom := procfs.NewSeldom(fs)
	seldom.Fill(sample)
	seldom.Fill(proc)
	for name, pid := range f {
		for _, d := range differences(find(t, sample, pid), find(t, proc, pid)) {
			t.Errorf("%s: %s", name, d)
		}
	}
	own, apart, few := find(t, sample, os.Getpid()), find(t, sample, f["apart"]), find(t, sample, f["few rights"])
	if apart.NSNet == own.NSNet || apart.NSMnt == own.NSMnt || apart.NSUser != own.NSUser || !slices.Equal(apart.InnerPIDs, []int32{1}) {
		t.Errorf("%+v", apart)
	}
	if exec := lastExec(drained(t, e), f["apart"]); exec.NSNet != apart.NSNet || exec.CapBounding == nil || *exec.CapBounding != *own.CapBounding || exec.SigCaught != nil {
		t.Errorf("by its exec: %+v", exec)
	}
	bit := func(s syscall.Signal) k2i.Bits { return 1 << (s - 1) }
	for what, holds := range map[string]bool{
		"capabilities":  *few.CapBounding == 1<<capKill|1<<capChown && *few.CapEffective == 1<<capKill && *few.CapAmbient == 1<<capKill,
		"others":        *few.CapPermitted == 1<<capKill|1<<capChown && *few.CapInheritable == 1<<capKill && few.NoNewPrivs == 1,
		"OOM score":     few.OOMScoreAdj == 700 && own.OOMScoreAdj != 700,
		"ignored":       *few.SigIgnored&bit(unix.SIGUSR1) != 0,
		"caught":        *few.SigCaught&bit(unix.SIGUSR2) != 0 && *few.SigCaught&bit(unix.SIGUSR1) == 0,
		"blocked":       *few.SigBlocked&bit(blocked) != 0 && *few.SigPending == bit(blocked),
		"shared":        *few.SigSharedPending == bit(unix.SIGUSR2),
		"exe":           few.Exe == own.Exe && own.Exe != "",
		"runs programs": few.ExecID > 0,
	} {
		if !holds {
			t.Errorf("%s: %+v", what, few)
		}
	}
}

// drained are all events that came until now.
func drained(t *testing.T, e *Events) (events []k2i.Event) {
	t.Helper()
	for more := true; more; {
		var err error
		if events, more, err = e.Drain(events, everything); err != nil {
			t.Fatal(err)
		}
	}
	return events
}

// lastExec is what the last exec of a process told.
func lastExec(events []k2i.Event, pid int) k2i.Process {
	p := k2i.Blank()
	for _, event := range events {
		if event.Kind == k2i.EventExec && int(event.Process.PID) == pid {
			p = event.Process
		}
	}
	return p
}

// A damaged record of numbers is left out.
func TestInnerPIDs(t *testing.T) {
	p := Probe{}
	good := ebpf.TasksInnerPidsRecord{Kind: uint32(ebpf.TasksRecordKindRECORD_INNER_PIDS), Pid: 9, Count: 2, Numbers: [32]int32{7, 1}}
	for _, change := range []func(*ebpf.TasksInnerPidsRecord){
		func(*ebpf.TasksInnerPidsRecord) {}, func(r *ebpf.TasksInnerPidsRecord) { r.Pid = 0 }, func(r *ebpf.TasksInnerPidsRecord) { r.Count = 33 },
	} {
		r := good
		change(&r)
		p.takeInner(encode(r))
	}
	p.takeInner(bytes.Repeat([]byte{1}, 20))
	if fmt.Sprint(p.innerOf(9), p.innerOf(8), len(p.inner)) != "[7 1] [] 1" {
		t.Errorf("%v", p.inner)
	}
	m := memory{}
	m.setInner(p.innerOf(9))
	kept := m.inner
	if m.setInner(p.innerOf(9)); &kept[0] != &m.inner[0] || &kept[0] == &p.inner[0].Numbers[0] {
		t.Error("the same numbers are copied again, or not at all")
	}
}

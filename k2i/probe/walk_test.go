package probe

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// byIterator is the environment variable that has the tests read by the iterator, as
// kernels do whose programs cannot walk.
const byIterator = "DDCOS_BY_ITERATOR"

func iterating() bool { return os.Getenv(byIterator) != "" }

// openWalking opens a probe whose walks find so much room at a time.
func openWalking(t *testing.T, room uint64) *Probe {
	t.Helper()
	opts := DefaultOptions()
	opts.room = room
	p, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if p.walk == nil {
		t.Skip("programs cannot walk on this kernel")
	}
	return p
}

// What every kernel has to agree on is tried by the iterator too, where it is not what
// this kernel has anyway.
func TestByIterator(t *testing.T) {
	if iterating() {
		t.Skip("this is it")
	}
	openWalking(t, 0)
	tests := []string{
		"TestRoadsAgree", "TestKernelThreadsAgree", "TestCgroupOfProcess", "TestInNamespace", "TestWhatOnlyAProcessChangesIsToldOnceItRan",
		"TestWhatOthersChangeIsToldAtOnce", "TestTurns", "TestPassThatIsMadeAgain", "TestThreadThatRuns", "TestUnchangedRowsAreShared", "TestTrafficIsExact",
		"TestTrafficOfThoseThatEnded", "TestRunDelay",
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.v", "-test.run", "^("+strings.Join(tests, "|")+")$")
	cmd.Env = append(os.Environ(), byIterator+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, test := range tests {
		if !strings.Contains(string(out), "--- PASS: "+test+" ") && !strings.Contains(string(out), "--- SKIP: "+test+" ") {
			t.Errorf("%s was not run:\n%s", test, out)
		}
	}
}

// Processes that are there all the while are told once each, however often a walk has to
// go on, and whatever begins and ends meanwhile.
func TestWalkGoesOn(t *testing.T) {
	const records = 8
	p := openWalking(t, records*uint64(processBytes))
	f := family{}
	var want []int32
	for range 2 * records {
		want = append(want, int32(f.add(t, "idle", childOf("idle", ""), nil)))
	}
	for pass := range turns + 2 {
		storm := exec.CommandContext(t.Context(), "sh", "-c", "for i in 1 2 3; do /bin/true; done")
		if err := storm.Start(); err != nil {
			t.Fatal(err)
		}
		sample, err := p.Read(t.Context())
		if err != nil {
			t.Fatalf("pass %d: %v", pass, err)
		}
		if !slices.IsSortedFunc(sample.Processes, func(a, b *k2i.Process) int { return int(a.PID) - int(b.PID) }) {
			t.Errorf("pass %d is not in order", pass)
		}
		for _, pid := range want {
			if got := count(sample, pid); got != 1 {
				t.Errorf("pass %d has process %d %d times", pass, pid, got)
			}
		}
		if err := storm.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if p.walk.room.Used > records*uint64(processBytes) {
		t.Errorf("%d bytes were used", p.walk.room.Used)
	}
}

func count(sample *k2i.Sample, pid int32) (n int) {
	for _, p := range sample.Processes {
		if p.PID == pid {
			n++
		}
	}
	return n
}

// A walk that was to go on from a process that has ended says so, and the pass is made
// once more.
func TestWalkWithoutAWayOn(t *testing.T) {
	p := openWalking(t, 8*uint64(processBytes))
	pid := int32(family{}.add(t, "idle", childOf("idle", ""), nil))
	lost := 0
	lose := func(ebpf.TasksRecordKind, []byte) error {
		if lost++; lost == 1 {
			p.walk.room.NextStartNs++
		}
		return nil
	}
	if err := p.walk.each(lose); !errors.Is(err, errNoWayOn) {
		t.Errorf("got %v", err)
	}
	if sample, err := p.Read(t.Context()); err != nil || count(sample, pid) != 1 {
		t.Errorf("after it: %v", err)
	}
	refused := errors.New("enough")
	if err := p.walk.each(func(ebpf.TasksRecordKind, []byte) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	if sample, err := p.Read(t.Context()); err != nil || count(sample, pid) != 1 {
		t.Errorf("after one that was given up: %v", err)
	}
}

// What a thread does is told while its leader sleeps, and nothing more is told of the
// process as soon as none of them does anything. So it is where another thread has taken its
// place each time.
func TestThreadThatRuns(t *testing.T) {
	for _, mode := range []string{"second", "next"} {
		t.Run(mode, func(t *testing.T) { tellThreads(t, mode) })
	}
}

func tellThreads(t *testing.T, mode string) {
	p := openProbe(t)
	cmd := childOf(mode, "")
	cmd.Stdin = nil
	wake, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pid := family{}.addRunning(t, mode, cmd, nil)
	var before *k2i.Process
	for range 8 {
		await(t, "all threads of the process idle", func() bool {
			notItsTurn(p, pid)
			row, r := seen(t, p, pid)
			before = row
			return r.Kind == unchanged || p.walk == nil
		})
		if _, err := wake.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		var after *k2i.Process
		await(t, "what the thread did", func() bool { // its time is charged when it leaves its CPU
			notItsTurn(p, pid)
			after, _ = seen(t, p, pid)
			return after.ReadCalls > before.ReadCalls && after.CPUNS > before.CPUNS
		})
		if after.VoluntarySwitches < before.VoluntarySwitches {
			t.Errorf("%d switches, before %d", after.VoluntarySwitches, before.VoluntarySwitches)
		}
	}
}

// Where the kernel refuses the program, here for a room that is larger than there is, the
// table is read by the iterator.
func TestWalkRefused(t *testing.T) {
	opts := DefaultOptions()
	opts.room = 2 * uint64(ebpf.TasksLimitLIMIT_ROOM)
	p, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	if p.walk != nil || p.table == nil {
		t.Fatal("it was not refused")
	}
	if sample, err := p.Read(t.Context()); err != nil || count(sample, int32(os.Getpid())) != 1 {
		t.Errorf("%v", err)
	}
}

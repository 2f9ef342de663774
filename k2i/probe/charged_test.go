package probe

import (
	"os"
	"strconv"
	"strings"
	"testing"

	throng "ddcos/bench/crowd"
	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// schedulersSum is the time that the scheduler has charged to all tasks, ns.
func schedulersSum(t *testing.T) int64 {
	t.Helper()
	for _, dir := range []string{"cpuacct", "cpu,cpuacct"} {
		if text, err := os.ReadFile("/sys/fs/cgroup/" + dir + "/cpuacct.usage"); err == nil {
			ns, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return ns
		}
	}
	t.Skip("no cpuacct is mounted: nothing else counts all tasks to the nanosecond")
	return 0
}

// charge adds what an event tells of those that end; the last has their whole time.
func charge(ended map[task]uint64, events []k2i.Event) {
	for i := range events {
		e := &events[i]
		key := task{e.Task, e.StartNS}
		switch e.Kind {
		case k2i.EventExit:
			ended[key] = e.Process.CPUNS
		case k2i.EventFinal:
			ended[key] = max(ended[key], e.Process.CPUNS)
		}
	}
}

// task is a process by its number and start, ns.
type task struct {
	number int32
	start  uint64
}

// The CPU time of all processes, of those that lived for less than a tick too, is
// what the scheduler has charged meanwhile: within 2 %, which /proc/stat, which
// looks at who runs 250 times a second, is not.
func TestSumIsTheSchedulers(t *testing.T) {
	e := openEvents(t, 64<<20)
	program, err := throng.Burner(1_500_000, 1).Install(t.TempDir(), "burner") // half a millisecond
	if err != nil {
		t.Fatal(err)
	}
	look := func() (began uint64, early, late int64, cpu map[task]uint64) {
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
			t.Fatal(err)
		}
		began, early = uint64(now.Nano()), schedulersSum(t)
		sample, err := e.probe.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		late, cpu = schedulersSum(t), map[task]uint64{}
		for i := range sample.Processes {
			p := sample.Processes[i]
			cpu[task{p.PID, p.StartNS}] = p.CPUNS
		}
		return began, early, late, cpu
	}
	began0, early0, late0, before := look()
	if fallen, err := (throng.Storm{Program: program, Number: 1500}).Run(t.Context()); err != nil || fallen.Number != 1500 {
		t.Fatalf("%+v, %v", fallen, err)
	}
	began1, early1, late1, after := look()
	ended := map[task]uint64{}
	for more := true; more; {
		var events []k2i.Event
		if events, more, err = e.Drain(nil, everything); err != nil || e.Lost() != 0 {
			t.Fatalf("%d lost, %v", e.Lost(), err)
		}
		charge(ended, events)
	}
	var sum int64
	for key, cpu := range ended {
		// Others make processes all the while, of which the ring tells as well: also of
		// those that ended before the first look, or began and ended after the second.
		_, still := after[key]
		_, seen := before[key]
		if !still && key.start < began1 && (seen || key.start >= began0) {
			sum += int64(cpu - before[key])
		}
	}
	for key, cpu := range after {
		sum += int64(cpu - before[key])
	}
	least, most := early1-late0, late1-early0
	if sum < least-least/50 || sum > most+most/50 {
		t.Errorf("all processes had %d ms; the scheduler charged %d to %d ms", sum/1e6, least/1e6, most/1e6)
	}
}

package procfs

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestFactsOfSelf(t *testing.T) {
	fs, err := New(t.Context(), DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	p, err := fs.Process(int32(os.Getpid())) //nolint:gosec // a pid
	if err != nil {
		t.Fatal(err)
	}
	facts := fs.Facts(&p, 0, []string{"status VmRSS", "status NoSuch", "stat 25", "stat 1", "stat 999", "exe", "ns/pid", "ns/none", "nosuch", "io rchar", "environ"})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if facts["exe"] != self || !strings.HasPrefix(facts["ns/pid"], "pid:[") || !strings.HasSuffix(facts["status VmRSS"], " kB") {
		t.Errorf("facts %q", facts)
	}
	for _, name := range []string{"stat 25", "io rchar"} {
		if _, err := strconv.ParseUint(facts[name], 10, 64); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"status NoSuch", "stat 1", "stat 999", "ns/none", "nosuch"} {
		if text, there := facts[name]; there {
			t.Errorf("%s is %q, want nothing", name, text)
		}
	}
	p.StartTicks++ // another process with this pid
	if facts := fs.Facts(&p, 0, []string{"exe"}); len(facts) > 0 {
		t.Errorf("facts of a process that is not there: %q", facts)
	}
	if threads, _ := fs.Threads(&p); len(threads) > 0 {
		t.Errorf("%d threads of a process that is not there", len(threads))
	}
}

func TestThreadsOfSelf(t *testing.T) {
	fs, err := New(t.Context(), DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	p, err := fs.Process(int32(os.Getpid())) //nolint:gosec // a pid
	if err != nil {
		t.Fatal(err)
	}
	threads, tids := fs.Threads(&p)
	if len(threads) < 2 || len(threads) != len(tids) || tids[0] != p.PID {
		t.Fatalf("threads %v of process %d", tids, p.PID)
	}
	for i, thread := range threads {
		if thread.PID != p.PID || thread.StartTicks < p.StartTicks {
			t.Errorf("thread %d is %+v", tids[i], thread)
		}
		if facts := fs.Facts(&threads[i], tids[i], []string{"status Pid"}); facts["status Pid"] != strconv.Itoa(int(tids[i])) {
			t.Errorf("facts of thread %d: %v", tids[i], facts)
		}
	}
}

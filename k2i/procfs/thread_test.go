package procfs

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// Threads are as their own files say, the first one too.
func TestPinnedThreads(t *testing.T) {
	p := pinSelf(t)
	fs, err := New(t.Context(), DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	process, err := fs.Process(int32(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	process.RCPU = 7
	name := make(chan int32)
	hold := make(chan struct{})
	defer close(hold)
	go func() { // a thread with a name of its own, which it takes with it
		runtime.LockOSThread()
		if err := os.WriteFile("/proc/thread-self/comm", []byte("a ) b"), 0o600); err != nil {
			t.Error(err)
		}
		name <- int32(unix.Gettid())
		<-hold
	}()
	named := <-name
	threads, n, err := p.Threads(&process, 1000)
	if err != nil || len(threads) < 2 || n < len(threads) || threads[0].TID != k2i.Count(process.PID) {
		t.Fatalf("%d of %d, %v", len(threads), n, err)
	}
	var sum uint64
	found := false
	for i, thread := range threads {
		if thread.PID != process.PID || thread.Threads != 1 || thread.RCPU.Known() || i > 1 && thread.TID <= threads[i-1].TID {
			t.Errorf("%+v", thread)
		}
		sum += thread.CPUNS
		found = found || thread.TID == k2i.Count(named) && thread.Comm == "a ) b"
	}
	if after, err := fs.Process(process.PID); err != nil || sum == 0 || sum > after.CPUNS+100e6 {
		t.Errorf("the threads used %d ns, the process %d, %v", sum, after.CPUNS, err)
	}
	if !found {
		t.Errorf("no thread %d with its name", named)
	}
	if few, n, err := p.Threads(&process, 1); err != nil || len(few) != 1 || n != len(threads) && n < 2 {
		t.Errorf("%d of %d, %v", len(few), n, err)
	}
}

func TestThreadsOfATree(t *testing.T) {
	tr := newTree(t)
	tr.process(9)
	for _, tid := range []string{"10", "9", "3"} {
		tr.write("9/task/"+tid+"/stat", statLine(tid+" (t"+tid+")", nil))
	}
	tr.write("9/task/9/schedstat", "123456789 5 6\n")
	tr.write("9/task/12/stat", "no stat")
	tr.write("9/task/x/stat", statLine("13 (x)", nil))
	fs := tr.open()
	process, err := fs.Process(9)
	if err != nil {
		t.Fatal(err)
	}
	p, err := fs.Pin(process.Key())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	threads, n, err := p.Threads(&process, 10)
	var tids []k2i.Count
	for _, thread := range threads {
		tids = append(tids, thread.TID)
	}
	if err != nil || !slices.Equal(tids, []k2i.Count{9, 3, 10}) || n != 4 {
		t.Fatalf("%v of %d, %v", tids, n, err)
	}
	if threads[0].CPUNS != 123456789 || threads[1].CPUNS != threads[1].UserNS+threads[1].SystemNS || threads[1].Comm != "t3" || threads[1].Cgroup != process.Cgroup {
		t.Errorf("%+v", threads)
	}
}

func FuzzParseSchedstat(f *testing.F) {
	f.Add([]byte("1 2 3\n"))
	f.Add([]byte("18446744073709551615 2 3\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ran := ParseSchedstat(text)
		if ran < k2i.Unread || ran >= 0 && !strings.Contains(string(text), " ") {
			t.Errorf("%q: %d", text, ran)
		}
	})
}

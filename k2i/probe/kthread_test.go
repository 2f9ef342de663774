package probe

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// A kernel thread has the name that /proc shows, which is longer than the 15
// bytes that the task itself has.
func TestNamesOfKernelThreads(t *testing.T) {
	p, err := Open(DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	first, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := map[int32]string{}
	for i := range first.Processes {
		if first.Processes[i].Kernel {
			before[first.Processes[i].PID] = commOf(first.Processes[i].PID)
		}
	}
	sample, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	compared, long := 0, 0
	for i := range sample.Processes {
		q := sample.Processes[i]
		// A worker's name says what it is busy with: only names that stayed are compared.
		name := commOf(q.PID)
		if !q.Kernel || name == "" || name != before[q.PID] {
			continue
		}
		compared++
		if len(name) > 15 {
			long++
		}
		if q.Comm != name {
			t.Errorf("pid %d: %q, /proc says %q", q.PID, q.Comm, name)
		}
	}
	if compared < 5 || long == 0 {
		t.Errorf("only %d names were compared, %d of them long", compared, long)
	}
}

func commOf(pid int32) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "" // ended
	}
	return strings.TrimSuffix(string(b), "\n")
}

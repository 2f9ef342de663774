package probe

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// A kernel thread has the name that /proc shows, which is longer than the 15
// bytes that the task itself has.
func TestNamesOfKernelThreads(t *testing.T) {
	p, err := Open(DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	compared, long, differ := map[int32]bool{}, 0, ""
	look := func() bool {
		sample, err := p.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		differ = ""
		for _, q := range sample.Processes {
			name := commOf(q.PID)
			switch {
			case !q.Kernel || name == "" || compared[q.PID]:
			case q.Comm != name:
				differ += fmt.Sprintf("pid %d: %q, /proc says %q\n", q.PID, q.Comm, name)
			default:
				compared[q.PID] = true
				if len(name) > 15 {
					long++
				}
			}
		}
		return differ == ""
	}
	// A worker's name says what it is busy with: it is compared when it stayed.
	for deadline := time.Now().Add(patience); !look(); {
		if time.Now().After(deadline) {
			t.Fatal(differ)
		}
	}
	if len(compared) < 5 || long == 0 {
		t.Errorf("only %d names were compared, %d of them long", len(compared), long)
	}
}

func commOf(pid int32) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "" // ended
	}
	return strings.TrimSuffix(string(b), "\n")
}

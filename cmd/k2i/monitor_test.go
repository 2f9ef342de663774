package main

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
)

// The monitor may be woken late, and so may threads that it has started since.
func TestCalmMonitor(t *testing.T) {
	if err := calmMonitor(); errors.Is(err, os.ErrPermission) {
		t.Skipf("a thread's slack is for CAP_SYS_NICE to set: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	calm := 0
	for _, thread := range threads {
		slack, err := os.ReadFile("/proc/" + thread.Name() + "/timerslack_ns")
		if err != nil {
			continue // it has ended
		}
		if strings.TrimSpace(string(slack)) != strconv.Itoa(int(monitorSlack)) {
			continue
		}
		calm++
		if thread.Name() == strconv.Itoa(os.Getpid()) {
			t.Error("it is the first thread, which runs goroutines")
		}
	}
	if calm == 0 {
		t.Error("no thread has that slack")
	}
}

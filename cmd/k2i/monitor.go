package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// monitorSlack is how much later than it asked the runtime's monitor of its threads may
// be woken. It asks for every 20 µs while anything runs, and all that depends on it are
// goroutines that wait while each processor is in a long system call.
const monitorSlack = 2 * time.Millisecond

// calmMonitor has the monitor woken less often: it took a sixth of a quiet agent's CPU
// time. It is the first thread that the runtime makes; threads that it makes in turn,
// where others are long in the kernel, inherit its slack, and their timers are 2 ms late
// at most. The kernel allows this to whoever has CAP_SYS_NICE; a service has it from its unit.
func calmMonitor() error {
	threads, err := os.Open("/proc/self/task")
	if err != nil {
		return err
	}
	defer func() { _ = threads.Close() }() // it is only read
	names, err := threads.Readdirnames(2)  // in the order in which they were made
	if err == nil && len(names) < 2 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("threads: %w", err)
	}
	return os.WriteFile("/proc/"+names[1]+"/timerslack_ns", []byte(strconv.Itoa(int(monitorSlack))), 0)
}

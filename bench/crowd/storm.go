package crowd

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Storm is a series of processes that begin and end.
type Storm struct {
	Program string // its path; see Code.Install
	Rate    int    // processes a second; 0: as many as one after the other can be
	Number  int    // of processes, at most
}

// Fallen are the processes of a storm that has ended.
type Fallen struct {
	Number int           // that ran, one after the other, and were waited for
	CPU    time.Duration // that wait(2) told of all
	Took   time.Duration
}

// Run starts one process after the other, each when it is due, and waits for each.
// It ends with ctx, or with the number.
func (s Storm) Run(ctx context.Context) (Fallen, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return Fallen{}, err
	}
	defer func() { _ = null.Close() }()
	attr := &syscall.ProcAttr{Dir: "/", Files: []uintptr{null.Fd(), null.Fd(), null.Fd()}}
	var all Fallen
	began := time.Now()
	for all.Number < s.Number {
		if s.Rate > 0 {
			due := began.Add(time.Duration(all.Number) * time.Second / time.Duration(s.Rate))
			if wait := time.Until(due); wait > 0 && !pause(ctx, wait) {
				break
			}
		}
		if ctx.Err() != nil {
			break
		}
		used, err := once(s.Program, attr)
		if err != nil {
			return all, fmt.Errorf("process %d: %w", all.Number+1, err)
		}
		all.Number++
		all.CPU += used
	}
	all.Took = time.Since(began)
	return all, nil
}

// once runs a program and tells the CPU time that it took.
func once(program string, attr *syscall.ProcAttr) (time.Duration, error) {
	pid, err := syscall.ForkExec(program, []string{program}, attr)
	if err != nil {
		return 0, err
	}
	var used syscall.Rusage
	for {
		_, err = syscall.Wait4(pid, nil, 0, &used)
		if err != syscall.EINTR {
			break
		}
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), err
}

// pause is false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

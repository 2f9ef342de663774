package broker

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	watchEvery = time.Millisecond
	stealLeast = time.Millisecond      // a watch that wakes so late was not let run
	aftermath  = 20 * time.Millisecond // of a steal: what it put off is made up for
)

// steal is a time at which a processor did nothing for the thread that comes before all others
// of this machine: another machine of the same hardware had it, or a system call that long.
type steal struct{ From, To time.Time }

// watch has such a thread on each processor sleep and wake until its input ends, and prints
// the steals.
func watch() error {
	over, failed := untilInputEnds(), make(chan error)
	for cpu := range runtime.NumCPU() {
		go func() {
			runtime.LockOSThread()
			if err := comeFirstOn(cpu); err != nil {
				failed <- fmt.Errorf("to see what other machines take of this one needs CAP_SYS_NICE: %w", err)
				return
			}
			failed <- printSteals(json.NewEncoder(os.Stdout))
		}()
	}
	select {
	case <-over.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// comeFirstOn keeps this thread on one processor.
func comeFirstOn(cpu int) error {
	var only unix.CPUSet
	only.Set(cpu)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return err
	}
	return unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 99}, 0)
}

func printSteals(to *json.Encoder) error {
	for {
		due := time.Now().Add(watchEvery)
		at := unix.NsecToTimespec(watchEvery.Nanoseconds())
		// The runtime is not told: to look for other work meanwhile would cost more than this does.
		_, _, _ = unix.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, uintptr(unsafe.Pointer(&at)), 0, 0, 0)
		if now := time.Now(); now.Sub(due) > stealLeast {
			if err := to.Encode(steal{due, now}); err != nil {
				return err
			}
		}
	}
}

// startWatch gives what ends a watch and tells its steals.
func startWatch(b *testing.B) func() []steal {
	b.Helper()
	cmd, out := spawn(b, roleWatch, nil)
	heard := make(chan []steal, 1)
	go func() {
		var all []steal
		var one steal
		for read := json.NewDecoder(out); read.Decode(&one) == nil; {
			all = append(all, one)
		}
		heard <- all
	}()
	return func() []steal {
		b.Helper()
		if err := cmd.Process.Kill(); err != nil {
			b.Fatal("the watch has ended before")
		}
		return <-heard
	}
}

// undisturbed are the moments that no steal was in, nor the aftermath of one.
func undisturbed(all []moment, steals []steal) (left []moment) {
	for _, m := range all {
		if !slices.ContainsFunc(steals, func(s steal) bool {
			return s.From.Before(m.at.Add(momentFor+aftermath)) && s.To.Add(aftermath).After(m.at)
		}) {
			left = append(left, m)
		}
	}
	return left
}

// TestUndisturbed leaves out what a steal may have touched, and nothing else.
func TestUndisturbed(t *testing.T) {
	began := time.Now()
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	var all []moment
	for ms := 0; ms < 1000; ms += 100 {
		all = append(all, moment{at: at(ms)})
	}
	steals := []steal{{at(50), at(60)}, {at(350), at(385)}, {at(610), at(640)}, {at(850), at(852)}}
	var left []int
	for _, m := range undisturbed(all, steals) {
		left = append(left, int(m.at.Sub(began).Milliseconds()))
	}
	if want := []int{100, 200, 700, 900}; !slices.Equal(left, want) {
		t.Errorf("left are %v, want %v", left, want)
	}
	if left := undisturbed(all, nil); len(left) != len(all) {
		t.Errorf("%d of %d are left where nothing was stolen", len(left), len(all))
	}
}

package agent

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// meter reads what this process has used: its CPU time, and bytes that are
// resident.
type meter func() (cpu time.Duration, resident int64, err error)

// ownUsage is the meter of a real agent.
func ownUsage() (cpu time.Duration, resident int64, err error) {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return 0, 0, fmt.Errorf("own CPU time: %w", err)
	}
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, 0, fmt.Errorf("own memory: %w", err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(statm), &size, &pages); err != nil {
		return 0, 0, fmt.Errorf("own memory: %w", err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), pages * int64(os.Getpagesize()), nil
}

// traced is a road whose BPF programs run in other processes; ok is false where
// the kernel does not tell how long they did.
type traced interface {
	ran() (total time.Duration, ok bool)
}

// self looks at what the agent itself takes.
type self struct {
	governor
	meter meter
	every time.Duration // between two looks, at least
	at    time.Time     // of the last one
	used  time.Duration // then
	ran   time.Duration // then, of BPF programs in other processes
	spent time.Duration // since then, looking at events
	told  k2i.Self
}

func newSelf(options Options) *self {
	s := &self{governor: governor{limits: options.Limits, wanted: options.Interval}, meter: ownUsage, every: lookEvery}
	s.told = k2i.Self{CPUs: k2i.NoRate(), BPFNS: k2i.Unread, IntervalNS: options.Interval.Nanoseconds()}
	return s
}

// Limits are those that the agent keeps.
func (a *Agent) Limits() Limits { return a.options.Limits }

// weigh compares what was used since the last look with the limits, and is true
// where the interval changes. It is for the end of a pass: so it compares whole
// intervals, however long they are, and the sample tells what was found.
func (a *Agent) weigh(now time.Time) (changed bool) {
	s := a.self
	cpu, resident, err := s.meter()
	if err != nil {
		a.options.Log.Error("cannot look at what the agent uses", "error", err)
		return false
	}
	ran := s.ran
	if t, ok := a.events.(traced); ok {
		if total, known := t.ran(); known {
			ran, s.told.BPFNS = total, k2i.Count(total)
		}
	}
	if !s.at.IsZero() && now.After(s.at) {
		c := cost{elapsed: now.Sub(s.at), cpu: cpu - s.used + ran - s.ran, events: s.spent, resident: resident}
		s.told.CPUs = k2i.Rate(float64(c.cpu) / float64(c.elapsed))
		before := s.level
		if changed = s.look(c); changed {
			a.throttled(before)
		}
		if s.limits.Memory > 0 && resident > s.limits.Memory {
			debug.FreeOSMemory()
		}
	}
	s.at, s.used, s.ran, s.spent = now, cpu, ran, 0
	s.told.CPUNS, s.told.RSSBytes = uint64(cpu), uint64(resident)
	s.told.IntervalNS = s.interval().Nanoseconds()
	s.told.Throttled = s.why
	return changed
}

// throttled says in the log when throttling begins and when it is over, and how
// it goes on where more is to be logged.
func (a *Agent) throttled(before int) {
	s := a.self
	if t, ok := a.road.(thrifty); ok {
		t.spare(s.thrifty())
	}
	switch {
	case before == 0:
		a.options.Log.Warn("sampling less often, to keep the agent's limits", "because", s.why, "interval", s.interval())
		stats := a.Stats()
		stats.Throttles++
		a.stats.Store(&stats)
	case s.level == 0:
		a.options.Log.Info("sampling as often as it was told again", "interval", s.interval())
	default:
		a.options.Log.Debug("sampling at another interval", "interval", s.interval())
	}
}

// thrifty is a road that can do with less.
type thrifty interface{ spare(on bool) }

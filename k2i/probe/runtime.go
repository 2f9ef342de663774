package probe

import (
	"io"
	"slices"
	"time"

	cilium "github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// spotEvery is how often the programs' run time is measured: the kernel's clock
// around every run of every program on the machine costs some 30 ns.
const spotEvery = 30 * time.Second

// spotCheck estimates how long programs run from measuring them now and then.
type spotCheck struct {
	begin func() (io.Closer, error)     // has the kernel measure, until it is closed
	sum   func() (time.Duration, error) // what it measured so far

	open  io.Closer // while it measures
	since time.Time // it began to measure, or ended
	then  time.Duration
	at    time.Time // of the last look
	share float64   // of the time since, that programs ran for
	known bool
	total time.Duration
}

// look brings the estimate up to now. It is false until a first check is over,
// and where the kernel does not measure.
func (s *spotCheck) look(now time.Time) (time.Duration, bool) {
	if !s.at.IsZero() {
		s.total += time.Duration(s.share * float64(now.Sub(s.at)))
	}
	s.at = now
	switch {
	case s.open != nil && now.After(s.since):
		if ran, err := s.sum(); err == nil {
			s.share, s.known = float64(max(0, ran-s.then))/float64(now.Sub(s.since)), true
		}
		_ = s.open.Close() // it only holds the measuring on
		s.open, s.since = nil, now
	case s.open == nil && (s.since.IsZero() || now.Sub(s.since) >= spotEvery):
		s.since = now
		open, err := s.begin()
		if err != nil {
			break
		}
		if s.then, err = s.sum(); err != nil {
			_ = open.Close()
			break
		}
		s.open = open
	}
	return s.total, s.known
}

// close ends a check that is under way.
func (s *spotCheck) close() {
	if s.open != nil {
		_ = s.open.Close()
		s.open = nil
	}
}

// RunTime estimates how long the tracepoints' programs have run, in whoever ran
// into them, from a spot check every half minute. Each call that finds one under
// way ends it. It is false while nothing is known.
func (e *Events) RunTime(now time.Time) (time.Duration, bool) {
	if e.check == nil {
		e.check = &spotCheck{
			begin: func() (io.Closer, error) { return cilium.EnableStats(uint32(unix.BPF_STATS_RUN_TIME)) },
			sum:   e.ran,
		}
	}
	return e.check.look(now)
}

// ran is what the kernel has measured of all programs, those that count included.
func (e *Events) ran() (time.Duration, error) {
	var sum time.Duration
	for _, program := range slices.Concat(e.programs, e.probe.tally.programs) {
		stats, err := program.Stats()
		if err != nil {
			return 0, err
		}
		sum += stats.Runtime
	}
	return sum, nil
}

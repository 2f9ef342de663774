package bench

import (
	"context"
	"fmt"
	"time"
)

// IdleOptions say what [Idle] measures.
type IdleOptions struct {
	Setting
	Sessions int           // that are idle
	Rooms    int           // that each of them is in
	Quiet    time.Duration // for so long a broker's memory has not become less when it is taken
	Settle   time.Duration // and so long that may take at most
	GOGC     int           // percent of the heap that a broker in Go lets grow until it collects
}

// DefaultIdleOptions measures 15,000 sessions with the programs beside this one.
func DefaultIdleOptions() IdleOptions {
	return IdleOptions{Setting: DefaultSetting(), Sessions: 15_000, Rooms: 2, Quiet: 5 * time.Second, Settle: time.Minute, GOGC: 10}
}

// check refuses what cannot be measured.
func (o IdleOptions) check() error {
	switch {
	case o.Rooms < 1 || o.Rooms > maxRooms:
		return fmt.Errorf("%w: %d rooms; 1 to %d are possible", ErrOptions, o.Rooms, maxRooms)
	case o.Quiet <= 0 || o.Settle <= 0:
		return fmt.Errorf("%w: quiet and settle must be more than nothing", ErrOptions)
	case o.GOGC < 1:
		return fmt.Errorf("%w: the heap cannot grow by %d %%", ErrOptions, o.GOGC)
	}
	return o.Setting.check(o.Sessions)
}

// Idle measures what a session takes of its broker's memory while nothing is sent: the broker's
// resident memory with all sessions, less that of an empty one, divided by the sessions.
//
// A broker cannot be told to collect its garbage. So those in Go run with a small GOGC, which leaves
// at most that share of the live heap behind, and memory is taken when it does not become less any more.
func Idle(ctx context.Context, o IdleOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	prepare := func(s *system) {
		s.rooms, s.env = o.Rooms, []string{fmt.Sprintf("GOGC=%d", o.GOGC)}
	}
	return o.measure(ctx, o.Sessions, prepare, func(subjects []*subject) (err error) {
		for _, s := range subjects {
			if s.full, err = s.broker.settled(ctx, o.Quiet, o.Settle); err != nil {
				return s.why(err)
			}
		}
		// That all are still there shows in an account of them.
		for _, s := range subjects {
			if err := s.once(ctx, []byte("are you there?")); err != nil {
				return fmt.Errorf("%s: %w", s.name, s.why(err))
			}
		}
		title := fmt.Sprintf("%d idle sessions over %s, each in %d rooms; resident memory of the broker, with GOGC=%d where it is in Go.",
			o.Sessions, o.Transport, o.Rooms, o.GOGC)
		return o.report(title, idleFigures(subjects, o.Sessions))
	})
}

func idleFigures(subjects []*subject, sessions int) []Figure {
	return compare(subjects, []point{
		{"idle-session", "B", func(s *subject) float64 { return float64(s.full-s.empty) / float64(sessions) }},
		{"idle-empty", "kB", func(s *subject) float64 { return float64(s.empty) / 1e3 }},
		{"idle-full", "kB", func(s *subject) float64 { return float64(s.full) / 1e3 }},
	})
}

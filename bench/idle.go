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
	Beat     time.Duration // and so long the heartbeat of all may take to come, where a broker has one
	GOGC     int           // percent of the heap that a broker in Go lets grow until it collects
}

// DefaultIdleOptions measures 15,000 sessions with the programs beside this one.
func DefaultIdleOptions() IdleOptions {
	return IdleOptions{Setting: DefaultSetting(), Sessions: 15_000, Rooms: 2, Quiet: 5 * time.Second, Settle: time.Minute, Beat: time.Minute, GOGC: 10}
}

// check refuses what cannot be measured.
func (o IdleOptions) check() error {
	switch {
	case o.Rooms < 1 || o.Rooms > maxRooms:
		return fmt.Errorf("%w: %d rooms; 1 to %d are possible", ErrOptions, o.Rooms, maxRooms)
	case o.Quiet <= 0 || o.Settle <= 0 || o.Beat <= 0:
		return fmt.Errorf("%w: quiet, settle and beat must be more than nothing", ErrOptions)
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
// A peer that loses sessions meanwhile is left out.
func Idle(ctx context.Context, o IdleOptions) error { return o.publish(ctx, o.once) }

func (o IdleOptions) once(ctx context.Context) (found *result, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	prepare := func(s *system) {
		s.rooms, s.env = o.Rooms, []string{fmt.Sprintf("GOGC=%d", o.GOGC)}
	}
	err = o.measure(ctx, o.Sessions, prepare, func(subjects []*subject) (err error) {
		all := len(subjects)
		for _, work := range []func(*subject) error{
			func(s *subject) error { return s.beat(ctx, o) },
			func(s *subject) (err error) { s.full, err = s.broker.settled(ctx, o.Quiet, o.Settle); return err },
			// That all are still there shows in an account of them.
			func(s *subject) error { return s.once(ctx, []byte("are you there?")) },
		} {
			if subjects, err = o.able(ctx, subjects, work); err != nil {
				return err
			}
		}
		title := fmt.Sprintf("%d idle sessions over %s, each with its identity and in %d rooms, after a heartbeat of each where the broker has one; resident memory of the broker, with GOGC=%d where it is in Go.",
			o.Sessions, o.Transport, o.Rooms, o.GOGC)
		if failed := all - len(subjects); failed > 0 {
			title += fmt.Sprintf(" Peers that failed and are left out: %d.", failed)
		}
		found = &result{title, idleFigures(subjects, o.Sessions), nil}
		return nil
	})
	return found, err
}

// beat waits until the broker has asked every session whether it lives, where it does that.
func (s *subject) beat(ctx context.Context, o IdleOptions) error {
	if s.heartbeat == nil || !s.heartbeat(s.transport) {
		s.note += "; without a heartbeat"
		return nil
	}
	patience := time.NewTimer(o.Beat)
	defer patience.Stop()
	select {
	case <-s.pinged:
		o.progress("%s: every session has had its heartbeat", s.name)
		return nil
	case <-patience.C:
		return fmt.Errorf("not every session was asked within %v whether it lives", o.Beat)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func idleFigures(subjects []*subject, sessions int) []Figure {
	return compare(subjects, []point{
		{"idle-session", "B", func(s *subject) float64 { return float64(s.full-s.empty) / float64(sessions) }},
		{"idle-empty", "kB", func(s *subject) float64 { return float64(s.empty) / 1e3 }},
		{"idle-full", "kB", func(s *subject) float64 { return float64(s.full) / 1e3 }},
	})
}

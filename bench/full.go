package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	fullTimeout = 10 * time.Second // for a table to become full, and for what waits to be accepted
	maxSpare    = 1000
)

// FullOptions say what [Full] measures.
type FullOptions struct {
	Setting
	Members int           // that have joined before
	Spare   int           // descriptors that the broker has left; twice as many sessions are asked for
	Rounds  int           // in each of which the table becomes full and free again
	Hold    time.Duration // that it stays full
}

// DefaultFullOptions fills the tables of brokers with a thousand members.
func DefaultFullOptions() FullOptions {
	return FullOptions{Setting: DefaultSetting(), Members: 1000, Spare: 64, Rounds: 10, Hold: time.Second}
}

func (o FullOptions) check() error {
	switch {
	case o.Spare < 1 || o.Spare > maxSpare:
		return fmt.Errorf("%w: %d spare descriptors; 1 to %d are possible", ErrOptions, o.Spare, maxSpare)
	case o.Rounds < 1 || o.Rounds > maxStorms || o.Hold < 0:
		return fmt.Errorf("%w: %d rounds of %v; 1 to %d are possible", ErrOptions, o.Rounds, o.Hold, maxStorms)
	}
	return o.Setting.check(o.Members + 2*o.Spare)
}

// errDeaf: a broker has descriptors again and does not use them.
var errDeaf = errors.New("not all that waited were accepted")

// fullStat is what became of one broker, ms.
type fullStat struct {
	first, all []float64 // from when descriptors were free until the first, or all of those that waited were greeted
	hung       []float64 // how often sessions were hung up on while the table was full
	lost       int       // members
}

// Full takes from brokers the right to more open files than they have and a few, asks for more
// sessions than that, and calls the members meanwhile: nobody may be lost. Then descriptors become
// free, and it measures how long those that wait are not accepted.
func Full(ctx context.Context, o FullOptions) error { return o.publish(ctx, o.once) }

func (o FullOptions) once(ctx context.Context) (*result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var subjects []*subject
	stats := map[*subject]*fullStat{}
	err := o.each(ctx, func(s *subject, dir string) error {
		if err := s.start(ctx, o.Setting, o.Members, dir); err != nil {
			return err
		}
		stat := &fullStat{}
		subjects, stats[s] = append(subjects, s), stat
		for range o.Rounds {
			if err := stat.round(ctx, o, s); errors.Is(err, errDeaf) && ctx.Err() == nil && s.name != middleconName {
				s.note += "; it does not accept any more"
				return nil // a peer's fault is its figure
			} else if err != nil {
				return err
			}
		}
		o.progress("%s: %d rounds, at most %.1f ms until the first was accepted", s.name, o.Rounds, slices.Max(stat.first))
		return nil
	})
	if err != nil {
		return nil, err
	}
	title := fmt.Sprintf("Brokers with %d members over %s whose file table is full for %v, %d times: members lost, and how long after descriptors are free it takes until those that wait are accepted.",
		o.Members, o.Transport, o.Hold, o.Rounds)
	return &result{title: title, figures: compare(subjects, []point{
		{"full-lost", "members", func(s *subject) float64 { return float64(stats[s].lost) }},
		{"full-resume-p50", "ms", func(s *subject) float64 { return median(stats[s].first) }},
		{"full-resume-max", "ms", func(s *subject) float64 { return slices.Max(stats[s].first) }},
		{"full-hangups", "1", func(s *subject) float64 { return median(stats[s].hung) }},
		{"full-all-max", "ms", func(s *subject) float64 { return slices.Max(stats[s].all) }},
	})}, nil
}

// round fills the table, calls, frees descriptors and lets those in that wait.
func (f *fullStat) round(ctx context.Context, o FullOptions, s *subject) error {
	before, err := s.broker.files()
	if err != nil {
		return err
	}
	if err := s.broker.limitFiles(before + o.Spare); err != nil {
		return err
	}
	q := newQueue(ctx, s, 2*o.Spare)
	defer q.leave()
	if err := until(ctx, func() (bool, error) {
		n, err := s.broker.files()
		return n >= before+o.Spare && q.accepted() > 0, err
	}); err != nil {
		return fmt.Errorf("the table is not full: %w", err)
	}
	for end := time.Now().Add(o.Hold); ; {
		err := s.once(ctx, []byte("are you there?"))
		f.lost = max(f.lost, o.Members-s.caller.reached())
		if err != nil {
			return err
		}
		if time.Now().After(end) {
			break
		}
	}
	f.hung = append(f.hung, float64(q.hungUp()))
	in := q.accepted()
	freed := time.Now()
	q.close(in)
	f.first, f.all = append(f.first, milliseconds(fullTimeout.Nanoseconds())), append(f.all, milliseconds(fullTimeout.Nanoseconds()))
	if err := until(ctx, func() (bool, error) { return q.accepted() >= min(2*in, 2*o.Spare), nil }); err != nil {
		return fmt.Errorf("%w: %d of %d within %v: %w", errDeaf, q.accepted()-in, min(in, 2*o.Spare-in), fullTimeout, err)
	}
	first, last := q.greeted(in)
	f.first[len(f.first)-1], f.all[len(f.all)-1] = milliseconds(first.Sub(freed).Nanoseconds()), milliseconds(last.Sub(freed).Nanoseconds())
	q.leave()
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &own); err != nil {
		return err
	}
	if err := s.broker.limitFiles(int(own.Max)); err != nil {
		return err
	}
	return until(ctx, func() (bool, error) {
		n, err := s.broker.files()
		return n <= before, err
	})
}

// until looks again and again whether something is so, for fullTimeout at most.
func until(ctx context.Context, so func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, fullTimeout)
	defer cancel()
	for {
		if ok, err := so(); ok || err != nil {
			return err
		}
		if err := pause(ctx, time.Now().Add(time.Millisecond)); err != nil {
			return err
		}
	}
}

// files is how many descriptors the program has open.
func (p *program) files() (int, error) {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	return len(open), err
}

// limitFiles is how many it may have from now on: opening more fails with EMFILE.
func (p *program) limitFiles(n int) error {
	var old unix.Rlimit
	if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		return err
	}
	return unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(n), Max: old.Max}, nil)
}

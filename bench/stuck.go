package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"ddcos/middlecon"
	"ddcos/middlecon/broker"
	"ddcos/protocol"
)

// maxStopped is how long members may be stopped at once: before the broker takes them for dead.
const maxStopped = 10 * time.Second

// StuckOptions say what [Stuck] measures.
type StuckOptions struct {
	Setting
	Members  int           // in one room, a socket each
	OneIn    int           // of them is stopped
	Calls    int           // that are measured, and as many while those members are stopped
	Rounds   int           // that both are spread over
	Bytes    int           // of the payload, and of each reply
	Deadline time.Duration // of a call: while members are stopped each takes that long; the others are made as often
}

// DefaultStuckOptions stops one member in a hundred.
func DefaultStuckOptions() StuckOptions {
	o := StuckOptions{Setting: DefaultSetting(), Members: 1000, OneIn: 100, Calls: 100, Rounds: 20, Bytes: 64, Deadline: 250 * time.Millisecond}
	o.Peers = nil
	return o
}

// check refuses what cannot be measured.
func (o StuckOptions) check() error {
	switch {
	case o.OneIn < 2 || o.Members < o.OneIn:
		return fmt.Errorf("%w: one in %d of %d members; want at least one stopped and one not", ErrOptions, o.OneIn, o.Members)
	case o.Rounds < 1 || o.Calls < o.Rounds || o.Calls > maxCalls:
		return fmt.Errorf("%w: %d calls in %d rounds; want 1 to %d, and one a round", ErrOptions, o.Calls, o.Rounds, maxCalls)
	case o.Deadline < protocol.MinDeadline || time.Duration(o.Calls/o.Rounds+1)*o.Deadline > maxStopped:
		return fmt.Errorf("%w: %d calls of %v in a round; together they may take %v", ErrOptions, o.Calls/o.Rounds+1, o.Deadline, maxStopped)
	case o.Bytes < 0 || o.Bytes > maxBytes:
		return fmt.Errorf("%w: %d bytes; 0 to %d are possible", ErrOptions, o.Bytes, maxBytes)
	}
	return o.Setting.check(o.Members)
}

// stuckStat is what the members that are never stopped took to answer, as the accounts tell, ns.
type stuckStat struct {
	o          StuckOptions
	caller     *middleconCaller
	names      map[string]bool // of those that are stopped at times
	free, held *hdrhistogram.Histogram
	queued     uint64 // bytes that waited for sessions at the end of a round with some stopped, at most
}

// Stuck measures what members that are stopped cost the others: how long these take to answer, with
// all at work and with some stopped, in turn, on the same sessions.
func Stuck(ctx context.Context, o StuckOptions) error { return o.publish(ctx, o.once) }

func (o StuckOptions) once(ctx context.Context) (found *result, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	stopped := o.Members / o.OneIn
	err = o.measure(ctx, o.Members-stopped, nil, func(subjects []*subject) (err error) {
		s := subjects[0]
		c, ok := s.caller.(*middleconCaller)
		if !ok {
			return fmt.Errorf("a %T cannot tell what became of each member", s.caller)
		}
		fleet, err := s.enlist(ctx, o.Setting, s.address, o.Members-stopped, stopped)
		if err != nil {
			return err
		}
		defer func() {
			// A stopped program hears nothing but this.
			err = errors.Join(err, fleet.cmd.Process.Signal(syscall.SIGCONT), fleet.stop())
		}()
		if s.empty, err = s.broker.resident(); err != nil {
			return err
		}
		most := 4 * callDeadline.Nanoseconds()
		stat := &stuckStat{o, c, map[string]bool{}, hdrhistogram.New(1, most, 3), hdrhistogram.New(1, most, 3), 0}
		for i := range stopped {
			stat.names[fmt.Sprintf("m%d", o.Members-stopped+i)] = true
		}
		if err := o.rounds(subjects, o.Rounds, func(_ *subject, round int) error { return stat.round(ctx, fleet, round) }); err != nil {
			return err
		}
		if s.full, err = s.broker.resident(); err != nil {
			return err
		}
		title := fmt.Sprintf("%d members over %s, of whom %d are stopped: what the others took to answer, %d calls with and %d without.",
			o.Members, o.Transport, stopped, o.Calls, o.Calls)
		found = &result{title, stat.figures(s), stat.curves()}
		return nil
	})
	return found, err
}

// round calls with all at work and with some stopped: in every other round the other way round, so
// that neither has the better times of the machine.
func (s *stuckStat) round(ctx context.Context, fleet *program, round int) error {
	calls := s.o.Calls*(round+1)/s.o.Rounds - s.o.Calls*round/s.o.Rounds
	free := func() error {
		return errors.Join(s.calls(ctx, 1, nil, false), s.calls(ctx, calls, s.free, false))
	}
	held := func() error {
		if err := fleet.halt(ctx); err != nil {
			return err
		}
		if err := s.calls(ctx, calls, s.held, true); err != nil {
			return err
		}
		stats, err := s.caller.conn.Status(ctx)
		if err != nil {
			return err
		}
		s.queued = max(s.queued, stats.Queued)
		return fleet.cmd.Process.Signal(syscall.SIGCONT)
	}
	if round%2 == 1 {
		free, held = held, free
	}
	if err := free(); err != nil {
		return err
	}
	return held()
}

// calls makes so many calls, and records in into, which may be nil, what the members took that are
// never stopped.
func (s *stuckStat) calls(ctx context.Context, calls int, into *hdrhistogram.Histogram, held bool) error {
	payload := bytes.Repeat([]byte{'x'}, s.o.Bytes)
	for range calls {
		// As often as while members are stopped: who has just been called answers sooner.
		due := time.Now().Add(s.o.Deadline)
		a, err := s.caller.conn.Call(ctx, callRoom, payload, middlecon.CallOptions{Deadline: s.o.Deadline})
		if err != nil {
			return err
		}
		if err := errors.Join(s.record(a, into, held), pause(ctx, due)); err != nil {
			return err
		}
	}
	return nil
}

// record holds an account to what it must say while members are stopped, or are not.
func (s *stuckStat) record(a *middlecon.Account, into *hdrhistogram.Histogram, held bool) error {
	if a.Selected != s.o.Members || len(a.Outcomes) != s.o.Members || len(a.Absent) > 0 {
		return fmt.Errorf("%w: %d selected, %d outcomes and %d absent of %d members", ErrAccount, a.Selected, len(a.Outcomes), len(a.Absent), s.o.Members)
	}
	for i := range a.Outcomes {
		o := &a.Outcomes[i]
		stopped := s.names[o.Name]
		switch o.Outcome {
		case protocol.OK:
			if held && stopped {
				return fmt.Errorf("%w: member %s is stopped and ok", ErrAccount, o.Name)
			}
		case protocol.NoReceipt, protocol.Timeout, protocol.Overflow:
			// Its last turn before the stop, or its first after it, may be late.
			if !stopped {
				return fmt.Errorf("%w: member %s is not stopped and %s", ErrAccount, o.Name, o.Outcome)
			}
		default:
			return fmt.Errorf("%w: member %s is %s", ErrAccount, o.Name, o.Outcome)
		}
		if into != nil && !stopped {
			if err := into.RecordValue(o.Latency.Nanoseconds()); err != nil {
				return err
			}
		}
	}
	return nil
}

// figures compare with what the same members took while nobody was stopped.
func (s *stuckStat) figures(of *subject) []Figure {
	quota := float64(len(s.names)) * float64(broker.DefaultOptions().QueueBytes) / 1e3
	const note = "unstopped: the same members of the same broker, with all at work"
	figure := func(name, unit string, with, without float64) Figure {
		return Figure{Name: name, Value: with, Unit: unit, Peer: "unstopped", PeerValue: without, Ratio: with / without, Note: note}
	}
	at := func(name string, percent float64) Figure {
		return figure(name, "ms", milliseconds(s.held.ValueAtQuantile(percent)), milliseconds(s.free.ValueAtQuantile(percent)))
	}
	return []Figure{
		at("stuck-p50", 50), at("stuck-p99", 99), at("stuck-max", 100),
		figure("stuck-resident", "kB", float64(of.full)/1e3, float64(of.empty)/1e3),
		{
			Name: "stuck-queued", Value: float64(s.queued) / 1e3, Unit: "kB", Peer: "quota", PeerValue: quota, Ratio: ratio(float64(s.queued)/1e3, quota),
			Note: "quota: what may wait for the stopped, each of whom has a queue of so many bytes",
		},
	}
}

// halt stops the program, and waits until the kernel has: a thread that runs may answer still.
func (p *program) halt(ctx context.Context) error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return until(ctx, func() (bool, error) {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
		for _, task := range tasks {
			stat, err := os.ReadFile(task)
			if _, after, found := bytes.Cut(stat, []byte(") ")); err == nil && found && !bytes.HasPrefix(after, []byte("T")) {
				return false, nil
			}
		}
		return len(tasks) > 0, err
	})
}

package bench

import (
	"context"
	"errors"
	"fmt"
)

// Errors of the measurements: what was asked for cannot be, and what came back is not whole.
var (
	ErrOptions = errors.New("cannot measure that")
	ErrAccount = errors.New("an account does not add up")
)

const (
	maxBytes = 16 << 10  // of a payload; every system takes that in one message
	maxCalls = 1_000_000 // keeps a wrong flag from running for days
)

// CallOptions say what [Call] measures.
type CallOptions struct {
	Setting
	Members int     // in one room, a socket each
	Calls   int     // that are measured of each system
	Rounds  int     // that the calls are spread over: the systems take turns
	Warmup  int     // calls before each round that are not measured
	Bytes   int     // of the payload, and of each reply
	Rate    float64 // calls a second, each timed from when it was due; 0: half of what a system can do
}

// DefaultCallOptions measures a room of a thousand with the programs beside this one.
func DefaultCallOptions() CallOptions {
	return CallOptions{
		Setting: DefaultSetting(), Members: 1000, Calls: 200, Rounds: 50, Warmup: 1, Bytes: 64,
	}
}

// check refuses what cannot be measured.
func (o CallOptions) check() error {
	switch {
	case o.Rounds < 1 || o.Calls < o.Rounds || o.Calls > maxCalls:
		return fmt.Errorf("%w: %d calls in %d rounds; want 1 to %d, and one a round", ErrOptions, o.Calls, o.Rounds, maxCalls)
	case o.Warmup < 0 || o.Warmup > maxCalls || o.Rate < 0:
		return fmt.Errorf("%w: warm-up and rate cannot be less than nothing", ErrOptions)
	case o.Bytes < 0 || o.Bytes > maxBytes:
		return fmt.Errorf("%w: %d bytes; 0 to %d are possible", ErrOptions, o.Bytes, maxBytes)
	}
	return o.Setting.check(o.Members)
}

// Call measures how long a call to every member of a room takes, on middlecon and on the peers in
// turn: a broker and a fleet of members are processes of their own, and this one is the caller.
// Every call is timed from when it was due: where one takes long, those behind it do, too. Without
// a rate each system has as many calls to do as leave it idle half of the time. Every account is
// checked. It leaves nothing behind.
func Call(ctx context.Context, o CallOptions) error { return o.publish(ctx, o.once) }

func (o CallOptions) once(ctx context.Context) (found *result, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	err = o.measure(ctx, o.Members, nil, func(subjects []*subject) error {
		err := o.rounds(subjects, o.Rounds, func(s *subject, round int) error { return s.round(ctx, o, round) })
		if err != nil {
			return err
		}
		title := fmt.Sprintf("A call to %d members over %s, %d bytes each way: %d calls in %d rounds, each timed from when it was due, every account complete. middlecon's caller is not told how many members there are: the account says when it is whole.",
			o.Members, o.Transport, o.Bytes, o.Calls, o.Rounds)
		found = &result{title, append(callFigures(subjects), held(subjects)...), callCurves(subjects)}
		return nil
	})
	return found, err
}

// held are how many members answered the last call.
func held(subjects []*subject) []Figure {
	return compare(subjects, []point{
		{"call-members", "members", func(s *subject) float64 { return float64(s.caller.reached()) }},
	})
}

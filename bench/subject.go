package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"ddcos/protocol"
)

const (
	brokerTimeout = 15 * time.Second // until a broker answers
	fleetTimeout  = 5 * time.Minute  // until every member has joined
	paceCalls     = 5                // whose median says how often a system can be called
)

// subject is a system that is being measured: its broker, its members, and the caller.
type subject struct {
	system
	transport     string           // unix or tcp
	address       protocol.Address // of the broker
	file          string           // that the broker reads
	broker, fleet *program
	pinged        <-chan struct{} // closed when every member of fleet has been asked whether it lives
	caller        caller
	latencies     *hdrhistogram.Histogram // of calls, ns
	every         time.Duration           // a call is due, where no rate is asked for
	empty, full   int64                   // bytes of the broker's resident memory: without members, and with them
}

func newSubject(s system, transport string) *subject {
	if !s.unix {
		transport = "tcp"
	}
	// To a thousandth, and longer than any call may take.
	return &subject{system: s, transport: transport, latencies: hdrhistogram.New(1, 4*callDeadline.Nanoseconds(), 3)}
}

// place finds an address for the broker and writes what it reads.
func (s *subject) place(dir string) (err error) {
	if s.address, err = freeAddress(s.transport, filepath.Join(dir, s.name+".sock")); err != nil || s.config == nil {
		return err
	}
	s.file = filepath.Join(dir, s.name+".conf")
	return os.WriteFile(s.file, []byte(s.config(s.address)), 0o644)
}

// boot starts the broker at its place, again where it has ended.
func (s *subject) boot(o Setting) error {
	path, err := s.find(o.Bin)
	if err != nil {
		return err
	}
	args := s.args(s.address)
	if s.config != nil {
		args = append(args, s.file)
	}
	s.broker, err = launch(nil, s.env, path, args...)
	return err
}

// start brings the broker up, lets all members join, and connects the caller.
func (s *subject) start(ctx context.Context, o Setting, members int, dir string) error {
	if err := s.place(dir); err != nil {
		return err
	}
	if err := s.boot(o); err != nil {
		return err
	}
	address := s.address
	err := s.reach(ctx, address, members)
	if err != nil {
		return err
	}
	if s.empty, err = s.broker.resident(); err != nil {
		return err
	}
	pinged := newAwaited(FleetPinged)
	s.pinged = pinged.seen
	s.fleet, err = s.enlist(ctx, o, address, 0, members, pinged)
	return err
}

// enlist starts a fleet of so many members, the first of which has that number, and waits until all
// have joined. What it says goes to also, too.
func (s *subject) enlist(ctx context.Context, o Setting, broker protocol.Address, first, members int, also ...io.Writer) (*program, error) {
	return s.muster(ctx, o, members, also, filepath.Join(o.Bin, "bench"), "members", "--system", s.name, "--broker", broker.String(),
		"--first", strconv.Itoa(first), "--members", strconv.Itoa(members), "--rooms", strconv.Itoa(max(1, s.rooms)),
		"--counts="+strconv.FormatBool(s.counts))
}

// muster starts a program of so many members and waits until it says that all have joined.
func (s *subject) muster(ctx context.Context, o Setting, members int, also []io.Writer, path string, args ...string) (*program, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fleetTimeout, fmt.Errorf("not all members joined within %v", fleetTimeout))
	defer cancel()
	began := time.Now()
	joined := newAwaited(FleetReady)
	fleet, err := launch(io.MultiWriter(append(also, joined)...), nil, path, args...)
	if err != nil {
		return nil, err
	}
	select {
	case <-joined.seen:
	case <-fleet.done:
		err = fleet.ended()
	case <-s.broker.done:
		err = s.broker.ended()
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, fleet.stop())
	}
	o.progress("%s: %d members joined over %s in %v", s.name, members, s.transport, time.Since(began).Round(time.Millisecond))
	return fleet, nil
}

// reach connects the caller, as soon as the broker answers.
func (s *subject) reach(ctx context.Context, address protocol.Address, members int) error {
	ctx, cancel := context.WithTimeout(ctx, brokerTimeout)
	defer cancel()
	return s.broker.await(ctx, func() (err error) {
		s.caller, err = s.connect(ctx, address, members)
		return err
	})
}

// freeAddress is one that nobody listens on: the path, or a port of loopback.
func freeAddress(transport, path string) (protocol.Address, error) {
	if transport == "unix" {
		return protocol.Address{Network: "unix", Where: path}, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return protocol.Address{}, err
	}
	return protocol.Address{Network: "tcp", Where: l.Addr().String()}, l.Close()
}

// round makes this round's share of the calls and holds each account to what it promises.
func (s *subject) round(ctx context.Context, o CallOptions, round int) error {
	payload := bytes.Repeat([]byte{'x'}, o.Bytes)
	calls := o.Calls*(round+1)/o.Rounds - o.Calls*round/o.Rounds
	if err := s.warm(ctx, o, payload); err != nil {
		return err
	}
	began := time.Now()
	for i := range calls {
		due := began.Add(time.Duration(i) * s.every)
		if err := pause(ctx, due); err != nil {
			return err
		}
		if err := s.caller.call(ctx, payload); err != nil {
			return err
		}
		took := time.Since(due)
		if err := s.caller.check(payload); err != nil {
			return err
		}
		if err := s.latencies.RecordValue(took.Nanoseconds()); err != nil {
			return fmt.Errorf("%w: a call took %v: choose a lower --rate", ErrOptions, took)
		}
	}
	return nil
}

// warm makes the calls that are not measured, and before the first round finds how often one is due.
func (s *subject) warm(ctx context.Context, o CallOptions, payload []byte) error {
	calls := o.Warmup
	if s.every == 0 {
		calls = max(calls, paceCalls)
	}
	var took []float64
	for range calls {
		began := time.Now()
		if err := s.once(ctx, payload); err != nil {
			return err
		}
		took = append(took, float64(time.Since(began)))
	}
	switch {
	case s.every > 0:
	case o.Rate > 0:
		s.every = time.Duration(float64(time.Second) / o.Rate)
	default:
		s.every = max(1, time.Duration(2*median(took)))
	}
	return nil
}

// once makes one call and checks it.
func (s *subject) once(ctx context.Context, payload []byte) error {
	if err := s.caller.call(ctx, payload); err != nil {
		return err
	}
	return s.caller.check(payload)
}

// pause lets time pass until it is due.
func pause(ctx context.Context, due time.Time) error {
	left := time.NewTimer(time.Until(due))
	defer left.Stop()
	select {
	case <-left.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// why adds which program has ended, where one has.
func (s *subject) why(err error) error {
	for _, p := range []*program{s.broker, s.fleet} {
		if p != nil {
			err = errors.Join(err, p.ended())
		}
	}
	return err
}

// stop ends what start started, the members first: to a broker they just go.
func (s *subject) stop() (err error) {
	if s.caller != nil {
		err = s.caller.close()
	}
	for _, p := range []*program{s.fleet, s.broker} {
		if p != nil {
			err = errors.Join(err, p.stop())
		}
	}
	return err
}

// awaited closes seen when a line has been written to it.
type awaited struct {
	line []byte
	text []byte
	seen chan struct{}
}

func newAwaited(line string) *awaited {
	return &awaited{line: []byte(line + "\n"), seen: make(chan struct{})}
}

func (a *awaited) Write(b []byte) (int, error) {
	if a.line != nil {
		a.text = append(a.text, b...)
		if bytes.Contains(a.text, a.line) {
			a.line, a.text = nil, nil
			close(a.seen)
		}
	}
	return len(b), nil
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Errors of the measurements: what was asked for cannot be, and what came back is not whole.
var (
	ErrOptions = errors.New("cannot measure that")
	ErrAccount = errors.New("an account does not add up")
)

const (
	fileReserve = 100       // descriptors that a process keeps for everything but members
	maxBytes    = 16 << 10  // of a payload; every system takes that in one message
	maxCalls    = 1_000_000 // keeps a wrong flag from running for days
)

// CallOptions say what [Call] measures.
type CallOptions struct {
	Members   int           // in one room, a socket each
	Transport string        // unix or tcp; a peer without Unix sockets is measured over tcp
	Calls     int           // that are measured of each system
	Rounds    int           // that the calls are spread over: the systems take turns
	Warmup    int           // calls before each round that are not measured
	Bytes     int           // of the payload, and of each reply
	Gap       time.Duration // between a call's end and the next call
	Rate      float64       // calls a second, each timed from when it was due; 0: the next when one has ended
	Peers     []string      // that middlecon is compared with, of PeerNames
	Bin       string        // the directory of middlecon, bench and the peers
	JSON      bool          // one object a line instead of a table
	Out       io.Writer     // the figures go here
	Progress  io.Writer     // and how far it is here
}

// DefaultCallOptions measures a room of a thousand with the programs beside this one.
func DefaultCallOptions() CallOptions {
	o := CallOptions{
		Members: 1000, Transport: "tcp", Calls: 200, Rounds: 50, Warmup: 1, Bytes: 64,
		Gap: 2 * time.Millisecond, Peers: []string{"c", "nats"}, Out: os.Stdout, Progress: os.Stderr,
	}
	if self, err := os.Executable(); err == nil {
		o.Bin = filepath.Dir(self)
	}
	return o
}

// check refuses what cannot be measured.
func (o CallOptions) check() error {
	most := 1024 - fileReserve
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil {
		most = int(min(files.Max, 1<<20)) - fileReserve
	}
	switch {
	case o.Members < 1 || o.Members > most:
		return fmt.Errorf("%w: %d members; 1 to %d fit the limit of open files", ErrOptions, o.Members, most)
	case o.Transport != "unix" && o.Transport != "tcp":
		return fmt.Errorf("%w: transport %q; there are unix and tcp", ErrOptions, o.Transport)
	case o.Rounds < 1 || o.Calls < o.Rounds || o.Calls > maxCalls:
		return fmt.Errorf("%w: %d calls in %d rounds; want 1 to %d, and one a round", ErrOptions, o.Calls, o.Rounds, maxCalls)
	case o.Warmup < 0 || o.Warmup > maxCalls || o.Gap < 0 || o.Rate < 0:
		return fmt.Errorf("%w: warm-up, gap and rate cannot be less than nothing", ErrOptions)
	case o.Bytes < 0 || o.Bytes > maxBytes:
		return fmt.Errorf("%w: %d bytes; 0 to %d are possible", ErrOptions, o.Bytes, maxBytes)
	}
	return nil
}

// Call measures how long a call to every member of a room takes, on middlecon and on the peers in
// turn: a broker and a fleet of members are processes of their own, and this one is the caller.
// Every account is checked. It leaves nothing behind.
func Call(ctx context.Context, o CallOptions) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	systems, err := o.systems()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-call-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var subjects []*subject
	defer func() {
		for _, s := range subjects {
			err = errors.Join(err, s.stop())
		}
	}()
	for _, system := range systems {
		s := newSubject(system, o.Transport)
		subjects = append(subjects, s)
		if err := s.start(ctx, o, dir); err != nil {
			return cause(ctx, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	for round := range o.Rounds {
		if tenth := (round + 1) * 10 / o.Rounds; tenth > round*10/o.Rounds {
			o.progress("round %d of %d", round+1, o.Rounds)
		}
		for _, s := range subjects {
			if err := s.round(ctx, o, round); err != nil {
				return cause(ctx, fmt.Errorf("%s: %w", s.name, s.why(err)))
			}
		}
	}
	return o.report(subjects)
}

// systems are middlecon and then the peers, each with its program in place.
func (o CallOptions) systems() ([]system, error) {
	var all []system
	for _, name := range append([]string{middleconSystem().name}, o.Peers...) {
		s, err := systemNamed(name)
		if err != nil {
			return nil, err
		}
		if _, err := s.find(o.Bin); err != nil {
			if s.spare == "" {
				return nil, err
			}
			o.progress("the peer %s is left out: %v", s.name, err)
			continue
		}
		all = append(all, s)
	}
	return all, nil
}

func (o CallOptions) progress(format string, args ...any) {
	_, _ = fmt.Fprintf(o.Progress, "bench: "+format+"\n", args...)
}

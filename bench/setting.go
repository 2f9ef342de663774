package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const fileReserve = 100 // descriptors that a process keeps for everything but members

// Setting is what every measurement has to be told.
type Setting struct {
	Transport string    // unix or tcp; a peer without Unix sockets is measured over tcp
	Peers     []string  // that middlecon is compared with, of PeerNames
	Bin       string    // the directory of middlecon, bench and the peers
	Runs      int       // of the whole measurement, of which the medians are taken
	JSON      bool      // one object a line instead of a table
	Out       io.Writer // the figures go here
	Progress  io.Writer // and how far it is here
}

// DefaultSetting compares over TCP, with the programs beside this one.
func DefaultSetting() Setting {
	o := Setting{Transport: "tcp", Peers: []string{"c", "nats"}, Runs: 1, Out: os.Stdout, Progress: os.Stderr}
	if self, err := os.Executable(); err == nil {
		o.Bin = filepath.Dir(self)
	}
	return o
}

// check refuses what cannot be measured.
func (o Setting) check(members int) error {
	most := 1024 - fileReserve
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil {
		most = int(min(files.Max, 1<<20)) - fileReserve
	}
	switch {
	case members < 1 || members > most:
		return fmt.Errorf("%w: %d members; 1 to %d fit the limit of open files", ErrOptions, members, most)
	case o.Transport != "unix" && o.Transport != "tcp":
		return fmt.Errorf("%w: transport %q; there are unix and tcp", ErrOptions, o.Transport)
	}
	return nil
}

// measure starts middlecon and the peers, each with so many members, lets with do the measuring,
// and leaves nothing behind. prepare, which may be nil, changes a system before.
func (o Setting) measure(ctx context.Context, members int, prepare func(*system), with func([]*subject) error) (err error) {
	systems, err := o.systems()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-")
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
		if prepare != nil {
			prepare(&system)
		}
		s := newSubject(system, o.Transport)
		subjects = append(subjects, s)
		if err := s.start(ctx, o, members, dir); err != nil {
			return cause(ctx, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return cause(ctx, with(subjects))
}

// rounds lets the subjects take turns.
func (o Setting) rounds(subjects []*subject, rounds int, turn func(s *subject, round int) error) error {
	for round := range rounds {
		if tenth := (round + 1) * 10 / rounds; tenth > round*10/rounds {
			o.progress("round %d of %d", round+1, rounds)
		}
		for _, s := range subjects {
			if err := turn(s, round); err != nil {
				return fmt.Errorf("%s: %w", s.name, s.why(err))
			}
		}
	}
	return nil
}

// able leaves out whom of the peers work fails for: what they cannot bear is no reason not to
// measure the others. The first subject is no peer.
func (o Setting) able(ctx context.Context, subjects []*subject, work func(*subject) error) (able []*subject, err error) {
	for i, s := range subjects {
		err := work(s)
		switch {
		case err == nil:
			able = append(able, s)
		case i == 0 || ctx.Err() != nil:
			return nil, fmt.Errorf("%s: %w", s.name, s.why(err))
		default:
			o.progress("the peer %s is left out: %v", s.name, s.why(err))
		}
	}
	return able, nil
}

// systems are middlecon and then the peers, each with its program in place.
func (o Setting) systems() ([]system, error) {
	named := []system{middleconSystem()}
	for _, name := range o.Peers {
		s, err := systemNamed(name)
		if err != nil {
			return nil, err
		}
		named = append(named, s)
	}
	var all []system
	for _, s := range named {
		if _, err := s.find(o.Bin); err != nil {
			if s.spare == "" && s.debian == "" {
				return nil, err
			}
			o.progress("the peer %s is left out: %v", s.name, err)
			continue
		}
		all = append(all, s)
	}
	return all, nil
}

func (o Setting) progress(format string, args ...any) {
	_, _ = fmt.Fprintf(o.Progress, "bench: "+format+"\n", args...)
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// What a fleet prints, a line each: every member has joined, and every member has been asked by its
// broker whether it lives.
const (
	FleetReady  = "ready"
	FleetPinged = "pinged"
)

const (
	joinBatch   = 256              // members that are joining at once
	joinTimeout = 30 * time.Second // of one batch
)

// FleetOptions say whose members a fleet is.
type FleetOptions struct {
	System  string // middlecon, or a peer's name
	Broker  string // unix:///path or tcp://host:port
	Members int
	First   int       // the number of the first of them, where another fleet has those before
	Rooms   int       // that each member joins
	Counts  bool      // middlecon's members tell with each answer which delivery it was of
	Out     io.Writer // FleetReady goes here
}

// fleet is very many members in one process and one thread: a socket each, and one epoll for all,
// so that they take as little as can be from the broker that is measured beside them.
type fleet struct {
	epoll, wake int
	sockets     []*socket
	joined      int
	pinged      int
	events      []unix.EpollEvent
	buf, out    []byte // of the socket that is being served
}

// Fleet joins the members, says so, and lets them answer until ctx ends.
func Fleet(ctx context.Context, o FleetOptions) error {
	s, err := systemNamed(o.System)
	if err != nil {
		return err
	}
	broker, err := protocol.ParseAddress(o.Broker)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if o.Rooms < 1 || o.Rooms > maxRooms {
		return fmt.Errorf("%w: %d rooms; 1 to %d are possible", ErrOptions, o.Rooms, maxRooms)
	}
	f, err := newFleet()
	if err != nil {
		return err
	}
	defer f.close()
	stop := context.AfterFunc(ctx, func() { _, _ = unix.Write(f.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) })
	defer stop()
	if err := f.join(ctx, s, broker, o); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(o.Out, FleetReady); err != nil {
		return err
	}
	return f.live(ctx, o)
}

// live serves until ctx ends, and says when every member has been pinged.
func (f *fleet) live(ctx context.Context, o FleetOptions) error {
	for told := false; ctx.Err() == nil; {
		if !told && f.pinged == o.Members {
			told = true
			if _, err := fmt.Fprintln(o.Out, FleetPinged); err != nil {
				return err
			}
		}
		if err := f.serve(-1); err != nil {
			return err
		}
	}
	return nil
}

func newFleet() (*fleet, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	f := &fleet{epoll: epoll, wake: wake, events: make([]unix.EpollEvent, 256), buf: make([]byte, protocol.MaxFrame)}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: -1}); err != nil {
		f.close()
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return f, nil
}

func (f *fleet) close() {
	for _, s := range f.sockets {
		_ = unix.Close(s.fd)
	}
	_ = unix.Close(f.wake)
	_ = unix.Close(f.epoll)
}

// join connects the members, a batch after the other: each has said hello before a broker's
// patience with it ends.
func (f *fleet) join(ctx context.Context, s system, broker protocol.Address, o FleetOptions) error {
	for len(f.sockets) < o.Members {
		for range min(joinBatch, o.Members-len(f.sockets)) {
			w := s.wire(o.First+len(f.sockets), o.Rooms)
			if ours, ok := w.(*middleconWire); ok {
				ours.counts = o.Counts
			}
			if err := f.connect(ctx, broker, w); err != nil {
				return fmt.Errorf("member %d of %d: %w", len(f.sockets)+1, o.Members, err)
			}
		}
		until := time.Now().Add(joinTimeout)
		for f.joined < len(f.sockets) {
			left := time.Until(until)
			if left <= 0 {
				return fmt.Errorf("%d of %d members could not join within %v", len(f.sockets)-f.joined, len(f.sockets), joinTimeout)
			}
			if err := f.serve(left); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}

// serve waits until something comes, for so long at most or, below 0, for ever, and answers it.
func (f *fleet) serve(patience time.Duration) error {
	wait := -1
	if patience >= 0 {
		wait = int(patience.Milliseconds()) + 1
	}
	n, err := unix.EpollWait(f.epoll, f.events, wait)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("epoll: %w", err)
	}
	for i := range max(n, 0) {
		e := &f.events[i]
		if e.Fd < 0 {
			continue // ctx has ended
		}
		if err := f.turn(f.sockets[e.Fd], e.Events); err != nil {
			return fmt.Errorf("member %d: %w", e.Fd, err)
		}
	}
	return nil
}

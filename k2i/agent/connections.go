package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// connections looks for TCP connections, one look at a time.
type connections struct {
	turn chan struct{}    // holds one while somebody looks
	bpf  connectionReader // opened by the first look; nil before, and where it is refused
	no   bool             // it is refused
}

// connectionReader tells of connections by BPF.
type connectionReader interface {
	Read(ctx context.Context, filter *k2i.ConnectionFilter) (rows []k2i.Connection, truncated bool, err error)
	Close() error
}

// found is what one look came to.
type found struct {
	connections *k2i.Connections
	err         error
}

// Connections looks now at which process has which TCP connections and listening
// sockets, for k2i.ConnectionsTime at most; filter has passed its Check. Looks
// follow one another, and who waits too long for the others is told so.
func (a *Agent) Connections(ctx context.Context, filter k2i.ConnectionFilter) (*k2i.Connections, error) {
	ctx, cancel := context.WithTimeout(ctx, k2i.ConnectionsTime)
	defer cancel()
	select {
	case a.looks.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("others are looking at connections: %w", ctx.Err())
	}
	done := make(chan found, 1)
	go func() { // a look that hangs keeps its turn, and nobody waits for it
		defer func() { <-a.looks.turn }()
		connections, err := a.look(ctx, &filter)
		done <- found{connections, err}
	}()
	select {
	case f := <-done:
		return f.connections, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("looking at connections: %w", ctx.Err())
	}
}

// look has the turn.
func (a *Agent) look(ctx context.Context, filter *k2i.ConnectionFilter) (*k2i.Connections, error) {
	l := &a.looks
	if l.bpf == nil && !l.no && a.road.mode() == k2i.ModeBPF {
		var err error
		if l.bpf, err = openConnections(); err != nil {
			l.no = true
			a.options.Log.Warn("reading connections from /proc instead of by BPF", "because", err)
		}
	}
	return lookBy(ctx, l.bpf, a.fs, filter)
}

// LookOnce is a wire.Looker without an agent: by BPF where that is allowed, since
// /proc does not tell the bytes.
type LookOnce struct{}

// Connections implements wire.Looker.
func (LookOnce) Connections(ctx context.Context, filter k2i.ConnectionFilter) (*k2i.Connections, error) {
	fs, err := procfs.New(ctx, procfs.DefaultRoot)
	if err != nil {
		return nil, err
	}
	bpf, err := openConnections()
	if err == nil { // else by /proc
		defer func() { _ = bpf.Close() }() // the look is over
	}
	// The look has its time from here on: a busy kernel takes long to check BPF programs.
	ctx, cancel := context.WithTimeout(ctx, k2i.ConnectionsTime)
	defer cancel()
	return lookBy(ctx, bpf, fs, &filter)
}

// lookBy takes the road of BPF, without it the one of /proc.
func lookBy(ctx context.Context, bpf connectionReader, fs *procfs.FS, filter *k2i.ConnectionFilter) (*k2i.Connections, error) {
	began := time.Now()
	c := &k2i.Connections{Mode: k2i.ModeProcfs}
	var err error
	if bpf != nil {
		c.Mode = k2i.ModeBPF
		c.Rows, c.Truncated, err = bpf.Read(ctx, filter)
	} else {
		c.Rows, c.Hidden, c.Truncated, err = fs.Connections(ctx, filter)
	}
	if err != nil {
		return nil, fmt.Errorf("looking at connections: %w", err)
	}
	slices.SortFunc(c.Rows, func(a, b k2i.Connection) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.Inode, b.Inode))
	})
	if c.Rows == nil {
		c.Rows = []k2i.Connection{}
	}
	c.TookNS = time.Since(began).Nanoseconds()
	return c, nil
}

// close waits for the last look, as long as one may take.
func (l *connections) close() error {
	select {
	case l.turn <- struct{}{}: // never given back: nobody looks any more
	case <-time.After(k2i.ConnectionsTime):
		return errors.New("a look at connections hangs in the kernel")
	}
	if l.bpf == nil {
		return nil
	}
	return l.bpf.Close()
}

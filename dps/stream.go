package dps

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"time"

	"ddcos/k2i/fleet"
)

// patience is how long the first rows wait for others, so that a fleet of which
// all answer soon is listed in the order of the hosts' names, and fitted to all.
const patience = 100 * time.Millisecond

// streams tells whether rows may be written while hosts are awaited: where no
// row's place depends on another's.
func (c *Command) streams() bool {
	return c.Remote() && !c.Fleet && !c.Exited && c.By == "" && len(c.Sort) == 0 && c.Limit == 0 && !c.needsAll() &&
		!c.ThreadsAlike && !c.ThreadsBelow && !c.Repeat && c.Output != "json"
}

// stream is a listing that is written in parts.
type stream struct {
	*Listing
	out    *bufio.Writer
	layout *Layout // fitted to the first part
	rows   int
	err    error // of standard output
}

// onceStreaming is once where rows may be written as they come. What comes within
// patience stands in the order of names; then each host's rows follow at once.
func (l *Listing) onceStreaming(ctx context.Context) (int, error) {
	c := l.Command
	p := c.Select.plan(true, nobody)
	if c.HideKernel {
		p = p.withoutKernel()
	}
	q, _ := l.query(p)
	stop := l.progress()
	parts, done := make(chan *fleet.Table), make(chan asking, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		table, err := fleet.AskEach(ctx, l.Source, q, func(part *fleet.Table) {
			select {
			case parts <- part.Where(p.keep):
			case <-ctx.Done():
			}
		})
		done <- asking{table, err}
	}()
	s := &stream{Listing: l, out: bufio.NewWriterSize(l.Stdout, outputBuffer)}
	held, last := s.follow(parts, done, stop)
	stop()
	switch {
	case s.err != nil:
		return ExitFailed, fmt.Errorf("writing the listing: %w", s.err)
	case last.err != nil:
		return ExitFailed, last.err
	}
	last.table.Rows = append(held, last.table.Where(p.keep).Rows...)
	return s.finish(last.table)
}

// asking is how a question to all hosts ended.
type asking struct {
	table *fleet.Table
	err   error
}

// follow writes parts as they come, until all have answered or the output is
// broken. It gives the rows that are not written.
func (s *stream) follow(parts <-chan *fleet.Table, done <-chan asking, stop func()) (held []fleet.Row, last asking) {
	over := time.After(patience)
	waiting := &fleet.Table{}
	for {
		select {
		case part := <-parts:
			waiting.Hosts, waiting.Rows = append(waiting.Hosts, part.Hosts...), append(waiting.Rows, part.Rows...)
		case <-over:
			over = nil
		case last = <-done:
			return waiting.Rows, last
		}
		if over == nil && len(waiting.Rows) > 0 {
			if s.Terminal {
				stop() // the listing takes its place
			}
			if s.part(waiting); s.err != nil {
				return nil, last
			}
			waiting = &fleet.Table{}
		}
	}
}

// part writes the rows of hosts that have answered.
func (s *stream) part(table *fleet.Table) {
	slices.SortStableFunc(table.Rows, func(a, b fleet.Row) int { return strings.Compare(a.Host.Name, b.Host.Name) })
	look := NewLook(table, s.location(), false)
	s.show(table, look)
	first := s.rows == 0
	if first {
		s.begin(s.out)
	}
	s.rows += len(table.Rows)
	switch s.Command.Output {
	case "ndjson":
		write := recorder(s.out, &s.err)
		for _, r := range table.Rows {
			write(rowRecord{"row", r.Host.Name, r.Process})
		}
	case "csv":
		w := csv.NewWriter(s.out)
		s.Command.csvRows(cleanWriter(w), table, look, first)
		w.Flush()
		s.err = w.Error()
	default:
		if first {
			s.layout = s.newLayout(table, look)
			s.writeHeader(s.out, s.layout)
		}
		s.layout.look = look
		s.writeRows(s.out, s.layout, table.Rows, 0, "")
	}
	if err := s.out.Flush(); s.err == nil {
		s.err = err
	}
}

// finish writes what is left: all of it where nothing was written yet.
func (s *stream) finish(table *fleet.Table) (int, error) {
	slices.SortStableFunc(table.Rows, func(a, b fleet.Row) int { return strings.Compare(a.Host.Name, b.Host.Name) })
	rows := s.rows + len(table.Rows)
	if s.rows == 0 {
		s.begin(s.out)
		s.err = s.write(s.out, table)
	} else {
		if len(table.Rows) > 0 {
			s.part(table)
		}
		if s.Command.Output == "ndjson" && s.err == nil {
			s.err = s.Command.writeEnd(s.out, table, rows)
		}
	}
	if err := s.out.Flush(); s.err == nil {
		s.err = err
	}
	if s.err != nil {
		return ExitFailed, fmt.Errorf("writing the listing: %w", s.err)
	}
	s.tell(table.Brokers, table.Failed())
	return s.Command.exitOf(table, rows), nil
}

package dps

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Home, and nothing below: how a terminal begins again.
const beginAgain = "\x1b[H\x1b[2J"

// Run asks the hosts, writes the listing to Stdout and a line for each class of
// hosts that did not answer to Stderr, and gives the exit status; with Watch
// again and again, until ctx ends or something cannot be asked or written. The
// error is for a source that could not be asked, and for an output that could not
// be written.
func (l *Listing) Run(ctx context.Context) (int, error) {
	if l.Command.Watch == 0 {
		return l.once(ctx)
	}
	tick := time.NewTicker(l.Command.Watch)
	defer tick.Stop()
	for first := true; ; first = false {
		l.again = !first
		status, err := l.once(ctx)
		if ctx.Err() != nil {
			return ExitOK, nil // the caller asked for the end
		}
		if err != nil {
			return status, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return status, nil
		}
	}
}

// begin writes what stands above a listing that is repeated.
func (l *Listing) begin(out io.StringWriter) {
	switch c := l.Command; {
	case c.Watch == 0 || c.Output != "":
	case l.Terminal:
		_, _ = out.WriteString(fmt.Sprintf("%severy %v: %s\n\n", beginAgain, c.Watch, time.Now().In(l.location()).Format(time.DateTime)))
	case l.again:
		_, _ = out.WriteString("\n")
	}
}

// slow is when somebody at a terminal is told what is waited for.
const slow = 500 * time.Millisecond

// progress tells on a terminal that hosts are waited for, until stop is called,
// which leaves nothing of it.
func (l *Listing) progress() (stop func()) {
	if !l.Progress || !l.Command.Remote() {
		return func() {}
	}
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		begun := time.Now()
		timer := time.NewTimer(slow)
		defer timer.Stop()
		for shown := false; ; shown = true {
			select {
			case <-timer.C:
				fmt.Fprintf(l.Stderr, "\rdps: waiting for the hosts, %.1f s of %v ", time.Since(begun).Seconds(), l.Command.Deadline)
				timer.Reset(slow / 5)
			case <-done:
				if shown {
					_, _ = io.WriteString(l.Stderr, "\r\x1b[K")
				}
				return
			}
		}
	}()
	return func() {
		close(done)
		<-over
	}
}

package faults

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// caller is one connection that calls, one call after the other.
type caller struct {
	w    *world
	name string
	conn *middlecon.Conn
	made int
}

// ask is one call's orders and options.
type ask struct {
	orders   []string
	fill     int
	deadline time.Duration
	options  middlecon.CallOptions
}

// caller opens a connection that is closed at the end.
func (w *world) caller(name string) *caller {
	w.Helper()
	conn, err := middlecon.Dial(w.Context(), w.broker.socket, middlecon.Options{Timeout: patience})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = conn.Close() })
	c := &caller{w: w, name: name, conn: conn}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.callers = append(w.callers, c)
	return c
}

// callersOn are n callers of one connection: it calls in no order.
func (w *world) callersOn(name string, n int) []*caller {
	w.Helper()
	first := w.caller(name + "0")
	all := []*caller{first}
	for _, name := range names(name, n)[1:] {
		all = append(all, &caller{w: w, name: name, conn: first.conn})
	}
	return all
}

// call makes one call, and keeps what comes of it.
func (c *caller) call(a ask) (*middlecon.Account, error) {
	c.made++
	key := Key{c.name, c.made}
	payload := Payload(key, a.orders, a.fill)
	a.options.Deadline = a.deadline
	if a.deadline == 0 {
		a.options.Deadline = patience
	}
	call := Call{Key: key, Room: theRoom, Digest: Digest(payload), Deadline: a.options.Deadline, Begin: Now()}
	call.Ruled = a.options.Need != protocol.Rule{}
	call.Subset = a.options.Labels != nil
	c.w.mu.Lock()
	call.Era = c.w.era
	at := len(c.w.h.Calls)
	c.w.h.Calls = append(c.w.h.Calls, call)
	c.w.mu.Unlock()

	got, err := c.conn.Call(c.w.Context(), theRoom, payload, a.options)
	end := Now()
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	was := &c.w.h.Calls[at]
	was.End, was.Err = end, err
	if err == nil {
		was.Accounts = []Account{accountOf(got)}
	}
	return got, err
}

func accountOf(a *middlecon.Account) Account {
	told := Account{View: a.View, ViewSize: a.ViewSize, Selected: a.Selected, Met: a.Met, Elapsed: a.Elapsed, Late: a.Late, Duplicate: a.Duplicate}
	for _, gone := range a.Absent {
		told.Absent = append(told.Absent, Named{gone.Member, gone.Name})
	}
	for _, o := range a.Outcomes {
		told.Entries = append(told.Entries, Entry{Member: o.Member, Name: o.Name, Outcome: o.Outcome, Latency: o.Latency, Reply: o.Reply})
	}
	return told
}

// must is a call that ends with an account.
func (c *caller) must(a ask) *middlecon.Account {
	c.w.Helper()
	got, err := c.call(a)
	if err != nil {
		c.w.Fatal(err)
	}
	return got
}

// finish ends a run: one call more reaches whoever lives, so that all that was
// sent before has been seen; then everything that is known is checked.
func (w *world) finish() {
	w.Helper()
	w.caller("last").must(ask{deadline: w.lastDeadline()})
	w.check()
}

// lastDeadline is that of the last call: who is well answers within it, however busy the
// machine is, and who may never answer is not waited for as long.
func (w *world) lastDeadline() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range w.in {
		if w.h.Sick[name] {
			return 10 * time.Second
		}
	}
	return patience
}

// check joins accounts, journals, views and counts.
func (w *world) check() {
	w.Helper()
	for end := time.Now().Add(w.h.Margin); w.sample(false).InFlight > 0 && time.Now().Before(end); {
		<-time.After(2 * time.Millisecond)
	}
	w.sample(true)
	w.upToDate()
	w.watching()
	<-w.watched
	for _, p := range w.procs {
		p.end()
	}
	w.quiet()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.h.Lines = append(w.h.Lines, w.lines()...)
	for _, f := range Check(&w.h) {
		w.Error(f)
	}
}

// lines are what all members wrote so far.
func (w *world) lines() []Line {
	w.Helper()
	var all []Line
	for _, path := range w.journals {
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.Error(err)
		}
		lines, err := ParseJournal(text)
		if err != nil {
			w.Error(err)
		}
		all = append(all, lines...)
	}
	return all
}

// awaitSteps waits until members wrote so many lines of that step.
func (w *world) awaitSteps(step Step, n int) {
	w.Helper()
	await(w, fmt.Sprintf("%d members %s", n, step), func() bool {
		have := 0
		for _, l := range w.lines() {
			if l.Step == step {
				have++
			}
		}
		return have >= n
	})
}

// upToDate waits until the watch has told all views so far.
func (w *world) upToDate() {
	w.Helper()
	view, err := w.control.Members(w.Context(), theRoom)
	if err != nil {
		w.Fatal(err)
	}
	await(w, "the watch is up to date", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.view >= view.Number
	})
}

// quiet waits a while until the broker holds no more than before there were
// members and callers, and keeps what it holds then.
func (w *world) quiet() {
	w.Helper()
	if len(w.h.Idle) == 0 {
		return
	}
	for _, c := range w.callers {
		_ = c.conn.Close()
	}
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	now := w.broker.idle(w)
	for ctx.Err() == nil && len(leftOver(w.h.Idle[0], now)) > 0 {
		now = w.broker.idle(w)
	}
	w.h.Idle = append(w.h.Idle, now)
}

func leftOver(base, now Idle) []Finding {
	c := &checker{h: &History{Idle: []Idle{base, now}}}
	c.quiet()
	return c.findings
}

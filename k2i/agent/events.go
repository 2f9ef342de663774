package agent

import (
	"slices"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// Times of events. A snapshot follows an event after at most eventPoll, and the
// first one after a while of none after eventWait, in which what belongs to it may
// come too. What was lost is repaired by a sample, but not more often than every
// repairGap.
const (
	eventPoll = 50 * time.Millisecond
	eventWait = 10 * time.Millisecond
	repairGap = 250 * time.Millisecond
)

// eventRoad tells what happens between two samples.
type eventRoad interface {
	// drain appends what has happened since the last call, but no more than that
	// many. more tells that the rest waits where it was.
	drain(events []k2i.Event, most int) (_ []k2i.Event, more bool, err error)

	// notify asks to be told once, by a value in the channel, when there is something
	// to drain; nil where the road has to be asked instead.
	notify() <-chan struct{}

	// status is as of the last drain; its Dropped is not the road's to say.
	status() k2i.Events

	// lacks are the fields that this road cannot give, sorted.
	lacks() []string

	close() error
}

// noEvents is the road where there is none: what ended is noticed by samples.
type noEvents struct{ reason string }

func (n noEvents) close() error            { return nil }
func (n noEvents) notify() <-chan struct{} { return nil }
func (n noEvents) drain(events []k2i.Event, _ int) ([]k2i.Event, bool, error) {
	return events, false, nil
}

func (n noEvents) status() k2i.Events {
	return k2i.Events{Mode: k2i.EventsNone, Reason: n.reason}
}

func (n noEvents) lacks() []string {
	return []string{
		"end_signal", "exit_code", "killed_by", "killer_comm", "killer_pid", "killer_user",
		"peak_rss_bytes", "rcpu_with_exited",
	}
}

// connectorEvents are the process connector's.
type connectorEvents struct {
	connector *procfs.Connector
	reason    string // why it is not BPF
}

func (c connectorEvents) drain(events []k2i.Event, most int) ([]k2i.Event, bool, error) {
	return c.connector.Drain(events, most)
}
func (c connectorEvents) close() error            { return c.connector.Close() }
func (c connectorEvents) notify() <-chan struct{} { return c.connector.Notify() }
func (c connectorEvents) lacks() []string {
	return []string{"killed_by", "killer_comm", "killer_pid", "killer_user", "peak_rss_bytes"}
}

func (c connectorEvents) status() k2i.Events {
	seen, lost := c.connector.Counts()
	return k2i.Events{Mode: k2i.EventsConnector, Seen: seen, Lost: lost, Reason: c.reason}
}

// poller says when to look at events: as long as some come every eventPoll, and
// then not before the road says that there are more.
type poller struct {
	agent  *Agent
	timer  *time.Timer
	told   <-chan struct{} // nil where nobody tells
	looked time.Time
}

func newPoller(a *Agent) *poller {
	p := &poller{agent: a, timer: time.NewTimer(a.self.poll())}
	if a.events.status().Mode == k2i.EventsNone {
		p.timer.Stop()
	}
	return p
}

// wake sets the time of the next look, now that there is something to see.
func (p *poller) wake() {
	p.timer.Reset(max(eventWait, p.agent.self.poll()-time.Since(p.looked)))
}

// look polls. It is true where a sample is to be taken.
func (p *poller) look() (sampleNow bool) {
	a := p.agent
	began := time.Now()
	more, sampleNow := a.poll()
	p.looked = time.Now()
	a.self.spent += p.looked.Sub(began)
	switch {
	case more:
		p.timer.Reset(eventWait)
		return sampleNow
	case len(a.batch) == 0 && !a.owed && a.live.Room() > 0:
		if p.told = a.events.notify(); p.told != nil {
			return sampleNow
		}
	}
	p.timer.Reset(a.self.poll())
	return sampleNow
}

// poll applies what has happened since the last call, as far as there is room, and
// says whether there is more that has room, and whether a sample is to be taken
// since something was lost or too much has ended.
func (a *Agent) poll() (more, sampleNow bool) {
	events, more := a.drain()
	status := a.events.status()
	if status.Lost > a.lost {
		a.lost, a.owed = status.Lost, true
	}
	if now, err := sinceBoot(); err == nil && len(events) > 0 {
		if snap := a.live.Apply(events, status, now); snap != nil {
			a.snapshot.Store(snap)
			status = snap.Events
		}
	}
	if status.Seen != a.Stats().Events.Seen || status.Lost != a.Stats().Events.Lost {
		a.note(status)
	}
	return more && a.live.Room() > 0, (a.live.Crowded() || a.owed) && time.Since(a.passed) >= repairGap
}

// catchUp applies what happened before a sample, and what has room of the rest.
func (a *Agent) catchUp(sample *k2i.Sample) {
	a.live.Saw(sample.Mono)
	for more := true; more && a.live.Room() > 0; {
		var events []k2i.Event
		events, more = a.drain()
		a.live.Apply(events, a.events.status(), sample.Mono)
	}
}

// drain reads as many events as have room and are read at a time; more tells that
// there may be others. They are good until the next call.
func (a *Agent) drain() (_ []k2i.Event, more bool) {
	if cap(a.batch) > fewEvents && len(a.batch) <= fewEvents {
		a.batch = nil // after a storm
	}
	a.batch = slices.Delete(a.batch, 0, len(a.batch))
	most := min(maxEvents, a.live.Room())
	if most == 0 {
		return nil, true
	}
	var err error
	if a.batch, more, err = a.events.drain(a.batch, most); err != nil {
		a.eventFailures++
		if a.eventFailures == 1 {
			a.options.Log.Error("cannot read events; samples go on", "error", err)
		}
		more = false
	}
	for i := range a.batch {
		p := &a.batch[i].Process
		a.mask(p)
		if p.KillerUser != "" {
			p.KillerUser = a.users.named(p.KillerUser, time.Now())
		}
	}
	return a.batch, more
}

// maxEvents bounds what is taken at a time, a kilobyte each; the rest waits where it
// is. Room for fewEvents is kept when nothing happens.
const (
	maxEvents = 4096
	fewEvents = 256
)

// note keeps the counts for Stats.
func (a *Agent) note(status k2i.Events) {
	stats := a.Stats()
	stats.Events, stats.EventFailures = status, a.eventFailures
	a.stats.Store(&stats)
}

// with adds fields to a sorted list of them.
func with(missing, more []string) []string {
	all := slices.Concat(missing, more)
	slices.Sort(all)
	return slices.Compact(all)
}

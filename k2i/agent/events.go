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
	// drain appends what has happened since the last call. more tells that it
	// may be called again at once.
	drain(events []k2i.Event) (_ []k2i.Event, more bool, err error)

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

func (n noEvents) drain(events []k2i.Event) ([]k2i.Event, bool, error) { return events, false, nil }
func (n noEvents) close() error                                        { return nil }
func (n noEvents) notify() <-chan struct{}                             { return nil }
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

func (c connectorEvents) drain(events []k2i.Event) ([]k2i.Event, bool, error) {
	events, err := c.connector.Drain(events)
	return events, false, err
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
	if a.taking != nil && a.live.Full() {
		p.timer.Reset(eventWait)
		return false
	}
	sampleNow = a.poll()
	p.looked = time.Now()
	if len(a.batch) == 0 && !a.owed {
		if p.told = a.events.notify(); p.told != nil {
			return sampleNow
		}
	}
	p.timer.Reset(a.self.poll())
	return sampleNow
}

// poll applies what has happened since the last call, and says whether a sample is
// to be taken since something was lost or too much has ended.
func (a *Agent) poll() (sampleNow bool) {
	events := a.drain()
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
	return a.live.Crowded() || a.owed && time.Since(a.passed) >= repairGap
}

// drain reads all events that there are. They are good until the next call.
func (a *Agent) drain() []k2i.Event {
	a.batch = slices.Delete(a.batch, 0, len(a.batch))
	for more := true; more && len(a.batch) < maxEvents; {
		var err error
		if a.batch, more, err = a.events.drain(a.batch); err != nil {
			a.eventFailures++
			if a.eventFailures == 1 {
				a.options.Log.Error("cannot read events; samples go on", "error", err)
			}
			break
		}
	}
	for i := range a.batch {
		p := &a.batch[i].Process
		a.mask(p)
		if p.KillerUser != "" {
			p.KillerUser = a.users.named(p.KillerUser, time.Now())
		}
	}
	return a.batch
}

// maxEvents bounds what is taken at a time; the rest waits where it is.
const maxEvents = 64 << 10

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

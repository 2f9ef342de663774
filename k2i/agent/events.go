package agent

import (
	"slices"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/probe"
	"ddcos/k2i/procfs"
)

// Times of events. A snapshot follows an event after at most eventPoll; what was
// lost is repaired by a sample, but not more often than every repairGap.
const (
	eventPoll = 50 * time.Millisecond
	repairGap = 250 * time.Millisecond
)

// eventRoad tells what happens between two samples.
type eventRoad interface {
	// drain appends what has happened since the last call. more tells that it
	// may be called again at once.
	drain(events []k2i.Event) (_ []k2i.Event, more bool, err error)

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
func (n noEvents) status() k2i.Events {
	return k2i.Events{Mode: k2i.EventsNone, Reason: n.reason}
}

func (n noEvents) lacks() []string {
	return []string{
		"end_signal", "exit_code", "killed_by", "killer_comm", "killer_pid", "killer_user",
		"peak_rss_bytes", "rcpu_with_exited",
	}
}

// bpfEvents are the tracepoints'.
type bpfEvents struct{ events *probe.Events }

func (b bpfEvents) drain(events []k2i.Event) ([]k2i.Event, bool, error) {
	return b.events.Drain(events)
}
func (b bpfEvents) close() error    { return b.events.Close() }
func (b bpfEvents) lacks() []string { return nil }
func (b bpfEvents) ran() (time.Duration, bool) {
	return b.events.RunTime(time.Now())
}

func (b bpfEvents) status() k2i.Events {
	return k2i.Events{Mode: k2i.EventsBPF, Seen: b.events.Read(), Lost: b.events.Lost()}
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
func (c connectorEvents) close() error { return c.connector.Close() }
func (c connectorEvents) lacks() []string {
	return []string{"killed_by", "killer_comm", "killer_pid", "killer_user", "peak_rss_bytes"}
}

func (c connectorEvents) status() k2i.Events {
	seen, lost := c.connector.Counts()
	return k2i.Events{Mode: k2i.EventsConnector, Seen: seen, Lost: lost, Reason: c.reason}
}

// poll applies what has happened since the last call, and takes a sample where
// something was lost or too much has ended.
func (a *Agent) poll() (sampleNow bool) {
	events := a.drain()
	status := a.events.status()
	if status.Lost > a.lost {
		a.lost, a.owed = status.Lost, true
	}
	if now, err := sinceBoot(); err == nil {
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

package k2i

import (
	"slices"
	"sort"
	"time"
)

// Live carries a host's processes through what happens to them between two
// samples, and makes the snapshots. It is for one goroutine; it changes no row
// and no snapshot that it has given away.
type Live struct {
	exited *Exited
	name   func(p, from *Process)

	last   *Sample
	snap   *Snapshot     // the newest; nil before the first sample
	during []Event       // that were applied since Begin, until the sample is there
	taking bool          // a sample is being taken
	saw    time.Duration // since boot: what it shows; 0 while that is not known
	births map[Key]Key   // whose children processes were when they were made
	recent map[Key]Ended // since the last sample
	tasks  map[int32]Key // of those that ended, by task number, until their final
	doomed map[int32]time.Duration
}

// Limits of what Live keeps: MaxRecent processes that have ended ask for a sample;
// MaxDuring events are kept for the one that is being taken; maxUnsampled bounds
// those that ended where no sample succeeds. Events that have no room wait where
// they are (see Room). The last bounds what lost events would leave behind.
const (
	MaxRecent    = MaxExited
	MaxDuring    = 4096
	maxUnsampled = MaxRecent + 2*MaxDuring
	maxDoomed    = 1024
)

// NewLive starts with nothing known. name adds what the kernel does not know to
// each row p that an event brought, before anybody else sees it; from is what was
// known of the process itself, or else of its parent, or nil. name may be nil.
func NewLive(exited *Exited, name func(p, from *Process)) *Live {
	if name == nil {
		name = func(_, _ *Process) {}
	}
	return &Live{
		exited: exited, name: name,
		births: map[Key]Key{}, recent: map[Key]Ended{}, tasks: map[int32]Key{}, doomed: map[int32]time.Duration{},
	}
}

// Crowded tells that so many processes have ended since the last sample that the
// next one should be taken now.
func (l *Live) Crowded() bool { return len(l.recent) >= MaxRecent }

// Begin says that a sample is being taken: what is applied until Sample may have
// happened after the sample looked.
func (l *Live) Begin() { l.taking = true }

// Saw says that the sample shows the host as it was at, since boot: of all events
// only those that are later are kept for it, and those that are not have room, since
// it settles whom they end.
func (l *Live) Saw(at time.Duration) {
	if l.snap == nil {
		l.snap = &Snapshot{}
	}
	l.saw = at
	l.during = l.later(l.during[:0], l.during)
}

// later appends the events that the sample being taken cannot show.
func (l *Live) later(kept, events []Event) []Event {
	for i := range events {
		if events[i].At > l.saw {
			kept = append(kept, events[i])
		}
	}
	return kept
}

// Abandon says that there will be no such sample.
func (l *Live) Abandon() { l.taking, l.during, l.saw = false, nil, 0 }

// Room is how many events may be applied at once now. The rest should wait for
// the sample that is being taken, or that is to be.
func (l *Live) Room() int {
	room := maxUnsampled - len(l.recent)
	switch {
	case l.saw > 0:
		room = MaxDuring - len(l.during)
	case l.taking:
		room = min(room, MaxDuring-len(l.during))
	}
	return max(room, 0)
}

// Apply gives the successor of the newest snapshot after events, in their order,
// as of now since boot. Rows that they do not touch are shared. It is nil before
// the first sample, and when nothing changed.
func (l *Live) Apply(events []Event, status Events, now time.Duration) *Snapshot {
	if l.snap == nil {
		return nil
	}
	changes := newChanges(l.snap)
	for i := range events {
		l.take(&events[i], changes)
	}
	if l.taking {
		l.during = l.later(l.during, events)
	}
	l.exited.Expire(now)
	if len(changes.rows) == 0 {
		return nil
	}
	l.snap = changes.snapshot()
	l.snap.Host.UptimeNS = max(l.snap.Host.UptimeNS, now.Nanoseconds())
	l.publish(status)
	return l.snap
}

// publish completes the newest snapshot.
func (l *Live) publish(status Events) {
	status.Dropped = l.exited.Dropped()
	l.snap.Events = status
	l.snap.Exited = l.exited.View()
}

// Sample gives the snapshot of a new sample and of the events that were read
// after it: all those that came until the sample was finished, and that were not
// applied. It fills in the sample's Ended, and keeps the sample.
func (l *Live) Sample(cur *Sample, events []Event, status Events) *Snapshot {
	if l.snap == nil {
		l.snap = &Snapshot{}
	}
	l.Begin()
	known := l.snap
	if after := l.Apply(events, status, cur.Mono); after != nil {
		known = after
	}
	l.missed(known, cur)
	cur.Events, cur.Ended = status.Mode, l.settle(cur)
	l.endZombies(cur)
	l.snap = Derive(l.last, cur)
	l.last = cur
	l.tidy()

	// What happened since the sample began is not in it.
	late := newChanges(l.snap)
	for i := range l.during {
		if l.during[i].At > cur.Mono {
			late.replay(&l.during[i], l)
		}
	}
	l.Abandon()
	if len(late.rows) > 0 {
		l.snap = late.snapshot()
	}
	l.exited.Expire(cur.Mono)
	l.publish(status)
	return l.snap
}

// endZombies tells of zombies how they ended.
func (l *Live) endZombies(cur *Sample) {
	for i, p := range cur.Processes {
		if p.State != "Z" || p.Ended() {
			continue
		}
		if ended := l.exited.Get(p.Key()); ended != nil {
			cur.end(i, ended)
		}
	}
}

// missed finds those that ended without an event: on a road that has none, or
// when it was lost. What they were is known, how they ended is not.
func (l *Live) missed(known *Snapshot, cur *Sample) {
	at := 0
	for _, p := range known.Processes {
		for at < len(cur.Processes) && cur.Processes[at].PID < p.PID {
			at++
		}
		lives := at < len(cur.Processes) && cur.Processes[at].Key() == p.Key()
		if lives || p.Ended() || time.Duration(p.StartNS) >= cur.Mono {
			continue
		}
		gone := *p
		gone.EndedNS = Count(cur.Mono)
		l.end(&gone, Key{PID: p.PPID})
	}
}

// end notes a process that has ended.
func (l *Live) end(p *Process, parent Key) {
	p.State, p.Threads, p.RSSBytes, p.VSZBytes = StateEnded, 0, 0, 0
	if birth, ok := l.births[p.Key()]; ok {
		parent = birth
	}
	l.recent[p.Key()] = Ended{Process: p, Parent: parent}
	l.exited.Put(p)
}

// settle takes out those that ended before the sample, or that it does not have:
// the rest is the next sample's.
func (l *Live) settle(cur *Sample) []Ended {
	var ended []Ended
	for key, e := range l.recent {
		if _, listed := find(cur.Processes, key); listed && time.Duration(e.Process.EndedNS) > cur.Mono {
			continue
		}
		e.Parent = l.parent(e.Parent, cur)
		ended = append(ended, e)
		delete(l.recent, key)
	}
	slices.SortFunc(ended, func(a, b Ended) int { return byKey(a.Process, b.Process) })
	l.forget(ended)
	return ended
}

// parent completes a parent that is known by its pid alone.
func (l *Live) parent(key Key, cur *Sample) Key {
	if key.StartTicks != 0 {
		return key
	}
	at := sort.Search(len(cur.Processes), func(i int) bool { return cur.Processes[i].PID >= key.PID })
	if at < len(cur.Processes) && cur.Processes[at].PID == key.PID {
		return cur.Processes[at].Key()
	}
	return key
}

// forget drops the births of those that ended; whoever was born of them counts
// as their parents' child from now on.
func (l *Live) forget(ended []Ended) {
	if len(ended) == 0 {
		return
	}
	gone := make(map[Key]Key, len(ended))
	for _, e := range ended {
		gone[e.Process.Key()] = e.Parent
		delete(l.births, e.Process.Key())
	}
	for child, parent := range l.births {
		moved := false
		for range maxAncestors {
			next, ok := gone[parent]
			if !ok {
				break
			}
			parent, moved = next, true
		}
		if moved {
			l.births[child] = parent
		}
	}
}

// tidy bounds what lost events left behind.
func (l *Live) tidy() {
	if len(l.births) > 2*len(l.snap.Processes)+maxDoomed {
		for child := range l.births {
			if l.snap.row(child) == nil {
				delete(l.births, child)
			}
		}
	}
	if len(l.tasks) > MaxExited {
		for number, key := range l.tasks {
			if l.exited.Get(key) == nil {
				delete(l.tasks, number)
			}
		}
	}
	if len(l.doomed) > maxDoomed {
		clear(l.doomed)
	}
}

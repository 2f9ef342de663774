package agent

import (
	"context"
	"testing"
	"time"

	"ddcos/k2i"
)

// stormRoad always has more: processes that begin and end, one in a microsecond.
type stormRoad struct {
	noEvents
	from  time.Duration // since boot
	left  int
	taken int
	lost  uint64
}

func (r *stormRoad) drain(events []k2i.Event, most int) ([]k2i.Event, bool, error) {
	for range min(most, r.left) {
		p := k2i.Blank()
		p.PID, p.PPID = int32(1e6+r.taken/2), 1
		began := r.from + time.Duration(r.taken/2)*time.Microsecond
		p.StartNS, p.StartTicks = uint64(began), uint64(began/(10*time.Millisecond))
		e := k2i.Event{Kind: k2i.EventFork, At: began, Task: p.PID, StartNS: p.StartNS, Parent: k2i.Key{PID: 1}}
		if r.taken%2 == 1 {
			e.Kind = k2i.EventExit
			p.SetEnd(began, 0)
		}
		e.Process = p
		events = append(events, e)
		r.taken++
		r.left--
	}
	return events, r.left > 0, nil
}

func (r *stormRoad) status() k2i.Events {
	return k2i.Events{Mode: k2i.EventsBPF, Seen: uint64(r.taken), Lost: r.lost}
}

// inStorm is an agent that has taken a first sample, and what happens from then on.
func inStorm(t *testing.T, events int) (*Agent, *stormRoad) {
	t.Helper()
	a, err := New(t.Context(), DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	if err := a.events.close(); err != nil {
		t.Fatal(err)
	}
	a.events = noEvents{}
	a.pass(t.Context())
	now, err := sinceBoot()
	if err != nil {
		t.Fatal(err)
	}
	storm := &stormRoad{from: now, left: events}
	a.events = storm
	return a, storm
}

// look looks at events until there is nothing to do, as Run's timer does.
func (a *Agent) lookAll(t *testing.T) {
	t.Helper()
	p := newPoller(a)
	defer p.timer.Stop()
	for range 100 {
		before := a.Stats().Events.Seen
		if p.look(); a.Stats().Events.Seen == before {
			return
		}
		if len(a.batch) > maxEvents {
			t.Fatalf("%d events at a time", len(a.batch))
		}
	}
	t.Fatal("there is no end of events")
}

// A pass that takes very long keeps a bounded number of events; the others wait
// where they are, what is lost there is counted, and a sample repairs it.
func TestStarvedPassIsBounded(t *testing.T) {
	const events = 50_000
	a, storm := inStorm(t, events)
	held := &heldRoad{road: a.road, looked: make(chan struct{}, 1), let: make(chan struct{}, 1)}
	a.road = held
	a.begin(t.Context())
	<-held.looked
	storm.from += time.Hour // after the sample looked
	a.lookAll(t)
	if storm.taken != k2i.MaxDuring || a.live.Room() != 0 {
		t.Errorf("%d events were taken, room for %d", storm.taken, a.live.Room())
	}
	storm.lost = 17
	held.let <- struct{}{}
	a.publish(t.Context(), <-a.taking)
	if storm.taken != k2i.MaxDuring || a.Stats().Events.Lost != 17 || !a.owed {
		t.Errorf("with the sample %d events were taken; %+v", storm.taken, a.Stats())
	}
	rows := 0
	for _, p := range a.Snapshot().Processes {
		if p.PID >= 1e6 && p.Ended() {
			rows++
		}
	}
	if rows != k2i.MaxDuring/2 {
		t.Errorf("%d processes that ended meanwhile are told", rows)
	}
	a.lookAll(t)
	if storm.taken <= 4*k2i.MaxDuring || storm.taken == events || !a.live.Crowded() {
		t.Errorf("after the sample %d events were taken", storm.taken)
	}
	for range 5 { // samples that come in time
		held.let <- struct{}{}
		a.pass(t.Context())
		<-held.looked
		a.lookAll(t)
	}
	if storm.left != 0 || a.owed || a.Stats().Events.Seen != events || a.Stats().Events.Lost != 17 {
		t.Errorf("%d events are left; %+v", storm.left, a.Stats())
	}
}

// Where no sample succeeds what is kept is bounded, too, and samples are tried
// now and then.
func TestFailingPassesAreBounded(t *testing.T) {
	const most = 2 * (k2i.MaxRecent + 2*k2i.MaxDuring) // fork and exit
	a, storm := inStorm(t, most+k2i.MaxDuring)
	a.road = &failingRoad{road: a.road, err: context.DeadlineExceeded}
	for range 5 {
		a.pass(t.Context())
		a.lookAll(t)
	}
	if storm.taken > most || storm.left == 0 || a.live.Room() != 0 || len(a.Snapshot().Processes) > most {
		t.Errorf("%d events were taken, room for %d", storm.taken, a.live.Room())
	}
	a.passed = time.Now().Add(time.Hour) // however slow this machine is
	if _, wanted := a.poll(); wanted {
		t.Error("a sample is wanted so soon after one that failed")
	}
	a.passed = time.Now().Add(-repairGap)
	if _, wanted := a.poll(); !wanted {
		t.Error("no sample is wanted")
	}
	a.road.(*failingRoad).err = nil
	a.pass(t.Context())
	if a.live.Room() == 0 || a.Stats().Failures != 5 {
		t.Errorf("after a sample: room for %d, %+v", a.live.Room(), a.Stats())
	}
}

// All that happened before a sample looked is applied with it, however much it is.
func TestSampleCatchesUp(t *testing.T) {
	const events = 5*k2i.MaxDuring + 4
	a, storm := inStorm(t, events)
	a.begin(t.Context())
	taken := <-a.taking
	if taken.err != nil {
		t.Fatal(taken.err)
	}
	storm.from = taken.sample.Mono - time.Second
	a.publish(t.Context(), taken)
	// Others of this machine may end meanwhile, and a sample notices.
	if s := a.Snapshot(); storm.taken != events || len(s.Exited)+int(s.Events.Dropped) < events/2 || a.live.Room() < k2i.MaxRecent {
		t.Errorf("%d of %d events were taken; %d ended, %+v", storm.taken, events, len(s.Exited), s.Events)
	}
}

package k2i

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// story drives a Live by hand: times are milliseconds since boot, and a process
// starts in the tick that is its pid.
type story struct {
	live   *Live
	snap   *Snapshot
	status Events
}

func newStory() *story {
	return &story{live: NewLive(NewExited(100, time.Hour), nil), status: Events{Mode: EventsBPF}}
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// proc is a process that used so many milliseconds of CPU time.
func proc(pid, ppid int32, cpu int) Process {
	p := Blank()
	p.PID, p.PPID, p.StartTicks, p.CPUNS, p.State = pid, ppid, uint64(pid), uint64(ms(cpu)), "S"
	p.StartNS = p.StartTicks * uint64(ms(10))
	p.Comm, p.Args, p.Threads, p.RSSBytes = fmt.Sprint("p", pid), []string{fmt.Sprint("arg", pid)}, 1, 4096
	return p
}

func event(kind EventKind, at int, p Process) Event {
	p.Args = nil
	return Event{Kind: kind, At: ms(at), Task: p.PID, StartNS: p.StartNS, Parent: Key{p.PPID, uint64(p.PPID)}, Process: p}
}

func exit(at int, status int32, p Process) Event {
	p.SetEnd(ms(at), status)
	return event(EventExit, at, p)
}

func final(at int, p Process) Event {
	return Event{Kind: EventFinal, At: ms(at), Task: p.PID, StartNS: p.StartNS, Process: Process{CPUNS: p.CPUNS}}
}

func (s *story) sample(at int, events []Event, processes ...Process) {
	cur := &Sample{Host: Host{ID: "boot.1", CPUBusyNS: 1}, Mono: ms(at), Mode: ModeBPF, Processes: Pointers(processes)}
	s.snap = s.live.Sample(cur, events, s.status)
}

func (s *story) happens(at int, events ...Event) {
	if snap := s.live.Apply(events, s.status, ms(at)); snap != nil {
		s.snap = snap
	}
}

// rows is the newest snapshot in one line: pid, state and what is asked for.
func (s *story) rows(show func(*Process) string) string {
	var words []string
	for _, p := range s.snap.Processes {
		words = append(words, fmt.Sprintf("%d%s%s", p.PID, p.State, show(p)))
	}
	return strings.Join(words, " ")
}

func nothing(*Process) string { return "" }

func rates(p *Process) string {
	show := func(r Rate) string {
		if !r.Known() {
			return "-"
		}
		return fmt.Sprintf("%.2f", float64(r))
	}
	return "=" + show(p.RCPU) + "/" + show(p.RCPUWithExited)
}

func (s *story) want(t *testing.T, when, want string, show func(*Process) string) {
	t.Helper()
	if got := s.rows(show); got != want {
		t.Errorf("%s: %s, want %s", when, got, want)
	}
}

// A process that no sample sees is a row from its fork until the sample after
// the next, and its CPU time is charged to itself and to those who caused it.
func TestShortLivedProcess(t *testing.T) {
	s := newStory()
	s.sample(1000, nil, proc(1, 0, 0), proc(50, 1, 0))
	child := proc(120, 50, 0)
	s.happens(1200, event(EventFork, 1200, child))
	s.want(t, "after the fork", "1S 50S 120S", nothing)
	if row := s.snap.row(child.Key()); row.Args[0] != "arg50" {
		t.Errorf("before exec it has its parent's command line: %v", row.Args)
	}
	run := event(EventExec, 1210, child)
	run.Process.Args, run.Process.Comm = []string{"true"}, "true"
	s.happens(1210, run)
	child.CPUNS = uint64(ms(1))
	s.happens(1250, exit(1220, 3<<8, child))
	s.want(t, "after the exit", "1S 50S 120X", nothing)
	child.CPUNS = uint64(ms(250))
	s.happens(1300, final(1290, child))
	row := s.snap.row(child.Key())
	if row.ExitCode != 3 || row.EndSignal != 0 || row.CPUNS != uint64(ms(250)) || row.Args[0] != "true" || row.RSSBytes != 0 {
		t.Errorf("at its end: %+v", row)
	}
	s.sample(2000, nil, proc(1, 0, 0), proc(50, 1, 100))
	s.want(t, "after the sample", "1S=0.00/0.25 50S=0.10/0.35 120X=0.25/0.25", rates)
	s.sample(3000, nil, proc(1, 0, 0), proc(50, 1, 100))
	s.want(t, "after the next one", "1S=0.00/0.00 50S=0.00/0.00", rates)
	if len(s.snap.Exited) != 1 || s.snap.Exited[0].CPUNS != uint64(ms(250)) || s.snap.Exited[0].Args[0] != "true" {
		t.Errorf("remembered: %+v", s.snap.Exited)
	}
}

// What a process used before the last sample is not charged twice.
func TestChargedOnce(t *testing.T) {
	s := newStory()
	s.sample(1000, nil, proc(1, 0, 0), proc(50, 1, 300))
	s.happens(1500, exit(1500, 0, proc(50, 1, 700)))
	s.sample(2000, nil, proc(1, 0, 0))
	s.want(t, "after the sample", "1S=0.00/0.40 50X=0.40/0.40", rates)
}

// A daemon forks twice, so that its parent is gone when it ends: whoever started
// it is charged all the same, even when the one between is forgotten.
func TestDoubleForked(t *testing.T) {
	for name, between := range map[string]bool{"in one interval": false, "over two": true} {
		t.Run(name, func(t *testing.T) {
			s := newStory()
			s.sample(1000, nil, proc(1, 0, 0), proc(50, 1, 0))
			middle, daemon := proc(120, 50, 0), proc(121, 120, 0)
			s.happens(1300, event(EventFork, 1200, middle), event(EventFork, 1210, daemon), exit(1220, 0, middle))
			daemon.PPID = 1
			if between {
				s.sample(2000, nil, proc(1, 0, 0), proc(50, 1, 0), daemon)
			}
			daemon.CPUNS = uint64(ms(500))
			s.happens(2200, exit(2200, 0, daemon))
			s.sample(3000, nil, proc(1, 0, 0), proc(50, 1, 0))
			for _, pid := range []int32{1, 50} {
				want := Rate(0.25)
				if between {
					want = 0.5
				}
				if p := s.snap.Find(pid); p.RCPU != 0 || p.RCPUWithExited != want {
					t.Errorf("process %d: %s, want %v with those that ended", pid, rates(p), want)
				}
			}
			if len(s.live.births) != 0 {
				t.Errorf("births are kept: %v", s.live.births)
			}
		})
	}
}

// The events that are read after a pass may be from before it, or from after.
func TestEventsAroundASample(t *testing.T) {
	s := newStory()
	s.sample(1000, nil, proc(1, 0, 0), proc(50, 1, 0), proc(51, 1, 0))
	later := proc(201, 50, 0)
	events := []Event{
		event(EventFork, 1900, proc(190, 1, 0)),   // the pass saw it
		exit(1950, 9, proc(51, 1, 0)),             // and did not see this one
		event(EventFork, 2010, later),             // it had begun
		exit(2020, 0, proc(50, 1, 100)),           // after it was seen
		event(EventFork, 2030, proc(203, 201, 0)), // and ended while the pass was under way
		exit(2040, 0, proc(203, 201, 10)),
	}
	s.sample(2000, events, proc(1, 0, 0), proc(50, 1, 80), proc(190, 1, 5))
	s.want(t, "with the sample", "1S 50X 51X 190S 201S 203X", nothing)
	if p := s.snap.Find(50); !p.RCPU.Known() || p.RCPU != 0.08 || p.ExitCode != 0 {
		t.Errorf("what ended meanwhile: %+v", p)
	}
	s.sample(3000, nil, proc(1, 0, 0), proc(190, 1, 5), later)
	s.want(t, "with the next", "1S=0.00/0.02 50X=0.02/0.02 190S=0.00/0.00 201S=0.00/0.00", rates)
}

// Where there are no events, or one was lost, a sample notices who is gone.
func TestMissed(t *testing.T) {
	s := newStory()
	s.status.Mode = EventsNone
	s.sample(1000, nil, proc(1, 0, 0), proc(50, 1, 300))
	s.sample(2000, nil, proc(1, 0, 0))
	s.want(t, "after the sample", "1S=0.00/- 50X=0.00/-", rates)
	if p := s.snap.Find(50); p.EndedNS != Count(ms(2000)) || p.ExitCode != Unread || p.EndSignal != Unread || p.KilledBy != "" {
		t.Errorf("nobody told how it ended: %+v", p)
	}
	s.sample(3000, nil, proc(1, 0, 0))
	s.want(t, "after the next", "1S", nothing)
	if got := pidsOf(s.snap.Exited); !slices.Equal(got, []int32{50}) {
		t.Errorf("remembered: %v", got)
	}
}

// A zombie is a row of its sample, told how it ended as long as it is there.
func TestZombie(t *testing.T) {
	s := newStory()
	s.sample(1000, nil, proc(1, 0, 0), proc(50, 1, 0))
	s.happens(1100, exit(1100, 7<<8, proc(50, 1, 200)))
	zombie := proc(50, 1, 200)
	zombie.State = "Z"
	how := func(p *Process) string { return fmt.Sprint("=", p.ExitCode) }
	s.sample(2000, nil, proc(1, 0, 0), zombie)
	s.want(t, "once", "1S=-1 50Z=7", how)
	s.sample(3000, nil, proc(1, 0, 0), zombie)
	s.want(t, "twice", "1S=-1 50Z=7", how)
	if p := s.snap.Find(50); p.RCPU != 0 {
		t.Errorf("it is charged again: %s", rates(p))
	}
	s.sample(4000, nil, proc(1, 0, 0))
	s.want(t, "reaped", "1S=-1", how)
	if len(s.snap.Exited) != 1 || s.snap.Exited[0].ExitCode != 7 {
		t.Errorf("remembered: %v", pidsOf(s.snap.Exited))
	}
}

// The mark of a victim may come before its exit or after it, or be another's.
func TestVictim(t *testing.T) {
	victim := Event{Kind: EventVictim, At: ms(1100), Task: 50}
	killed := exit(1110, sigkill, proc(50, 1, 0))
	killed.Process.KilledBy = KilledByKernel
	for name, c := range map[string]struct {
		events []Event
		want   string
	}{
		"before":           {[]Event{victim, killed}, KilledByOOM},
		"after":            {[]Event{killed, victim}, KilledByOOM},
		"not at all":       {[]Event{killed}, KilledByKernel},
		"another's":        {[]Event{{Kind: EventVictim, At: ms(1100), Task: 51}, killed}, KilledByKernel},
		"later, of a twin": {[]Event{killed, {Kind: EventVictim, At: ms(9000), Task: 50}}, KilledByKernel},
		"and it was not": {[]Event{victim, func() Event {
			e := exit(1110, 0, proc(50, 1, 0))
			return e
		}()}, ""},
	} {
		s := newStory()
		s.sample(1000, nil, proc(1, 0, 0), proc(50, 1, 0))
		s.happens(1200, c.events...)
		if p := s.snap.Find(50); p.KilledBy != c.want {
			t.Errorf("%s: %q, want %q", name, p.KilledBy, c.want)
		}
	}
}

// A successor shares the rows that did not change; what was published stays as it was.
func TestSuccessorShares(t *testing.T) {
	s := newStory()
	s.sample(1000, nil, proc(1, 0, 0), proc(50, 1, 0), proc(60, 1, 0))
	first := s.snap
	before := s.rows(nothing)
	s.happens(1100, exit(1100, 0, proc(50, 1, 9)), event(EventFork, 1100, proc(40, 1, 0)), event(EventFork, 1100, proc(70, 1, 0)))
	s.want(t, "the successor", "1S 40S 50X 60S 70S", nothing)
	if s.snap.Processes[0] != first.Processes[0] || s.snap.Processes[3] != first.Processes[2] {
		t.Error("unchanged rows were copied")
	}
	second := s.snap
	s.snap = first
	s.want(t, "the first", before, nothing)
	if got := s.live.Apply(nil, s.status, ms(1200)); got != nil {
		t.Error("nothing happened and a snapshot was made")
	}
	if second.Host.UptimeNS != int64(ms(1100)) {
		t.Errorf("its uptime is %d", second.Host.UptimeNS)
	}
}

// A pid that is used again within an interval is two rows; Find gives the one that lives.
func TestPIDUsedAgain(t *testing.T) {
	s := newStory()
	s.sample(1000, nil, proc(1, 0, 0), proc(50, 1, 0))
	again := proc(50, 1, 0)
	again.StartTicks, again.StartNS = 120, uint64(ms(1200))
	s.happens(1300, exit(1100, 0, proc(50, 1, 0)), event(EventFork, 1200, again))
	s.want(t, "both", "1S 50X 50S", nothing)
	if p := s.snap.Find(50); p.State != "S" {
		t.Errorf("found the dead one")
	}
	s.sample(2000, nil, proc(1, 0, 0), again)
	s.want(t, "and with the sample", "1S 50X 50S", nothing)
	if s.snap.Find(49) != nil || s.snap.Find(1<<30) != nil {
		t.Error("found what is not there")
	}
}

// Two threads that end at the same time may tell the same end twice.
func TestToldTwice(t *testing.T) {
	s := newStory()
	s.sample(1000, nil, proc(1, 0, 0), proc(50, 1, 0))
	s.happens(1100, exit(1100, 0, proc(50, 1, 5)), exit(1101, 0, proc(50, 1, 6)))
	s.sample(2000, nil, proc(1, 0, 0))
	if len(s.snap.Exited) != 1 || s.snap.Exited[0].CPUNS != uint64(ms(6)) || s.snap.Find(1).RCPUWithExited != 0.006 {
		t.Errorf("%v, %s", pidsOf(s.snap.Exited), s.rows(rates))
	}
}

// Whatever is lost, what Live keeps stays bounded.
func TestLiveIsBounded(t *testing.T) {
	s := newStory()
	s.sample(1000, nil, proc(1, 0, 0))
	for round := range 5 {
		var events []Event
		for i := range int32(4 * maxDoomed) {
			events = append(events, event(EventFork, 1100, proc(100+i, 1, 0)), Event{Kind: EventVictim, Task: 100_000 + i})
		}
		s.happens(1100, events...)
		s.sample(100_000*(round+1), nil, proc(1, 0, 0))
	}
	if len(s.live.births) > 3*maxDoomed || len(s.live.doomed) > maxDoomed || len(s.live.recent) > 0 || len(s.snap.Exited) > 100 {
		t.Errorf("%d births, %d doomed, %d recent, %d exited", len(s.live.births), len(s.live.doomed), len(s.live.recent), len(s.snap.Exited))
	}
	if s.snap.Events.Dropped == 0 {
		t.Error("what was forgotten before its time is not counted")
	}
}

func TestCrowded(t *testing.T) {
	s := newStory()
	s.sample(1000, nil, proc(1, 0, 0))
	var events []Event
	for i := range int32(MaxRecent) {
		if s.live.Crowded() {
			t.Fatalf("crowded by %d", i)
		}
		events = append(events, exit(1100, 0, proc(100+i, 1, 0)))
	}
	s.happens(1100, events...)
	if !s.live.Crowded() {
		t.Error("not crowded")
	}
	s.sample(500_000, nil, proc(1, 0, 0))
	if s.live.Crowded() {
		t.Error("crowded after the sample")
	}
}

// partial is an event of a process that could not be read any more.
func partial(kind EventKind, at int, pid, ppid int32, start uint64) Event {
	p := Blank()
	p.PID, p.PPID, p.StartTicks, p.StartNS = pid, ppid, start, start*uint64(ms(10))
	if kind == EventExit {
		p.SetEnd(ms(at), 4<<8)
	}
	return Event{Kind: kind, At: ms(at), Task: pid, StartNS: p.StartNS, Parent: Key{PID: ppid}, Partial: true, Process: p}
}

// A process that is gone before it can be read has what is known of it, or of
// its parent; one of which nothing is known is left out.
func TestPartialEvents(t *testing.T) {
	s := newStory()
	s.sample(1000, nil, proc(1, 0, 0), proc(50, 1, 30))
	s.happens(1300,
		partial(EventFork, 1200, 120, 50, 120), partial(EventFork, 1210, 121, 120, 121), partial(EventExec, 1215, 121, 0, 121),
		partial(EventExit, 1220, 120, 50, 120), partial(EventExit, 1230, 121, 1, 121),
		partial(EventExit, 1240, 50, 1, 0), partial(EventExit, 1250, 4711, 1, 0))
	show := func(p *Process) string { return fmt.Sprintf("=%s,%d,%d", p.Comm, p.CPUNS/uint64(ms(1)), p.ExitCode) }
	s.want(t, "at their ends", "1S=p1,0,-1 50X=p50,30,4 120X=p50,0,4 121X=,0,4", show)
	if e := s.live.recent[Key{121, 121}]; e.Parent != (Key{120, 120}) {
		t.Errorf("born of %v", e.Parent)
	}
	s.sample(2000, nil, proc(1, 0, 0))
	s.want(t, "with the sample", "1S=0.00/0.00 50X=0.00/0.00 120X=0.00/0.00 121X=0.00/0.00", rates)
}

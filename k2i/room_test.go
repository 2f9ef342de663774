package k2i

import "testing"

// lives are the fork and the exit of so many processes, the first of them this pid,
// one in a millisecond.
func lives(pid int32, number, at int) []Event {
	var events []Event
	for i := range number {
		p := proc(pid+int32(i), 1, 0)
		p.StartTicks, p.StartNS = uint64(at+i)/10, uint64(ms(at+i))
		p.CPUNS = uint64(ms(1))
		events = append(events, event(EventFork, at+i, p), exit(at+i, 0, p))
	}
	return events
}

// While a sample is being taken so many events have room that they can be kept for
// it, and none of them is missing in the end.
func TestRoomDuringASample(t *testing.T) {
	s := newStory()
	s.sample(1000, nil, proc(1, 0, 0))
	if room := s.live.Room(); room != maxUnsampled {
		t.Errorf("room for %d at first", room)
	}
	s.live.Begin()
	s.happens(3000, lives(100, MaxDuring/2-5, 1100)...)
	if room := s.live.Room(); room != 10 {
		t.Errorf("room for %d", room)
	}
	s.happens(4000, lives(50_000, 5, 3500)...)
	if room := s.live.Room(); room != 0 {
		t.Errorf("room for %d when full", room)
	}
	s.live.Saw(ms(3400)) // the sample looked then
	if room := s.live.Room(); room != MaxDuring-10 || cap(s.live.during) < MaxDuring {
		t.Errorf("room for %d, and %d are kept", room, len(s.live.during))
	}
	s.happens(4000, lives(60_000, 3, 3300)...)
	if room := s.live.Room(); room != MaxDuring-10 {
		t.Errorf("room for %d after events that the sample settles", room)
	}
	s.sample(3400, nil, proc(1, 0, 0))
	if room, recent := s.live.Room(), len(s.live.recent); room != maxUnsampled || recent != 0 {
		t.Errorf("room for %d after the sample, %d have ended since", room, recent)
	}
	if got, want := len(s.snap.Processes), 1+MaxDuring/2+3; got != want {
		t.Errorf("%d rows, want %d", got, want)
	}
	s.sample(5000, nil, proc(1, 0, 0))
	s.want(t, "after the next", "1S", nothing)
}

// Where no sample succeeds, those that have ended are as many as there is room for.
func TestRoomWithoutASample(t *testing.T) {
	s := newStory()
	s.sample(1000, nil, proc(1, 0, 0))
	waiting := lives(100, maxUnsampled+10, 1100)
	for s.live.Room() > 0 && len(waiting) > 0 {
		some := min(MaxDuring, s.live.Room(), len(waiting))
		s.live.Begin()
		s.happens(1100, waiting[:some]...)
		s.live.Abandon()
		waiting = waiting[some:]
	}
	if n := len(s.live.recent); n != maxUnsampled || len(s.snap.Processes) > maxUnsampled+2 || len(s.live.during) != 0 {
		t.Errorf("%d that ended are kept, %d rows, %d events", n, len(s.snap.Processes), len(s.live.during))
	}
	if !s.live.Crowded() {
		t.Error("and no sample is asked for")
	}
	s.sample(500_000, nil, proc(1, 0, 0))
	if s.live.Room() != maxUnsampled {
		t.Errorf("room for %d after one", s.live.Room())
	}
}

// What happened before the first sample was there is not forgotten.
func TestEventsBeforeTheFirstSample(t *testing.T) {
	s := newStory()
	s.live.Begin()
	s.live.Saw(ms(1000))
	s.happens(1100, append(lives(50, 1, 990), exit(1050, 3<<8, proc(70, 1, 5)))...)
	s.sample(1000, nil, proc(1, 0, 0), proc(70, 1, 0))
	s.want(t, "at first", "1S 50X 70X", nothing)
	if len(s.snap.Exited) != 2 || s.snap.Find(70).ExitCode != 3 {
		t.Errorf("%v have ended", pidsOf(s.snap.Exited))
	}
}

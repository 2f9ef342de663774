package k2i

import (
	"math"
	"testing"
)

// counted is a process of which everything is counted: so many bytes in, twice
// as many out.
func counted(pid, ppid int32, rx int) Process {
	p := proc(pid, ppid, 0)
	for _, c := range p.tally() {
		*c = 0
	}
	p.NetRxBytes, p.NetTxBytes, p.RunDelayNS = Count(rx), Count(2*rx), Count(rx)
	return p
}

func TestNetworkRates(t *testing.T) {
	s := newStory()
	s.sample(1000, nil, counted(1, 0, 500), counted(2, 1, 700), proc(3, 1, 5), counted(5, 1, 100))
	again := counted(2, 1, 600) // less than before
	s.sample(3000, nil, counted(1, 0, 1500), again, proc(3, 1, 9), proc(5, 1, 1), counted(200, 1, 50))
	for pid, want := range map[int32][2]float64{
		1: {500, 1000}, 2: {math.NaN(), math.NaN()}, 3: {math.NaN(), math.NaN()}, 5: {math.NaN(), math.NaN()}, 200: {25, 50},
	} {
		p := s.snap.Find(pid)
		for i, got := range []Rate{p.NetRx, p.NetTx} {
			if got.Known() == math.IsNaN(want[i]) || got.Known() && float64(got) != want[i] {
				t.Errorf("process %d: %v, want %v", pid, got, want[i])
			}
		}
	}
}

// A process that runs another program goes on counting, a child begins anew, and
// who ended is remembered with all it did.
func TestTallyOfALife(t *testing.T) {
	s := newStory()
	s.sample(1000, nil, counted(1, 0, 500), counted(2, 1, 700))
	s.sample(2000, nil, counted(1, 0, 500), counted(2, 1, 1700))
	check := func(p *Process, rx int, rate float64) {
		t.Helper()
		if p == nil || p.NetRxBytes != Count(rx) || p.NetTxBytes != Count(2*rx) || p.RunDelayNS != Count(rx) || p.UDPRxBytes != 0 {
			t.Fatalf("%+v, want %d received", p, rx)
		}
		if p.NetRx.Known() == math.IsNaN(rate) || p.NetRx.Known() && float64(p.NetRx) != rate {
			t.Errorf("receives %v, want %v", p.NetRx, rate)
		}
	}
	s.happens(2100, event(EventExec, 2090, counted(2, 1, 0)), event(EventFork, 2095, counted(230, 2, 0)))
	check(s.snap.Find(2), 1700, 1000)
	check(s.snap.Find(230), 0, math.NaN())
	s.happens(2200, exit(2150, 0, counted(2, 1, 1900)), exit(2160, 0, counted(230, 2, 40)))
	check(s.snap.Find(2), 1900, 1000)
	check(s.snap.Find(230), 40, math.NaN())
	s.happens(2300, final(2250, proc(2, 1, 7)))
	check(s.snap.Find(2), 1900, 1000)
	s.sample(3000, nil, counted(1, 0, 500))
	check(s.snap.Find(2), 1900, 200)
	check(s.snap.Find(230), 40, 40)
	if len(s.snap.Exited) != 2 {
		t.Fatalf("%d ended", len(s.snap.Exited))
	}
	check(s.snap.Exited[0], 1900, 1000)
}

// Of a child that could not be read any more nothing is known but that it began
// with nothing, where its parent is counted.
func TestTallyOfAPartialChild(t *testing.T) {
	for name, c := range map[string]struct {
		parent Process
		want   Count
	}{"counted": {counted(1, 0, 500), 0}, "not counted": {proc(1, 0, 5), Unread}} {
		s := newStory()
		s.sample(1000, nil, c.parent)
		child := proc(110, 1, 0)
		child.StartNS = child.StartTicks * uint64(ms(10))
		s.happens(1200, Event{Kind: EventFork, At: ms(1110), Parent: Key{1, 1}, Partial: true, Process: child})
		p := s.snap.Find(110)
		if p == nil {
			t.Fatalf("%s: no child", name)
		}
		for i, n := range p.tally() {
			if *n != c.want {
				t.Errorf("%s: counter %d is %d", name, i, *n)
			}
		}
	}
}

func TestBytesPerSecond(t *testing.T) {
	for _, c := range []struct {
		before, now Count
		elapsed     uint64
		want        float64
	}{
		{0, 1000, 500e6, 2000},
		{5, 5, 1, 0},
		{0, math.MaxInt64, 1e9, math.MaxInt64},
		{6, 5, 1e9, math.NaN()},
		{Unread, 5, 1e9, math.NaN()},
		{0, Unread, 1e9, math.NaN()},
		{0, 5, 0, math.NaN()},
	} {
		got := bytesPerSecond(c.before, c.now, c.elapsed)
		if got.Known() == math.IsNaN(c.want) || got.Known() && float64(got) != c.want {
			t.Errorf("%d to %d in %d ns: %v, want %v", c.before, c.now, c.elapsed, got, c.want)
		}
	}
}

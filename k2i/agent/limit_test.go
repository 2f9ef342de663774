package agent

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ddcos/bench/crowd"
	"ddcos/k2i"
	"ddcos/k2i/container"
)

func TestMain(m *testing.M) {
	crowd.Main()
	reuseMain()
	os.Exit(m.Run())
}

func TestGovernor(t *testing.T) {
	const second = time.Second
	limits := Limits{CPUs: 0.1, Memory: 1000}
	type looked struct {
		cpu      time.Duration // in a second
		resident int64
		level    int
		why      string
	}
	for name, looks := range map[string][]looked{
		"within":        {{99 * time.Millisecond, 1000, 0, ""}, {0, 0, 0, ""}},
		"too busy":      {{101 * time.Millisecond, 0, 1, "it used 10.1 % of a core, 10 % are allowed"}, {230 * time.Millisecond, 0, 2, "it used 23 %"}},
		"too large":     {{0, 1001, 1, "it had 0 MiB resident"}, {0, 1000, 1, "it had"}},
		"far too busy":  {{second, 0, 1, "it"}, {second, 0, 2, "it"}, {second, 0, 3, "it"}, {second, 0, 4, "it"}, {second, 0, 5, "it"}, {second, 0, 6, "it"}, {second, 0, 6, "it"}},
		"calm again":    {{second, 0, 1, "it"}, {0, 0, 1, "it"}, {0, 0, 1, "it"}, {0, 0, 0, ""}, {0, 0, 0, ""}},
		"calm too soon": {{second, 0, 1, "it"}, {0, 0, 1, "it"}, {0, 0, 1, "it"}, {41 * time.Millisecond, 0, 1, "it"}, {0, 0, 1, "it"}, {0, 0, 1, "it"}, {0, 0, 0, ""}},
		"still large":   {{0, 2000, 1, "it"}, {0, 950, 1, "it"}, {0, 950, 1, "it"}, {0, 950, 1, "it"}, {0, 800, 1, "it"}, {0, 800, 1, "it"}, {0, 800, 0, ""}},
	} {
		g := &governor{limits: limits, wanted: second}
		for i, l := range looks {
			before := g.level
			changed := g.look(cost{elapsed: lookEvery, cpu: l.cpu * 5, resident: l.resident})
			if g.level != l.level || changed != (before != g.level) || !strings.HasPrefix(g.why, l.why) || (l.why == "") != (g.why == "") {
				t.Errorf("%s, look %d: level %d, changed %v, %q", name, i, g.level, changed, g.why)
			}
		}
	}
	g := &governor{limits: limits, wanted: second, level: maxThrottle}
	if !g.look(cost{elapsed: maxInterval}) || g.level != maxThrottle-1 {
		t.Error("a whole interval is long enough to be calm")
	}
	g = &governor{wanted: second}
	if g.look(cost{second, 100 * second, second, 1 << 40}) || g.look(cost{cpu: second}) {
		t.Error("without limits, and in no time, nothing is too much")
	}
}

func TestIntervals(t *testing.T) {
	for _, c := range []struct {
		wanted   time.Duration
		level    int
		interval time.Duration
	}{
		{time.Second, 0, time.Second},
		{time.Second, 1, 2 * time.Second},
		{time.Second, maxThrottle, maxInterval},
		{time.Hour, 0, time.Hour},
		{time.Hour, 3, time.Hour},
		{10 * time.Millisecond, 3, 80 * time.Millisecond},
	} {
		g := governor{wanted: c.wanted, level: c.level}
		if g.interval() != c.interval || g.thrifty() != (c.level >= 2) {
			t.Errorf("%+v: %v, %v", c, g.interval(), g.thrifty())
		}
	}
}

// Looks at events become fewer where they are what costs, and not where passes do
// or those that ask; and as many as before when they cost little.
func TestLooksAreSlowedWhereTheyCost(t *testing.T) {
	type looked struct {
		cpu, events time.Duration // in a second
		poll        time.Duration
	}
	const ms = time.Millisecond
	for name, looks := range map[string][]looked{
		"asked very often":   {{300 * ms, ms, eventPoll}, {300 * ms, 25 * ms, eventPoll}},
		"within":             {{99 * ms, 99 * ms, eventPoll}},
		"events cost":        {{150 * ms, 26 * ms, 2 * eventPoll}, {150 * ms, 26 * ms, 4 * eventPoll}, {150 * ms, 900 * ms, 4 * eventPoll}},
		"and less afterward": {{150 * ms, 30 * ms, 2 * eventPoll}, {50 * ms, 13 * ms, 2 * eventPoll}, {300 * ms, 12 * ms, eventPoll}, {0, 0, eventPoll}},
	} {
		g := &governor{limits: Limits{CPUs: 0.1}, wanted: time.Second}
		for i, l := range looks {
			g.look(cost{elapsed: time.Second, cpu: l.cpu, events: l.events})
			if g.poll() != l.poll {
				t.Errorf("%s, look %d: every %v, want %v", name, i, g.poll(), l.poll)
			}
		}
	}
}

// costlyRoad takes as long as it is told, by a clock that is no real one.
type costlyRoad struct {
	began time.Time
	each  atomic.Int64 // ns of CPU time that a pass takes
	spent atomic.Int64 // ns of it so far
	saved atomic.Bool
}

func newCostlyRoad(each time.Duration) *costlyRoad {
	r := &costlyRoad{began: time.Now()}
	r.each.Store(int64(each))
	return r
}

func (r *costlyRoad) mode() k2i.Mode { return k2i.ModeBPF }
func (r *costlyRoad) close() error   { return nil }
func (r *costlyRoad) spare(on bool)  { r.saved.Store(on) }

func (r *costlyRoad) lacks() []string    { return nil }
func (r *costlyRoad) uncountable() error { return nil }
func (r *costlyRoad) uncounted() uint64  { return 0 }

func (r *costlyRoad) read(context.Context, *k2i.Sample) (*k2i.Sample, error) {
	r.spent.Add(r.each.Load())
	return &k2i.Sample{Host: k2i.Host{ID: "h", Name: "h"}, At: time.Now(), Mono: time.Since(r.began), Mode: k2i.ModeBPF}, nil
}

// newCostly is an agent on such a road.
func newCostly(r *costlyRoad, log *bytes.Buffer) *Agent {
	options := DefaultOptions()
	options.Interval, options.Log = 100*time.Millisecond, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a := &Agent{
		options: options, users: newNames(lookupUser), groups: newNames(lookupGroup), containers: container.New(),
		events: noEvents{"none here"}, road: r, self: newSelf(options),
	}
	a.live = k2i.NewLive(k2i.NewExited(10, time.Minute), nil)
	a.stats.Store(&Stats{})
	a.self.meter = func() (time.Duration, int64, error) { return time.Duration(r.spent.Load()), 20 << 20, nil }
	return a
}

// TestThrottle: an agent that costs too much samples less and says so, until it
// does not any more.
func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := newCostlyRoad(30 * time.Millisecond)
		a := newCostly(r, &log)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx) }()
		after := func(d time.Duration) k2i.Self {
			time.Sleep(d) //nolint:forbidigo // the bubble's clock
			synctest.Wait()
			return a.Snapshot().Self
		}
		if self := after(time.Second); self.Throttled != "" || self.IntervalNS != 100e6 || self.CPUs.Known() {
			t.Errorf("at first %+v", self)
		}
		self := after(14 * time.Second) // 30 %, then 15 %, then 7.5 %
		if self.IntervalNS != 400e6 || !strings.HasPrefix(self.Throttled, "it used 1") || !r.saved.Load() || self.RSSBytes != 20<<20 || self.CPUNS == 0 {
			t.Errorf("when it costs too much %+v, saved %v", self, r.saved.Load())
		}
		before := a.Stats().Passes
		if self = after(20 * time.Second); a.Stats().Passes-before > 51 || self.IntervalNS != 400e6 || self.CPUs < 0.07 || self.CPUs > 0.08 {
			t.Errorf("%d passes in 20 s, %+v", a.Stats().Passes-before, self)
		}
		r.each.Store(int64(time.Millisecond))
		if self = after(40 * time.Second); self.IntervalNS != 100e6 || self.Throttled != "" || r.saved.Load() || a.Stats().Throttles != 1 {
			t.Errorf("when it costs less %+v, %d times", self, a.Stats().Throttles)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for word, times := range map[string]int{"level=WARN msg=\"sampling less often": 1, "as often as it was told again": 1, "at another interval": 2} {
			if n := strings.Count(log.String(), word); n != times {
				t.Errorf("%q is logged %d times:\n%s", word, n, &log)
			}
		}
	})
}

// Long intervals are judged as a whole: a pass that costs much throttles the agent as
// far as it must, and does not count for more because a look was soon after it.
func TestThrottledNoFurtherThanItMust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		a := newCostly(newCostlyRoad(650*time.Millisecond), &log)
		a.options.Interval, a.self.wanted = time.Second, time.Second
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx) }()
		for range 20 {
			time.Sleep(30 * time.Second) //nolint:forbidigo // the bubble's clock
			synctest.Wait()
			if self := a.Snapshot().Self; self.IntervalNS != 8e9 || self.CPUs < 0.08 || self.CPUs > 0.083 {
				t.Fatalf("%+v\n%s", self, &log)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestMeterThatFails keeps what there is, and is told.
func TestMeterThatFails(t *testing.T) {
	var log bytes.Buffer
	a := newCostly(&costlyRoad{began: time.Now()}, &log)
	a.self.meter = func() (time.Duration, int64, error) { return 0, 0, fmt.Errorf("planted") }
	if a.weigh(time.Now()) || !strings.Contains(log.String(), "planted") {
		t.Errorf("%s", &log)
	}
}

func TestOwnUsage(t *testing.T) {
	cpu, resident, err := ownUsage()
	if err != nil || cpu <= 0 || resident < 1<<20 || resident > 8<<30 {
		t.Errorf("%v, %d bytes, %v", cpu, resident, err)
	}
}

// TestRealThrottle lets a real agent look at very many processes far too often.
func TestRealThrottle(t *testing.T) {
	many, err := crowd.Start(t.Context(), 2000, 1)
	if err != nil {
		t.Skip(err)
	}
	closed := false
	defer func() {
		if !closed {
			_ = many.Close()
		}
	}()
	options := DefaultOptions()
	options.Interval, options.Limits.CPUs = 10*time.Millisecond, 0.1
	var throttled atomic.Pointer[k2i.Snapshot] // the first that was
	options.Observe = func(s *k2i.Snapshot) {
		if s.Self.Throttled != "" && s.Self.PassNS != 0 {
			throttled.CompareAndSwap(nil, s)
		}
	}
	a, err := New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	a.self.every = 200 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	until(t, a, "an agent that is throttled", func(*k2i.Snapshot) bool { return throttled.Load() != nil })
	snap := throttled.Load()
	if self := snap.Self; self.IntervalNS < 20e6 || self.CPUs < 0.1 || self.RSSBytes == 0 || self.PassNS == 0 || len(snap.Processes) < 2000 {
		t.Errorf("%+v of %d processes", self, len(snap.Processes))
	}
	closed = true
	if err := many.Close(); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

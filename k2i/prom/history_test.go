package prom

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"ddcos/k2i"
)

// A world is a host whose processes do anything, told to k2i.Live as the roads
// tell it, and to Groups as the agent does.
type world struct {
	*rand.Rand
	t      *testing.T
	live   *k2i.Live
	groups *Groups
	at     time.Duration
	pid    int32

	running  map[int32]*k2i.Process
	truths   map[int32]string         // what they were at the sample before
	rows     map[int32]*k2i.Process   // and what it has of them, which stays while they do nothing
	reaped   []k2i.Event              // finals that are still to come
	events   []k2i.Event              // since the last look
	lossless bool                     // all events come
	used     uint64                   // CPU time of all that ended, ns
	told     map[k2i.Key]tally        // the most that any sample's snapshot told of a process
	seen     map[string][]uint64      // of each series, at the scrape before
	sums     map[string]map[int]int64 // of what all series of a dimension grew by
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		Rand: rand.New(rand.NewPCG(seed, 1)), t: t, at: time.Hour, pid: 100, groups: NewGroups(), lossless: seed%2 == 0,
		live:    k2i.NewLive(k2i.NewExited(100, 10*time.Minute), nil),
		running: map[int32]*k2i.Process{}, told: map[k2i.Key]tally{}, seen: map[string][]uint64{}, sums: map[string]map[int]int64{},
	}
	for _, d := range w.groups.by {
		d.limit = 3
		w.sums[d.by] = map[int]int64{}
	}
	w.sample()
	return w
}

// name is one of many, few of which come often.
func (w *world) name(kind string) string { return fmt.Sprint(kind, w.IntN(1+w.IntN(12))) }

func (w *world) any() *k2i.Process {
	pids := slices.Sorted(maps.Keys(w.running))
	if len(pids) == 0 {
		return nil
	}
	return w.running[pids[w.IntN(len(pids))]]
}

// tell notes what a sample's snapshot says.
func (w *world) tell(snap *k2i.Snapshot) {
	for _, p := range slices.Concat(snap.Processes, snap.Exited) {
		var now tally
		now.read(counters, p)
		most := w.told[p.Key()]
		for i := range now.sum {
			most.sum[i] = max(most.sum[i], now.sum[i])
		}
		w.told[p.Key()] = most
	}
}

func (w *world) tick() time.Duration {
	w.at += time.Duration(1 + w.IntN(int(time.Millisecond)))
	return w.at
}

// step is one thing that happens to one process.
func (w *world) step() {
	p := w.any()
	switch what := w.IntN(10); {
	case p == nil || what < 2:
		w.fork(p)
	case what < 5: // it works
		p.UserNS += w.Uint64N(1e9)
		p.SystemNS += w.Uint64N(1e8)
		p.CPUNS = p.UserNS + p.SystemNS
		p.MinFlt += w.Uint64N(100)
		p.ReadBytes += k2i.Count(w.IntN(1000))
	case what == 5:
		p.User = w.name("user") // setuid
	case what == 6:
		p.Cgroup, p.ContainerID = "/"+w.name("unit")+".service", w.name("container")
	case what == 7:
		p.Comm = w.name("comm")
		w.event(k2i.EventExec, p)
	default:
		w.exit(p)
	}
}

func (w *world) fork(parent *k2i.Process) {
	at := w.tick()
	p := k2i.Blank()
	if parent != nil {
		p = *parent
	}
	w.pid++
	p.PID, p.StartNS, p.StartTicks = w.pid, uint64(at), uint64(at/(10*time.Millisecond))
	p.UserNS, p.SystemNS, p.CPUNS, p.MinFlt, p.MajFlt, p.ReadBytes, p.WriteBytes = 0, 0, 0, 0, 0, 0, 0
	p.State, p.Threads, p.RSSBytes, p.RCPU = "S", 1, w.Uint64N(1<<20), k2i.NoRate()
	if parent == nil {
		p.User, p.Comm, p.Cgroup = w.name("user"), w.name("comm"), "/"
	}
	w.running[p.PID] = &p
	w.event(k2i.EventFork, &p)
}

// event is told of, unless it is lost.
func (w *world) event(kind k2i.EventKind, p *k2i.Process) {
	if w.lossless || w.IntN(20) > 0 {
		w.events = append(w.events, k2i.Event{Kind: kind, At: w.tick(), Task: p.PID, StartNS: p.StartNS, Process: *p})
	}
}

// exit ends a process: the event of it knows less than its final, which comes
// when its parent has waited for it.
func (w *world) exit(p *k2i.Process) {
	delete(w.running, p.PID)
	ended := *p
	ended.SetEnd(w.tick(), 0)
	w.event(k2i.EventExit, &ended)
	final := ended
	final.UserNS, final.SystemNS = final.UserNS+w.Uint64N(1e7), final.SystemNS+1
	final.CPUNS = final.UserNS + final.SystemNS
	w.used += final.CPUNS
	w.reaped = append(w.reaped, k2i.Event{Kind: k2i.EventFinal, At: w.at, Task: p.PID, StartNS: p.StartNS, Process: final})
}

// reap lets finals come, in any order; too late for some, unless nothing may be lost.
func (w *world) reap() {
	if w.lossless {
		w.events = append(w.events, w.reaped...)
		w.reaped = nil
		return
	}
	w.Shuffle(len(w.reaped), func(i, j int) { w.reaped[i], w.reaped[j] = w.reaped[j], w.reaped[i] })
	n := w.IntN(len(w.reaped) + 1)
	w.events = append(w.events, w.reaped[:n]...)
	w.reaped = w.reaped[n:]
}

// apply lets events come between two samples.
func (w *world) apply() {
	w.live.Apply(w.events, k2i.Events{Mode: k2i.EventsBPF}, w.at)
	w.events = w.events[:0]
}

// end ends everybody, and nothing is left untold.
func (w *world) end() {
	for _, pid := range slices.Sorted(maps.Keys(w.running)) {
		w.exit(w.running[pid])
		w.events = append(w.events, w.reaped...)
		w.reaped = nil
		w.sample()
	}
}

// misread is what a road may make of a process: a time that seems to run
// backwards, bytes that may not be read just now.
func (w *world) misread(p k2i.Process) *k2i.Process {
	if w.IntN(8) == 0 {
		p.UserNS -= min(p.UserNS, w.Uint64N(1e7))
	}
	if w.IntN(8) == 0 {
		p.ReadBytes = k2i.Unread
	}
	return &p
}

// sample reads everything, as the agent does.
func (w *world) sample() {
	w.at += time.Duration(w.IntN(int(40 * time.Second)))
	cur := &k2i.Sample{Mono: w.at, Mode: k2i.ModeBPF, Host: k2i.Host{ID: "h", CPUs: 4, MemTotalBytes: 1 << 24, UptimeNS: int64(w.at)}}
	truths := map[int32]string{}
	for _, pid := range slices.Sorted(maps.Keys(w.running)) {
		truths[pid] = fmt.Sprintf("%+v", *w.running[pid])
		row, shared := w.rows[pid], w.truths[pid] == truths[pid]
		if !shared {
			row = w.misread(*w.running[pid])
		}
		cur.Processes, cur.Shared = append(cur.Processes, row), append(cur.Shared, shared)
	}
	status := k2i.Events{Mode: k2i.EventsBPF}
	w.tick()
	snap := w.live.Sample(cur, w.events, status)
	w.truths, w.rows = truths, map[int32]*k2i.Process{}
	for _, row := range cur.Processes {
		w.rows[row.PID] = row
	}
	w.events = w.events[:0]
	w.tell(snap)
	w.groups.Observe(snap)
	w.check()
}

// check scrapes: no series falls, and what those of each dimension grew by
// together is what all processes used.
func (w *world) check() {
	w.t.Helper()
	all, _ := w.groups.read()
	shown := map[string]int{}
	for _, s := range all {
		shown[s.by]++
		id := s.by + " " + s.name
		before := w.seen[id]
		for i := range parts(counters) {
			now, was := s.total.sum[i], uint64(0)
			if before != nil {
				was = before[i]
			}
			if now < was {
				w.t.Fatalf("%s: %s fell from %d to %d", id, counters[i/2].name, was, now)
			}
			w.sums[s.by][i] += int64(now - was)
		}
		w.seen[id] = slices.Clone(s.total.sum[:])
	}
	var truth tally
	for _, t := range w.told {
		truth.add(&t)
	}
	for by, sums := range w.sums {
		if shown[by] > 4 {
			w.t.Fatalf("%d groups of %s", shown[by], by)
		}
		for i, sum := range sums {
			if uint64(sum) != truth.sum[i] {
				w.t.Fatalf("at %v: all groups by %s have %d of %s, all processes %d", w.at, by, sum, counters[i/2].name, truth.sum[i])
			}
		}
	}
}

// Whatever processes do, no counter of a group falls, and those of each way to
// group grow together by what all processes used: also by those that end or
// change their group between two looks, and when groups lose their series.
func TestRandomHistories(t *testing.T) {
	evicted := uint64(0)
	for seed := range uint64(100) {
		w := newWorld(t, seed)
		for range 60 {
			for range w.IntN(30) {
				w.step()
			}
			w.reap()
			if w.IntN(4) == 0 {
				w.apply()
			}
			w.sample()
		}
		w.end()
		if got := uint64(w.sums["user"][0] + w.sums["user"][1]); w.lossless && got != w.used {
			t.Fatalf("seed %d: the groups used %d ns, all that ran %d", seed, got, w.used)
		}
		for _, d := range w.groups.by {
			evicted += d.evicted
		}
	}
	if evicted < 100 {
		t.Errorf("only %d groups lost their series: too few to try it", evicted)
	}
}

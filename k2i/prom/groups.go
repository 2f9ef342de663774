package prom

import (
	"slices"
	"sync"
	"time"

	"ddcos/k2i"
)

// Groups add up what processes use by container, unit, user and command. What a
// process used stays counted when it ends or changes its group, so that counters
// never fall: each sees every sample, not only those that are scraped. A
// Groups is made by NewGroups and is safe for several goroutines.
type Groups struct {
	mu       sync.Mutex // guards all below
	by       []*dimension
	rows     []*k2i.Process // of the last sample, sorted as there
	live     []*member      // beside rows
	ring     []*k2i.Process // those that ended, as of the last sample
	ended    []*member      // beside ring
	spare    [2][]*member   // the lists of the sample before, to be used again
	opened   bool           // it has been decided who is shown
	reviewed time.Duration  // when, last
}

// A member is one process and what of its use has been counted.
type member struct {
	key     k2i.Key
	counted tally
	row     *k2i.Process // as it was counted last: nobody writes to one that was published
	place   place
	in      []*group // by dimension
}

// place is what a process is grouped by.
type place struct {
	container, cgroup, user, comm string
	kernel                        bool
}

func placeOf(p *k2i.Process) place {
	return place{p.ContainerID, p.Cgroup, p.User, p.Comm, p.Kernel}
}

// NewGroups starts with nothing counted.
func NewGroups() *Groups { return &Groups{by: newDimensions()} }

// Observe counts what has been used since the sample before. It wants the
// snapshot of every sample, each once, in their order: whoever lives for less
// than the time between two scrapes is then counted too.
func (g *Groups) Observe(snap *k2i.Snapshot) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := time.Duration(snap.Host.UptimeNS)
	changed := g.remember(snap.Exited, at)
	g.follow(snap.Processes, at)
	if !g.opened {
		g.review(at, at, &snap.Host)
	}
	for _, i := range changed {
		g.account(g.ended[i], g.ring[i])
	}
	for i, m := range g.live {
		g.account(m, g.rows[i])
	}
	if at-g.reviewed >= review {
		g.review(at, at-g.reviewed, &snap.Host)
	}
}

// remember takes over the list of those that ended and gives the places of
// those that are new in it or of whom more is known. The list grows at its end,
// shrinks at its beginning, and a row of which more is known is another one.
func (g *Groups) remember(exited []*k2i.Process, at time.Duration) (changed []int) {
	gone := len(g.ring)
	if len(exited) > 0 {
		first := exited[0].Key()
		if i := slices.IndexFunc(g.ring, func(p *k2i.Process) bool { return p.Key() == first }); i >= 0 {
			gone = i
		}
	}
	old, members := g.ring[gone:], g.ended[gone:]
	list := g.spare[1][:0]
	for i, p := range exited {
		if i < len(old) {
			list = append(list, members[i])
			if old[i] == p {
				continue
			}
		} else {
			m := g.find(p.Key())
			if m == nil {
				m = g.newMember(p, at)
			}
			list = append(list, m)
		}
		changed = append(changed, i)
	}
	g.spare[1] = g.ended
	clear(g.spare[1])
	g.ring, g.ended = exited, list
	return changed
}

// find is the member of a process that the sample before had, or nil.
func (g *Groups) find(key k2i.Key) *member {
	i, found := slices.BinarySearchFunc(g.live, key, func(m *member, key k2i.Key) int { return compare(m.key, key) })
	if !found {
		return nil
	}
	return g.live[i]
}

// follow takes over the rows of a sample. Who was there before is the same
// member, also where it ended meanwhile.
func (g *Groups) follow(rows []*k2i.Process, at time.Duration) {
	fresh := g.fresh(rows)
	list, before := g.spare[0][:0], 0
	for _, p := range rows {
		for before < len(g.live) && compare(g.live[before].key, p.Key()) < 0 {
			before++
		}
		switch {
		case before < len(g.live) && g.live[before].key == p.Key():
			list = append(list, g.live[before])
		case fresh[p.Key()] != nil:
			list = append(list, fresh[p.Key()])
		default:
			list = append(list, g.newMember(p, at))
		}
		g.settle(list[len(list)-1], p, at)
	}
	g.spare[0] = g.live
	clear(g.spare[0])
	g.rows, g.live = rows, list
}

// fresh are the members of those that ended, by process, if any row may be one
// of them that the sample before did not have.
func (g *Groups) fresh(rows []*k2i.Process) map[k2i.Key]*member {
	missing := slices.ContainsFunc(rows, func(p *k2i.Process) bool { return p.Ended() && g.find(p.Key()) == nil })
	if !missing {
		return nil
	}
	members := make(map[k2i.Key]*member, len(g.ended))
	for _, m := range g.ended {
		members[m.key] = m
	}
	return members
}

func (g *Groups) newMember(p *k2i.Process, at time.Duration) *member {
	m := &member{key: p.Key(), in: make([]*group, len(g.by))}
	g.settle(m, p, at)
	return m
}

// settle puts a process into its groups, if they are not those that it is in.
func (g *Groups) settle(m *member, p *k2i.Process, at time.Duration) {
	if m.row == p {
		return
	}
	now := placeOf(p)
	if m.in[0] != nil && m.place == now {
		return
	}
	m.place = now
	for i, d := range g.by {
		m.in[i] = d.find(d.name(p), at)
	}
}

// account counts what a process used since it was last looked at, for the
// groups that it is in now. A counter that ran backwards has to catch up.
func (g *Groups) account(m *member, p *k2i.Process) {
	if m.row == p {
		return
	}
	m.row = p
	var now tally
	now.read(counters, p)
	grown := m.counted.known != now.known|m.counted.known
	for i := range now.sum {
		before := m.counted.sum[i]
		if now.sum[i] > before {
			m.counted.sum[i], grown = now.sum[i], true
			now.sum[i] -= before
		} else {
			now.sum[i] = 0
		}
	}
	if !grown {
		return
	}
	m.counted.known |= now.known
	for i, d := range g.by {
		d.add(m.in[i], &now)
		d.other.total.known |= now.known // it counts from the beginning
	}
}

// review decides who is shown.
func (g *Groups) review(at, elapsed time.Duration, host *k2i.Host) {
	first := !g.opened
	g.opened, g.reviewed = true, at
	for i, d := range g.by {
		for _, one := range d.groups {
			one.members, one.resident = 0, 0
		}
		for j, m := range g.live {
			p := g.rows[j]
			if p.State != k2i.StateEnded {
				m.in[i].members++
				m.in[i].resident += p.RSSBytes
			}
			if first {
				m.in[i].recent += p.UserNS + p.SystemNS
			}
		}
		d.judge(at, elapsed, host)
		d.choose(at)
		g.again(i, at)
	}
}

// again looks for groups for those whose name was not known, or is not any more.
func (g *Groups) again(i int, at time.Duration) {
	d := g.by[i]
	for _, crowd := range []bool{true, false} { // who was not known yet comes first
		for j, m := range g.live {
			if crowd && m.in[i] == d.crowd || !crowd && m.in[i].dropped {
				m.in[i] = d.find(d.name(g.rows[j]), at)
			}
		}
	}
}

// A series is one group's numbers, as they are shown.
type series struct {
	by, name     string
	total, gauge tally
}

// A count is what is told of one way to group.
type count struct {
	by      string
	known   int
	evicted uint64
}

// read gives everything that there is to show.
func (g *Groups) read() (all []series, counts []count) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range g.by {
		d.other.gauge = tally{}
		for _, one := range d.groups {
			one.gauge = tally{}
		}
	}
	var known uint16
	for i, m := range g.live {
		p := g.rows[i]
		if p.State == k2i.StateEnded {
			continue
		}
		var own tally
		own.read(gauges, p)
		known |= own.known
		for j, d := range g.by {
			d.visible(m.in[j]).gauge.add(&own)
		}
	}
	for _, d := range g.by {
		counts = append(counts, count{d.by, len(d.groups), d.evicted})
		for _, one := range d.all() {
			one.scraped = one.total
			one.gauge.known = known // a group without processes has none of everything
			all = append(all, series{d.by, one.name, one.total, one.gauge})
		}
	}
	return all, counts
}

// compare orders as samples do: by pid, then start.
func compare(a, b k2i.Key) int {
	switch {
	case a.PID != b.PID:
		return int(a.PID) - int(b.PID)
	case a.StartTicks < b.StartTicks:
		return -1
	case a.StartTicks > b.StartTicks:
		return 1
	}
	return 0
}

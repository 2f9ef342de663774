package prom

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/container"
)

// Other and None are groups of every dimension: what has no series of its own,
// and what is in no container or unit. A name that is the same joins them.
const (
	Other = "other"
	None  = "none"
)

// Bounds of what is told apart, and when that changes.
const (
	maxKnown = 1024             // names of a dimension that are watched, whether or not they are shown
	review   = time.Minute      // between two looks at who is shown
	maxSwaps = 2                // groups of a dimension that lose their series in one review
	margin   = 2                // times as much has to be used by who takes another's place
	floor    = 1e-3             // of the host, which is nothing worth a place
	keepDead = 10 * time.Minute // for who is shown and has no process any more
)

// A dimension is one way to group all processes of the host.
type dimension struct {
	by    string
	limit int // groups shown beside Other
	name  func(*k2i.Process) string

	groups  map[string]*group
	shown   int
	evicted uint64
	other   *group // always shown
	crowd   *group // of names beyond maxKnown, never shown
	open    bool   // a new group may be shown before the next review
}

// newDimensions are all ways to group. Their limits are what MaxSeries allows.
func newDimensions() []*dimension {
	list := []*dimension{
		{by: "container", limit: 16, name: func(p *k2i.Process) string { return cmp.Or(p.ContainerID, None) }},
		{by: "unit", limit: 10, name: unit},
		{by: "user", limit: 8, name: func(p *k2i.Process) string { return p.User }},
		{by: "command", limit: 20, name: command},
	}
	for _, d := range list {
		d.groups = map[string]*group{}
		d.other, d.crowd = &group{name: Other, shown: true}, &group{name: Other}
	}
	return list
}

// unit is the systemd unit of a process.
func unit(p *k2i.Process) string {
	return cmp.Or(container.New().Identify(p.Cgroup, "", nil).Unit, None)
}

// command is what runs. The kernel's own threads are many and named after CPUs
// and devices: those of one sort are one group.
func command(p *k2i.Process) string {
	if !p.Kernel {
		return p.Comm
	}
	end := len(p.Comm)
	for i, c := range p.Comm {
		if c == '/' || c == ':' || c == '-' || c >= '0' && c <= '9' {
			end = i
			break
		}
	}
	return "[" + p.Comm[:end] + "]"
}

// group is what the processes of one name add up to.
type group struct {
	name    string
	shown   bool
	dropped bool  // no longer among the dimension's
	total   tally // while it was shown; the rest is in Other's
	scraped tally // total as it was last read
	gauge   tally // at the scrape at hand

	// For the reviews.
	members  int
	recent   uint64        // CPU time since the last review, ns
	resident uint64        // bytes
	score    float64       // share of the host's CPU and memory; halves with each review
	shownAt  time.Duration // 0 for never
	emptyAt  time.Duration // when it was first found without processes; 0 while it has some
}

// find is the group of a name; it makes one if there is room.
func (d *dimension) find(name string, at time.Duration) *group {
	if name = label(name); name == Other {
		return d.other
	}
	if g := d.groups[name]; g != nil {
		return g
	}
	if len(d.groups) >= maxKnown {
		return d.crowd
	}
	g := &group{name: name}
	d.groups[name] = g
	if d.open && d.shown < d.limit {
		d.show(g, at)
	}
	return g
}

// add counts what a process of g has used.
func (d *dimension) add(g *group, used *tally) {
	g.recent += used.sum[cpuFamily] + used.sum[cpuFamily+1]
	if g.shown {
		g.total.add(used)
	} else {
		d.other.total.add(used)
	}
}

// visible is where a group's numbers are shown.
func (d *dimension) visible(g *group) *group {
	if g.shown {
		return g
	}
	return d.other
}

func (d *dimension) show(g *group, at time.Duration) {
	g.shown, g.shownAt = true, at
	d.shown++
}

// hide takes a group's series away. What it has counted stays with it: were that
// added to Other's counters, these would seem to have grown by it at once. Only
// what nobody has read yet is told there.
func (d *dimension) hide(g *group) {
	for i, sum := range g.total.sum {
		d.other.total.sum[i] += sum - g.scraped.sum[i]
	}
	g.total.sum, g.shown = g.scraped.sum, false
	d.shown--
	d.evicted++
}

// judge scores all groups by what they used since the last review, which is as
// long ago as elapsed on a host with so many CPUs and so much memory.
func (d *dimension) judge(at, elapsed time.Duration, host *k2i.Host) {
	cpu := 1 / max(1, float64(elapsed)*float64(host.CPUs))
	memory := 1 / max(1, float64(host.MemTotalBytes))
	for _, g := range d.groups {
		used := float64(g.recent)*cpu + float64(g.resident)*memory
		if g.score == 0 {
			g.score = used
		} else {
			g.score = (g.score + used) / 2
		}
		g.recent = 0
		switch {
		case g.members > 0:
			g.emptyAt = 0
		case g.emptyAt == 0:
			g.emptyAt = at
		}
	}
}

// choose decides who is shown from now on. Nobody flaps: who is shown stays
// unless another one uses much more.
func (d *dimension) choose(at time.Duration) {
	d.open = true
	var in, out []*group
	for name, g := range d.groups {
		switch {
		case g.shown && g.members == 0 && at-g.emptyAt >= keepDead:
			d.hide(g)
		case !g.shown && g.members == 0 && g.shownAt == 0:
			d.drop(name)
		case !g.shown && g.members == 0: // it goes on counting where it was, should it come back
		case g.shown:
			in = append(in, g)
		default:
			out = append(out, g)
		}
	}
	slices.SortFunc(in, weakest)
	slices.SortFunc(out, func(a, b *group) int { return weakest(b, a) })
	for len(out) > 0 && d.shown < d.limit {
		d.show(out[0], at)
		out = out[1:]
	}
	for i := 0; i < min(maxSwaps, len(in), len(out)) && out[i].score > margin*in[i].score+floor; i++ {
		if at-in[i].shownAt < 2*review || in[i].members == 0 && at-in[i].emptyAt < 2*review {
			break // whoever scrapes has yet to see it, or what it did last
		}
		d.hide(in[i])
		d.show(out[i], at)
	}
	d.makeRoom(out)
}

func weakest(a, b *group) int {
	return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.name, b.name))
}

// makeRoom forgets names where so many are known that others could not be: those
// without processes, and then the lesser half of those that are not shown.
func (d *dimension) makeRoom(out []*group) {
	if len(d.groups) < maxKnown {
		return
	}
	for name, g := range d.groups {
		if !g.shown && g.members == 0 {
			d.drop(name)
		}
	}
	if len(d.groups) < maxKnown/2 {
		return
	}
	for _, g := range out[len(out)/2:] {
		if !g.shown {
			d.drop(g.name)
		}
	}
}

// drop forgets a name. Who still points at the group is counted under Other.
func (d *dimension) drop(name string) {
	d.groups[name].dropped = true
	delete(d.groups, name)
}

// all are the groups shown, by name, and Other.
func (d *dimension) all() []*group {
	list := []*group{d.other}
	for _, name := range slices.Sorted(maps.Keys(d.groups)) {
		if g := d.groups[name]; g.shown {
			list = append(list, g)
		}
	}
	return list
}

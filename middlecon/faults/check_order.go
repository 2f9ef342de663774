package faults

import (
	"cmp"
	"slices"
)

// place is one call in the order of one room in one life of the broker.
type place struct {
	era  int
	room string
}

// order wants one order of each room's calls that every member saw and every
// sender sent by: I6. It exists if what each of them says, put together, has no
// circle.
func (c *checker) order() {
	where := map[Key]place{}
	graphs := map[place]*graph{}
	for i := range c.h.Calls {
		call := &c.h.Calls[i]
		at := place{call.Era, call.Room}
		where[call.Key] = at
		if graphs[at] == nil {
			graphs[at] = &graph{after: map[Key][]edge{}}
		}
	}
	type seer struct {
		place
		member string
		life   int
	}
	saw := map[seer][]Line{}
	seen := map[Key]bool{}
	for _, l := range c.h.Lines {
		if at, ok := where[l.Key]; ok && l.Step == Began {
			who := seer{at, l.Member, l.Life}
			saw[who] = append(saw[who], l)
			seen[l.Key] = true
		}
	}
	for who, lines := range saw {
		slices.SortStableFunc(lines, func(a, b Line) int { return cmp.Compare(a.At, b.At) })
		for i := 1; i < len(lines); i++ {
			graphs[who.place].add(lines[i-1].Key, lines[i].Key, who.member+" saw")
		}
	}
	c.sent(graphs, where, seen)
	for at, g := range graphs {
		if circle := g.circle(); circle != "" {
			c.find("I6", "room %s: %s", at.room, circle)
		}
	}
}

// sent adds each caller's order of sending, of the calls that anybody saw.
func (c *checker) sent(graphs map[place]*graph, where map[Key]place, seen map[Key]bool) {
	type caller struct {
		place
		name string
	}
	sent := map[caller][]Key{}
	for key := range seen {
		by := caller{where[key], key.Caller}
		sent[by] = append(sent[by], key)
	}
	for by, keys := range sent {
		slices.SortFunc(keys, func(a, b Key) int { return cmp.Compare(a.Number, b.Number) })
		for i := 1; i < len(keys); i++ {
			graphs[by.place].add(keys[i-1], keys[i], by.name+" sent")
		}
	}
}

// graph says which calls come after one, and who says so.
type graph struct{ after map[Key][]edge }

type edge struct {
	to  Key
	why string
}

func (g *graph) add(from, to Key, why string) {
	g.after[from] = append(g.after[from], edge{to, why})
}

// circle is a circle in words, or nothing.
func (g *graph) circle() string {
	const visiting, done = 1, 2
	state := map[Key]int{}
	type frame struct {
		key  Key
		next int
	}
	for start := range g.after {
		if state[start] == done {
			continue
		}
		path := []frame{{key: start}}
		state[start] = visiting
		for len(path) > 0 {
			top := &path[len(path)-1]
			if top.next == len(g.after[top.key]) {
				state[top.key] = done
				path = path[:len(path)-1]
				continue
			}
			e := g.after[top.key][top.next]
			top.next++
			switch state[e.to] {
			case visiting:
				text := ""
				from := slices.IndexFunc(path, func(f frame) bool { return f.key == e.to })
				for _, f := range path[from:] {
					step := g.after[f.key][f.next-1]
					text += step.why + " " + f.key.String() + " before " + step.to.String() + "; "
				}
				return text
			case done:
			default:
				state[e.to] = visiting
				path = append(path, frame{key: e.to})
			}
		}
	}
	return ""
}

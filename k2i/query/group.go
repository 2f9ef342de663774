package query

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"ddcos/k2i"
)

// MaxGroups is how many groups one host may answer with, and how many a fleet's
// answer may have.
const MaxGroups = 1 << 16

// Group is all the selected processes that have one value in common, of one host
// or of several: sums are of what is known, and Unread where of none anything is.
// They are whole numbers, so that they are the same in whatever order hosts are
// added up.
type Group struct {
	Key          string    `json:"key" msgpack:"key"`
	Count        k2i.Count `json:"count" msgpack:"count"`     // processes
	Hosts        k2i.Count `json:"hosts" msgpack:"hosts"`     // that have any of them
	Threads      k2i.Count `json:"threads" msgpack:"threads"` //
	RCPUNano     k2i.Count `json:"rcpu_nano" msgpack:"rcpu_nano"`
	CPUNS        k2i.Count `json:"cpu_ns" msgpack:"cpu_ns"`
	RSSBytes     k2i.Count `json:"rss_bytes" msgpack:"rss_bytes"`
	MaxRSSBytes  k2i.Count `json:"max_rss_bytes" msgpack:"max_rss_bytes"` // of one process
	VSZBytes     k2i.Count `json:"vsz_bytes" msgpack:"vsz_bytes"`
	ReadPerSec   k2i.Count `json:"io_r" msgpack:"io_r"` // bytes
	WritePerSec  k2i.Count `json:"io_w" msgpack:"io_w"`
	ReceivedPerS k2i.Count `json:"net_rx" msgpack:"net_rx"`
	SentPerS     k2i.Count `json:"net_tx" msgpack:"net_tx"`
	OldestNS     k2i.Count `json:"oldest_ns" msgpack:"oldest_ns"` // the greatest age
}

// NewGroup is a group of nothing.
func NewGroup(key string) *Group {
	g := &Group{Key: key}
	for _, m := range measuresOfGroups {
		*m.of(g) = k2i.Unread
	}
	return g
}

// Measure is one number of a Group.
type Measure struct {
	Name  string // as a key of sort
	Field string // as in the JSON form
	Unit  string // as k2i.Field's; nCPUs for billionths of a CPU
	Help  string

	of    func(*Group) *k2i.Count
	most  bool   // the most of one, instead of the sum
	from  string // the term of a process that it is made from; "" for what is counted
	scale float64
}

// Of is a group's number.
func (m Measure) Of(g *Group) k2i.Count { return *m.of(g) }

// nanoCPUs is a unit in which CPUs are whole numbers.
const nanoCPUs = "nCPUs"

var measuresOfGroups = []Measure{
	{Name: "count", Field: "count", Help: "processes", of: func(g *Group) *k2i.Count { return &g.Count }},
	{Name: "hosts", Field: "hosts", Help: "hosts that have any of them", of: func(g *Group) *k2i.Count { return &g.Hosts }},
	{Name: "threads", Field: "threads", Help: "threads", from: "threads", of: func(g *Group) *k2i.Count { return &g.Threads }},
	{Name: "rcpu", Field: "rcpu_nano", Unit: nanoCPUs, Help: "CPUs in use, in billionths", from: "rcpu", scale: 1e9, of: func(g *Group) *k2i.Count { return &g.RCPUNano }},
	{Name: "time", Field: "cpu_ns", Unit: unitTime, Help: "CPU time", from: "cpu_ns", of: func(g *Group) *k2i.Count { return &g.CPUNS }},
	{Name: "rss", Field: "rss_bytes", Unit: unitBytes, Help: "resident memory; what is shared counts for each", from: "rss_bytes", of: func(g *Group) *k2i.Count { return &g.RSSBytes }},
	{Name: "max_rss", Field: "max_rss_bytes", Unit: unitBytes, Help: "the most of one process", from: "rss_bytes", most: true, of: func(g *Group) *k2i.Count { return &g.MaxRSSBytes }},
	{Name: "vsz", Field: "vsz_bytes", Unit: unitBytes, Help: "address space", from: "vsz_bytes", of: func(g *Group) *k2i.Count { return &g.VSZBytes }},
	{Name: "io_r", Field: "io_r", Unit: unitRate, Help: "read from storage", from: "io_r", of: func(g *Group) *k2i.Count { return &g.ReadPerSec }},
	{Name: "io_w", Field: "io_w", Unit: unitRate, Help: "written to storage", from: "io_w", of: func(g *Group) *k2i.Count { return &g.WritePerSec }},
	{Name: "net_rx", Field: "net_rx", Unit: unitRate, Help: "received", from: "net_rx", of: func(g *Group) *k2i.Count { return &g.ReceivedPerS }},
	{Name: "net_tx", Field: "net_tx", Unit: unitRate, Help: "sent", from: "net_tx", of: func(g *Group) *k2i.Count { return &g.SentPerS }},
	{Name: "oldest", Field: "oldest_ns", Unit: unitTime, Help: "age of the oldest", from: "age", most: true, of: func(g *Group) *k2i.Count { return &g.OldestNS }},
}

// Measures are the numbers of a group, in the order of its fields.
func Measures() []Measure { return slices.Clone(measuresOfGroups) }

// add folds one more number in; sums stop at the largest number there is.
func (m Measure) add(g *Group, n k2i.Count) {
	to := m.of(g)
	switch {
	case n < 0:
	case *to < 0:
		*to = n
	case m.most:
		*to = max(*to, n)
	case n > math.MaxInt64-*to:
		*to = math.MaxInt64
	default:
		*to += n
	}
}

// maxKey is how long a value that makes a group can be: a path.
const maxKey = 4096

// Check refuses what no agent says.
func (g *Group) Check() error {
	if g.Count < 1 || len(g.Key) > maxKey {
		return fmt.Errorf("a group of %d processes with a key of %d bytes", g.Count, len(g.Key))
	}
	for _, m := range measuresOfGroups {
		if n := *m.of(g); n < k2i.Unread {
			return fmt.Errorf("a group with a %s of %d", m.Name, n)
		}
	}
	return nil
}

// Merge adds another host's group of the same key.
func (g *Group) Merge(other *Group) {
	for _, m := range measuresOfGroups {
		m.add(g, *m.of(other))
	}
}

// Grouper puts the processes of one host together by a term.
type Grouper struct {
	by     Term
	from   []folded
	groups map[string]*Group
	row    row
}

// folded is a measure that is made from a term.
type folded struct {
	Measure
	get func(*row) (k2i.Count, bool)
}

// NewGrouper makes one for a host, by a name as Query.By has it.
func NewGrouper(by string, host *Host) (*Grouper, error) {
	term, err := groupTerm(by)
	if err != nil {
		return nil, err
	}
	g := &Grouper{by: term, groups: map[string]*Group{}, row: row{host: host}}
	for _, m := range measuresOfGroups {
		if term, ok := TermByName(m.from); ok {
			g.from = append(g.from, folded{m, counted(term, max(m.scale, 1))})
		}
	}
	return g, nil
}

// counted is a term's number as a whole one.
func counted(t Term, scale float64) func(*row) (k2i.Count, bool) {
	if t.integer != nil {
		return func(r *row) (k2i.Count, bool) {
			n, known := t.integer(r)
			return k2i.Count(n), known
		}
	}
	return func(r *row) (k2i.Count, bool) {
		f, known := t.fraction(r)
		if f *= scale; !known || !(f < math.MaxInt64) {
			return math.MaxInt64, known
		}
		return k2i.Count(math.Round(f)), true
	}
}

// Add takes one process; ErrTooManyGroups comes with the one too many.
func (g *Grouper) Add(p *k2i.Process) error {
	g.row.p = p
	key := g.by.word(&g.row)
	key = key[:min(len(key), maxKey)]
	group := g.groups[key]
	if group == nil {
		if len(g.groups) == MaxGroups {
			return ErrTooManyGroups
		}
		group = NewGroup(strings.Clone(key))
		group.Count, group.Hosts = 0, 1
		g.groups[group.Key] = group
	}
	group.Count++
	for _, f := range g.from {
		if n, known := f.get(&g.row); known {
			f.add(group, n)
		}
	}
	return nil
}

// ErrTooManyGroups is a question whose answer has more than MaxGroups.
var ErrTooManyGroups = fmt.Errorf("more than %d groups; a condition (where) leaves fewer", MaxGroups)

// Groups are those of all processes so far, in no order.
func (g *Grouper) Groups() []*Group {
	groups := make([]*Group, 0, len(g.groups))
	for _, group := range g.groups {
		groups = append(groups, group)
	}
	return groups
}

// groupTerm finds what may be grouped by: words.
func groupTerm(by string) (Term, error) {
	term, ok := TermByName(by)
	switch {
	case !ok:
		return Term{}, fmt.Errorf("by %.64q: no such name%s", by, suggestion(by))
	case term.word == nil:
		return Term{}, fmt.Errorf("by %s: only words make groups, as host, user, comm, container, cgroup or kind", by)
	}
	return term, nil
}

// measureByKey finds a measure by the name that sorts by it; the key itself is none.
func measureByKey(name string) (Measure, bool) {
	i := slices.IndexFunc(measuresOfGroups, func(m Measure) bool { return m.Name == name || m.Field == name })
	if i < 0 {
		return Measure{}, false
	}
	return measuresOfGroups[i], true
}

// GroupKey sorts groups by what they have in common.
const GroupKey = "key"

// FirstGroups sorts groups by keys, or the largest count first without any, ties
// by what they have in common, and leaves the first limit of them, all for 0.
func FirstGroups(groups []*Group, keys []Key, limit int) []*Group {
	if len(keys) == 0 {
		keys = []Key{{Field: "count", Descending: true}}
	}
	var orders []func(a, b *Group) int
	for _, key := range keys {
		order := func(a, b *Group) int { return strings.Compare(a.Key, b.Key) }
		if m, ok := measureByKey(key.Field); ok {
			order = func(a, b *Group) int { return cmp.Compare(*m.of(a), *m.of(b)) }
		}
		if key.Descending {
			up := order
			order = func(a, b *Group) int { return up(b, a) }
		}
		orders = append(orders, order)
	}
	return First(groups, limit, func(a, b *Group) int {
		for _, order := range orders {
			if c := order(a, b); c != 0 {
				return c
			}
		}
		return strings.Compare(a.Key, b.Key)
	})
}

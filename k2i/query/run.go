package query

import (
	"cmp"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"time"

	"ddcos/k2i"
)

// MaxTime is how long a condition may take over one host's processes.
const MaxTime = time.Second

// ErrTooSlow is a condition that took longer than MaxTime.
var ErrTooSlow = fmt.Errorf("the condition took more than %v; simpler regular expressions are quicker", MaxTime)

// IsLimit tells an error of a query that asks for more than an agent does.
func IsLimit(err error) bool {
	return errors.Is(err, ErrTooSlow) || errors.Is(err, ErrTooManyGroups)
}

// Run gives the processes of snap that q wants, in its order and at most Limit
// of them, ties by pid and start; with By all that it wants, in no order. They
// are the snapshot's own. Real users and groups that are given by name are looked
// up among the names of this host. The error is for a query that has not passed
// Check, and ErrTooSlow.
func Run(q Query, snap *k2i.Snapshot) ([]*k2i.Process, error) {
	return run(q, HostOf(snap), From(q, snap), names{user: lookupUser, group: lookupGroup})
}

// From is all that q may choose from: the processes of the snapshot, or those
// that ended, as long ago as q says by the snapshot's own clock.
func From(q Query, snap *k2i.Snapshot) []*k2i.Process {
	switch {
	case !q.Exited:
		return snap.Processes
	case q.SinceNS == 0:
		return snap.Exited
	}
	after := k2i.Count(snap.Host.UptimeNS - q.SinceNS)
	var rows []*k2i.Process
	for _, p := range snap.Exited {
		if p.EndedNS >= after {
			rows = append(rows, p)
		}
	}
	return rows
}

func run(q Query, host *Host, processes []*k2i.Process, n names) ([]*k2i.Process, error) {
	wanted, err := newMatcher(q, host, n)
	if err != nil {
		return nil, err
	}
	rows := make([]*k2i.Process, 0, len(processes))
	begun := time.Now()
	for i, p := range processes {
		if wanted.match(p) {
			rows = append(rows, p)
		}
		if q.Where != "" && i%64 == 63 && time.Since(begun) > MaxTime {
			return nil, ErrTooSlow
		}
	}
	if q.By != "" {
		return rows, nil
	}
	return ordered(q, host, rows), nil
}

// Groups are the processes of snap that q wants, put together by q.By, in no
// order and all of them: which are the first is known when all hosts' have been
// added up. The errors are those of Run, and ErrTooManyGroups.
func Groups(q Query, snap *k2i.Snapshot) ([]*Group, error) {
	rows, err := Run(q, snap)
	if err != nil {
		return nil, err
	}
	g, err := NewGrouper(q.By, HostOf(snap))
	if err != nil {
		return nil, err
	}
	for _, p := range rows {
		if err := g.Add(p); err != nil {
			return nil, err
		}
	}
	return g.Groups(), nil
}

// Row is one process and where it runs.
type Row struct {
	Host    *Host
	Process *k2i.Process
}

// Order compares two processes by keys, most significant first, and by nothing
// else: 0 is a tie, which the caller breaks so that the order is total. A key
// that is no name orders nothing. It is for one goroutine.
func Order(keys []Key) func(a, b Row) int {
	var orders []func(a, b Row) int
	for _, key := range keys {
		order, ok := orderOf(key.Field)
		switch {
		case !ok:
		case key.Descending:
			orders = append(orders, func(a, b Row) int { return order(b, a) })
		default:
			orders = append(orders, order)
		}
	}
	return func(a, b Row) int {
		for _, order := range orders {
			if c := order(a, b); c != 0 {
				return c
			}
		}
		return 0
	}
}

// orderOf is the order of one name, ascending.
func orderOf(name string) (func(a, b Row) int, bool) {
	t, ok := TermByName(name)
	if !ok {
		return nil, false
	}
	if f, isField := k2i.FieldByName(t.Field); isField {
		return func(a, b Row) int { return f.Compare(a.Process, b.Process) }, true
	}
	var x, y row // used again by every comparison
	return func(a, b Row) int {
		x.host, x.p, y.host, y.p = a.Host, a.Process, b.Host, b.Process
		return t.compare(&x, &y)
	}, true
}

// ByIdentity compares two processes of one host by pid and start: never 0 for
// two different processes.
func ByIdentity(a, b *k2i.Process) int {
	if c := cmp.Compare(a.PID, b.PID); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.StartTicks, b.StartTicks), cmp.Compare(a.StartNS, b.StartNS))
}

// names finds the ids of names on the host that runs a query.
type names struct {
	user, group func(name string) (uint32, bool)
}

func lookupUser(name string) (uint32, bool) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, false
	}
	return number(u.Uid)
}

func lookupGroup(name string) (uint32, bool) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, false
	}
	return number(g.Gid)
}

// number reads an id written in decimal digits.
func number(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil
}

// set is a list made ready to be asked.
type set[T comparable] map[T]struct{}

func setOf[T comparable](list []T) set[T] {
	s := make(set[T], len(list))
	for _, v := range list {
		s[v] = struct{}{}
	}
	return s
}

func (s set[T]) has(v T) bool {
	_, ok := s[v]
	return ok
}

// ids splits what people write for a user or a group into numbers and names: as
// for ps, digits are a number even where somebody is called so.
func ids(list []string) (numbers set[uint32], texts set[string]) {
	numbers, texts = set[uint32]{}, set[string]{}
	for _, s := range list {
		if n, ok := number(s); ok {
			numbers[n] = struct{}{}
		} else {
			texts[s] = struct{}{}
		}
	}
	return numbers, texts
}

// resolved is ids with the names looked up; a name that this host does not know
// selects nothing here, though it may elsewhere.
func resolved(list []string, lookup func(string) (uint32, bool)) set[uint32] {
	numbers, texts := ids(list)
	for name := range texts {
		if n, ok := lookup(name); ok {
			numbers[n] = struct{}{}
		}
	}
	return numbers
}

// First gives the first limit of rows in order, or all for 0. It reuses rows.
// It keeps up to twice the limit and sorts only when those are full, so that
// most rows of a long table cost one comparison with the worst that is kept.
func First[T any](rows []T, limit int, compare func(a, b T) int) []T {
	if limit <= 0 || limit >= len(rows) {
		slices.SortFunc(rows, compare)
		return rows
	}
	kept := rows[:limit]
	slices.SortFunc(kept, compare)
	worst := kept[limit-1]
	for _, row := range rows[limit:] {
		if compare(row, worst) >= 0 {
			continue
		}
		kept = append(kept, row) // never beyond what the loop has read
		if len(kept) == 2*limit {
			slices.SortFunc(kept, compare)
			kept = kept[:limit]
			worst = kept[limit-1]
		}
	}
	slices.SortFunc(kept, compare)
	return kept[:limit]
}

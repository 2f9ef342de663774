package query

import (
	"cmp"
	"os/user"
	"slices"
	"strconv"

	"ddcos/k2i"
)

// Run gives the processes of snap that q wants, in its order and at most Limit
// of them, ties by pid and start. They are the snapshot's own. q has passed
// Check: a sort key that is no field orders nothing. Real users and groups that
// are given by name are looked up among the names of this host.
func Run(q Query, snap *k2i.Snapshot) []*k2i.Process {
	return run(q, From(q, snap), names{user: lookupUser, group: lookupGroup})
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

func run(q Query, processes []*k2i.Process, n names) []*k2i.Process {
	wanted := newMatcher(q.Select, n)
	rows := make([]*k2i.Process, 0, len(processes))
	for _, p := range processes {
		if wanted.match(p) {
			rows = append(rows, p)
		}
	}
	byKeys := Order(q.Sort)
	return First(rows, q.Limit, func(a, b *k2i.Process) int {
		return cmp.Or(byKeys(a, b), ByIdentity(a, b))
	})
}

// Order compares two processes by keys, most significant first, and by nothing
// else: 0 is a tie, which the caller breaks so that the order is total.
func Order(keys []Key) func(a, b *k2i.Process) int {
	var orders []func(a, b *k2i.Process) int
	for _, key := range keys {
		field, ok := k2i.FieldByName(key.Field)
		switch {
		case !ok:
		case key.Descending:
			orders = append(orders, func(a, b *k2i.Process) int { return field.Compare(b, a) })
		default:
			orders = append(orders, field.Compare)
		}
	}
	return func(a, b *k2i.Process) int {
		for _, order := range orders {
			if c := order(a, b); c != 0 {
				return c
			}
		}
		return 0
	}
}

// ByIdentity compares two processes of one host by pid and start: never 0 for
// two different processes.
func ByIdentity(a, b *k2i.Process) int {
	return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.StartTicks, b.StartTicks), cmp.Compare(a.StartNS, b.StartNS))
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

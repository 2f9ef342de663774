package dps

import (
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// Facts reads on this host, with the caller's rights, what no sample holds:
// k2i/procfs knows the names. tid is 0 for a process as a whole. It is called by
// several goroutines.
type Facts func(p *k2i.Process, tid int32, names []string) map[string]string

// extra is what a row of this host has beyond its sample.
type extra struct {
	facts map[string]string
	tree  string // what stands before its command in a forest
	step  int    // bytes of tree for each level
	tid   int32  // of a thread; 0 for a process as a whole
	line  part   // which columns it shows
}

// part is what a line stands for, and what a column is told for.
type part uint8

const (
	whole   part = iota // a process with its threads, or a thread as if it were one
	process             // the line of a process above those of its threads
	thread              // the line of a thread below its process's
)

// load finds the facts that the columns of a listing need, once for each row: in
// the sample, else by read where that is there; a command line only where the
// sample's may be cut.
func (l *Look) load(rows []fleet.Row, columns []Column, read Facts) {
	names := factNames(columns, l)
	lines := slices.ContainsFunc(columns, func(c Column) bool { return c.isArgs() })
	l.reading = l.reading || read != nil && len(names) > 0
	var all []reading
	for _, r := range rows {
		wanted := names
		if lines && isCut(r.Process) {
			wanted = append(slices.Clip(names), lineFact)
		}
		if len(wanted) == 0 {
			continue
		}
		if e := l.extra(r); e.facts == nil {
			e.facts = map[string]string{}
			if wanted = e.take(r, wanted); len(wanted) > 0 && read != nil {
				all = append(all, reading{of: r.Process, e: e, wanted: wanted})
			}
		}
	}
	readAll(all, read)
	for _, one := range all {
		maps.Copy(one.e.facts, one.facts)
	}
}

// reading is what is still to be read of a row.
type reading struct {
	of     *k2i.Process
	e      *extra
	wanted []string
	facts  map[string]string // nil are those of a process that has ended
}

// atOnce is how many rows a goroutine takes at a time: few are not worth a second one.
const atOnce = 16

// readAll reads on all CPUs: most of it is system calls.
func readAll(all []reading, read Facts) {
	var taken atomic.Int64
	work := func() {
		for end := atOnce; end < len(all)+atOnce; {
			end = int(taken.Add(atOnce))
			for i := end - atOnce; i < min(end, len(all)); i++ {
				all[i].facts = read(all[i].of, all[i].e.tid, all[i].wanted)
			}
		}
	}
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (len(all)+atOnce-1)/atOnce) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
}

// factNames are the facts that some columns are made from.
func factNames(columns []Column, l *Look) []string {
	var names []string
	for _, c := range columns {
		if c.Facts != "" {
			names = append(names, strings.Split(c.Facts, ",")...)
		}
		if l.Environ && c.isArgs() {
			names = append(names, "environ")
		}
		if l.Cumulative && c.Sum != "" {
			names = append(names, strings.Split(c.Sum, ",")...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// isArgs tells the columns behind which an environment may stand.
func (c *Column) isArgs() bool {
	return c.Tree && c.Key != shortKey
}

// extra is that of a row, made where it has none.
func (l *Look) extra(r fleet.Row) *extra {
	e := l.extras[r.Process]
	if e == nil {
		e = &extra{}
		l.extras[r.Process] = e
	}
	return e
}

// fact is what was read by this name, "" where there is nothing.
func (l *Look) fact(r fleet.Row, name string) string {
	if e := l.extras[r.Process]; e != nil {
		return e.facts[name]
	}
	return ""
}

// count is a fact that is a number, perhaps with a unit behind it; 0 where it
// could not be read, as ps has it.
func (l *Look) count(r fleet.Row, name string) uint64 {
	number, _, _ := strings.Cut(l.fact(r, name), " ")
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// told is a column made of facts: where none are read, over several hosts, it is
// a dash, unless samples have them. Two cells that are numbers sort as numbers.
func told(key, header string, width int, side Side, facts, help string, text func(*Look, fleet.Row) string) Column {
	c := word(key, header, width, side, "", help, func(l *Look, r fleet.Row) string {
		if !l.knows(r, facts) {
			return "-"
		}
		return text(l, r)
	})
	c.Facts = facts
	plain := text
	c.Compare = func(l *Look, a, b fleet.Row) int { return numbersFirst(plain(l, a), plain(l, b)) }
	return c
}

// from is such a column that is made from fields of samples too.
func from(fields string, c Column) Column {
	c.Fields = fields
	return c
}

// numbersFirst compares two texts as numbers where both are numbers.
func numbersFirst(a, b string) int {
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	switch {
	case errX != nil || errY != nil:
		return strings.Compare(a, b)
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// counter is a column of one fact that is a number.
func counter(key, header string, width int, fact, help string) Column {
	return told(key, header, width, Right, fact, help, func(l *Look, r fleet.Row) string {
		return decimal(l.count(r, fact))
	})
}

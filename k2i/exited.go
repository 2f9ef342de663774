package k2i

import (
	"slices"
	"time"
)

// What is kept of processes that have ended.
const (
	ExitedFor = 10 * time.Minute
	MaxExited = 10_000
)

// Exited remembers processes that have ended, bounded in number and in time. It
// is for one goroutine; what View gives is for everyone.
type Exited struct {
	limit   int
	age     time.Duration
	rows    []*Process // in the order in which they were added
	base    uint64     // serial number of rows[0]
	serials map[Key]uint64
	dropped uint64
	shared  int // so many of rows are in a view: they are never overwritten in place
}

// NewExited keeps at most limit processes, each for age.
func NewExited(limit int, age time.Duration) *Exited {
	return &Exited{limit: limit, age: age, serials: map[Key]uint64{}}
}

// Put adds a process, or takes the place of what was told of it before. The
// process must not be changed afterwards.
func (e *Exited) Put(p *Process) {
	if serial, ok := e.serials[p.Key()]; ok {
		at := int(serial - e.base)
		if at < e.shared {
			e.rows, e.shared = slices.Clone(e.rows), 0
		}
		e.rows[at] = p
		return
	}
	if len(e.rows) == e.limit {
		e.dropFirst()
		e.dropped++
	}
	e.serials[p.Key()] = e.base + uint64(len(e.rows))
	e.rows = append(e.rows, p)
}

// Get finds what is known of a process that has ended, or nil.
func (e *Exited) Get(key Key) *Process {
	if serial, ok := e.serials[key]; ok {
		return e.rows[serial-e.base]
	}
	return nil
}

// Expire forgets what ended before now less the age; now is since boot.
func (e *Exited) Expire(now time.Duration) {
	for len(e.rows) > 0 && now-time.Duration(e.rows[0].EndedNS) > e.age {
		e.dropFirst()
	}
}

// dropFirst forgets the oldest. Appending moves the rest to a new array from
// time to time, so that nothing grows.
func (e *Exited) dropFirst() {
	delete(e.serials, e.rows[0].Key())
	e.rows = e.rows[1:]
	e.base++
	e.shared = max(e.shared-1, 0)
}

// Dropped is how many were forgotten before their time for want of room.
func (e *Exited) Dropped() uint64 { return e.dropped }

// View is all of them, oldest first: a list that never changes. Views share an
// array as long as nothing in it has to be replaced.
func (e *Exited) View() []*Process {
	e.shared = len(e.rows)
	return slices.Clip(e.rows)
}

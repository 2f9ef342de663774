package k2i

import "slices"

// maxAncestors bounds how far up CPU time is charged.
const maxAncestors = 64

// chargeAncestors adds to each process's rate those of its descendants that ended
// in the interval; cur's rows are those of the snapshot.
func chargeAncestors(snap *Snapshot, cur *Sample) {
	if len(cur.Ended) == 0 {
		return
	}
	parents := make(map[Key]Key, len(cur.Ended))
	for _, e := range cur.Ended {
		parents[e.Process.Key()] = e.Parent
	}
	more := map[Key]Rate{}
	for _, e := range cur.Ended {
		own := snap.row(e.Process.Key())
		if own == nil || !own.RCPU.Known() {
			continue
		}
		key := e.Parent
		for range maxAncestors {
			ancestor := snap.row(key)
			if ancestor == nil {
				break
			}
			more[key] += own.RCPU
			if parent, ended := parents[key]; ended {
				key = parent
			} else {
				key = snap.parentOf(ancestor)
			}
		}
	}
	for key, rate := range more {
		at, _ := snap.place(key)
		if i, lives := find(cur.Processes, key); lives {
			snap.Processes[at] = cur.Own(i)
		}
		snap.Processes[at].RCPUWithExited += rate // NoRate stays that
	}
}

// place is where a row is, or belongs.
func (s *Snapshot) place(key Key) (at int, found bool) {
	return slices.BinarySearchFunc(s.Processes, key, func(p *Process, key Key) int { return compareKeys(p.Key(), key) })
}

// row finds a row, or nil.
func (s *Snapshot) row(key Key) *Process {
	at, found := s.place(key)
	if !found {
		return nil
	}
	return s.Processes[at]
}

// parentOf names the parent of a process that lives.
func (s *Snapshot) parentOf(p *Process) Key {
	if parent := s.Find(p.PPID); parent != nil {
		return parent.Key()
	}
	return Key{}
}

// perSecond is how fast a counter of nanoseconds grew over elapsed nanoseconds:
// a number of CPUs.
func perSecond(before, now, elapsed uint64) Rate {
	if now < before || elapsed == 0 {
		return NoRate()
	}
	return Rate(float64(now-before) / float64(elapsed))
}

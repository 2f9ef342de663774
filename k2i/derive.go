package k2i

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// Derive makes the Snapshot of cur, with rates against prev where the two can
// be compared. It reads no clock. The snapshot's rows are cur's own, which get
// their rates and ends here and are not to be changed afterwards: copying them
// all would cost more than the rest. prev, whose rows others may be reading, is
// not changed; it may be nil. The lists of both are sorted by PID.
//
// A rate is NoRate, never zero, when there is nothing to compare with: no
// earlier sample, another host or boot, another road (ticks and nanoseconds do
// not subtract), a process that is not the same one, a clock that did not
// advance, or a counter that ran backwards. A process that began after the
// sample before is compared with nothing used.
func Derive(prev, cur *Sample) *Snapshot {
	rows := slices.Grow(Pointers(cur.Processes), len(cur.Ended))
	for i := range cur.Ended {
		if at, lives := find(cur.Processes, cur.Ended[i].Process.Key()); lives {
			rows[at].copyEnd(cur.Ended[i].Process) // a zombie
			continue
		}
		ended := *cur.Ended[i].Process // the ring of those that have ended has it, too
		rows = append(rows, &ended)
	}
	for _, p := range rows {
		p.noRates()
	}
	snap := &Snapshot{
		Host:       cur.Host,
		Agent:      cur.Agent,
		Self:       cur.Self,
		At:         cur.At,
		Mode:       cur.Mode,
		Visibility: cur.Visibility,
		Missing:    cur.Missing,
		BusyCPUs:   NoRate(),
		Processes:  rows,
	}
	slices.SortFunc(snap.Processes, byKey)
	if !subtractable(prev, cur) {
		return snap
	}
	elapsed := uint64(cur.Mono - prev.Mono)
	// Nobody boots in no time: 0 is a mount of proc that has no stat.
	if prev.Host.CPUBusyNS != 0 {
		snap.BusyCPUs = perSecond(prev.Host.CPUBusyNS, cur.Host.CPUBusyNS, elapsed)
	}
	chargeProcesses(prev, snap.Processes, elapsed)
	if cur.Events != EventsNone {
		chargeAncestors(snap, cur.Ended, elapsed)
	}
	return snap
}

// Pointers is a list as snapshots have it. The rows stay the list's.
func Pointers(list []Process) []*Process {
	rows := make([]*Process, len(list))
	for i := range list {
		rows[i] = &list[i]
	}
	return rows
}

// byKey orders the rows of a snapshot.
func byKey(a, b *Process) int { return compareKeys(a.Key(), b.Key()) }

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.StartTicks, b.StartTicks))
}

// find is a process's place in a sample. A row is too large to be handed about.
func find(list []Process, key Key) (int, bool) {
	at := sort.Search(len(list), func(i int) bool { return list[i].PID >= key.PID })
	return at, at < len(list) && list[at].Key() == key
}

// copyEnd takes over what is known of a process's end.
func (p *Process) copyEnd(ended *Process) {
	p.EndedNS, p.ExitCode, p.EndSignal, p.PeakRSSBytes = ended.EndedNS, ended.ExitCode, ended.EndSignal, ended.PeakRSSBytes
	p.KilledBy, p.KillerPID, p.KillerComm, p.KillerUser = ended.KilledBy, ended.KillerPID, ended.KillerComm, ended.KillerUser
}

// subtractable tells whether the counters of two samples may be subtracted.
func subtractable(prev, cur *Sample) bool {
	return prev != nil && prev.Host.ID == cur.Host.ID && prev.Mode == cur.Mode && cur.Mono > prev.Mono
}

// chargeProcesses sets each process's own rates; rows are sorted by PID.
func chargeProcesses(prev *Sample, rows []*Process, elapsed uint64) {
	const tick = 10 * time.Millisecond // a start may be known to a tick
	at := 0
	for _, p := range rows {
		for at < len(prev.Processes) && prev.Processes[at].PID < p.PID {
			at++
		}
		var before *Process
		if at < len(prev.Processes) && prev.Processes[at].Key() == p.Key() {
			before = &prev.Processes[at]
		} else if time.Duration(p.StartNS)+tick > prev.Mono {
			before = &Process{}
		} else {
			continue
		}
		p.RCPU = perSecond(before.CPUNS, p.CPUNS, elapsed)
		p.NetRx = bytesPerSecond(before.NetRxBytes, p.NetRxBytes, elapsed)
		p.NetTx = bytesPerSecond(before.NetTxBytes, p.NetTxBytes, elapsed)
		p.IOR = bytesPerSecond(before.ReadBytes, p.ReadBytes, elapsed)
		p.IOW = bytesPerSecond(before.WriteBytes, p.WriteBytes, elapsed)
	}
}

// maxAncestors bounds how far up CPU time is charged.
const maxAncestors = 64

// chargeAncestors sets each process's rate with that of its descendants that
// ended in the interval.
func chargeAncestors(snap *Snapshot, ended []Ended, elapsed uint64) {
	for _, p := range snap.Processes {
		p.RCPUWithExited = p.RCPU
	}
	parents := make(map[Key]Key, len(ended))
	for _, e := range ended {
		parents[e.Process.Key()] = e.Parent
	}
	for _, e := range ended {
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
			ancestor.RCPUWithExited += own.RCPU // NoRate stays that
			if parent, gone := parents[key]; gone {
				key = parent
			} else {
				key = snap.parentOf(ancestor)
			}
		}
	}
}

// row finds a row, or nil.
func (s *Snapshot) row(key Key) *Process {
	at, found := slices.BinarySearchFunc(s.Processes, key, func(p *Process, key Key) int { return compareKeys(p.Key(), key) })
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

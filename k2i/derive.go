package k2i

import "slices"

// Derive makes the Snapshot of cur, with rates against prev where the two can
// be compared. It is pure: it reads no clock and changes neither sample. prev
// may be nil; the lists of both are sorted by PID.
//
// A rate is NoRate, never zero, when there is nothing to compare with: no
// earlier sample, another host or boot, another road (ticks and nanoseconds do
// not subtract), a process that is not the same one, a clock that did not
// advance, or a counter that ran backwards.
func Derive(prev, cur *Sample) *Snapshot {
	snap := &Snapshot{
		Host:       cur.Host,
		At:         cur.At,
		Mode:       cur.Mode,
		Visibility: cur.Visibility,
		Missing:    cur.Missing,
		BusyCPUs:   NoRate(),
		Processes:  slices.Clone(cur.Processes),
	}
	for i := range snap.Processes {
		snap.Processes[i].RCPU = NoRate()
	}
	if !subtractable(prev, cur) {
		return snap
	}
	elapsed := uint64(cur.Mono - prev.Mono)
	// Nobody boots in no time: 0 is a mount of proc that has no stat.
	if prev.Host.CPUBusyNS != 0 {
		snap.BusyCPUs = perSecond(prev.Host.CPUBusyNS, cur.Host.CPUBusyNS, elapsed)
	}
	chargeProcesses(prev.Processes, snap.Processes, elapsed)
	return snap
}

// subtractable tells whether the counters of two samples may be subtracted.
func subtractable(prev, cur *Sample) bool {
	return prev != nil && prev.Host.ID == cur.Host.ID && prev.Mode == cur.Mode && cur.Mono > prev.Mono
}

// chargeProcesses walks two lists sorted by PID side by side and sets the rates
// of those that are the same process in both.
func chargeProcesses(prev, cur []Process, elapsed uint64) {
	before := 0
	for i := range cur {
		p := &cur[i]
		for before < len(prev) && prev[before].PID < p.PID {
			before++
		}
		if before == len(prev) {
			return
		}
		if old := &prev[before]; old.PID == p.PID && old.StartTicks == p.StartTicks {
			p.RCPU = perSecond(old.CPUNS, p.CPUNS, elapsed)
		}
	}
}

// perSecond is how fast a counter of nanoseconds grew over elapsed nanoseconds:
// a number of CPUs.
func perSecond(before, now, elapsed uint64) Rate {
	if now < before || elapsed == 0 {
		return NoRate()
	}
	return Rate(float64(now-before) / float64(elapsed))
}

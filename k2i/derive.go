package k2i

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"
)

// Derive makes the Snapshot of cur, with rates against prev where the two can
// be compared. It reads no clock. The snapshot's rows are cur's own, which get
// their rates and ends here and are not to be changed afterwards: copying them
// all would cost more than the rest. Rows that cur shares with prev stay shared
// where their rates are still those of a process that does nothing. prev, whose
// rows others may be reading, is not changed; it may be nil. The lists of both
// are sorted by PID.
//
// A rate is NoRate, never zero, when there is nothing to compare with: no
// earlier sample, another host or boot, another road (ticks and nanoseconds do
// not subtract), a process that is not the same one, a clock that did not
// advance, or a counter that ran backwards. A process that began after the
// sample before is compared with nothing used.
func Derive(prev, cur *Sample) *Snapshot {
	snap := &Snapshot{
		Host:       cur.Host,
		Agent:      cur.Agent,
		Self:       cur.Self,
		At:         cur.At,
		Mode:       cur.Mode,
		Visibility: cur.Visibility,
		Missing:    cur.Missing,
		BusyCPUs:   NoRate(),
	}
	gone := gone(cur)
	if !subtractable(prev, cur) {
		for i := range cur.Processes {
			cur.Own(i).noRates()
		}
		snap.Processes = merge(cur.Processes, gone)
		return snap
	}
	elapsed := uint64(cur.Mono - prev.Mono)
	// Nobody boots in no time: 0 is a mount of proc that has no stat. The host has a time
	// of its own, which on a busy one is not that of the processes.
	if since := cur.Host.UptimeNS - prev.Host.UptimeNS; prev.Host.CPUBusyNS != 0 && since > 0 {
		snap.BusyCPUs = perSecond(prev.Host.CPUBusyNS, cur.Host.CPUBusyNS, uint64(since))
	}
	tells := cur.Events != EventsNone
	chargeProcesses(prev, cur, elapsed, tells)
	chargeGone(prev, gone, elapsed, tells)
	snap.Processes = merge(cur.Processes, gone)
	if tells {
		chargeAncestors(snap, cur)
	}
	return snap
}

// gone are rows of those that ended before the sample and are not in it any more,
// sorted; zombies that are get their ends.
func gone(cur *Sample) []*Process {
	var rows []*Process
	for i := range cur.Ended {
		if at, lives := find(cur.Processes, cur.Ended[i].Process.Key()); lives {
			cur.end(at, cur.Ended[i].Process)
			continue
		}
		ended := *cur.Ended[i].Process // the ring of those that have ended has it, too
		ended.noRates()
		rows = append(rows, &ended)
	}
	slices.SortFunc(rows, byKey)
	return rows
}

// merge is a list of both, which are sorted; the first stays as it is.
func merge(rows, more []*Process) []*Process {
	all := make([]*Process, 0, len(rows)+len(more))
	for _, p := range more {
		at := sort.Search(len(rows), func(i int) bool { return byKey(rows[i], p) > 0 })
		all = append(append(all, rows[:at]...), p)
		rows = rows[at:]
	}
	return append(all, rows...)
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

// find is a process's place in a sample.
func find(list []*Process, key Key) (int, bool) {
	at := sort.Search(len(list), func(i int) bool { return list[i].PID >= key.PID })
	return at, at < len(list) && list[at].Key() == key
}

// end gives a row, a zombie's, what is known of its end.
func (s *Sample) end(i int, ended *Process) {
	if !s.Processes[i].endsAs(ended) {
		s.Own(i).copyEnd(ended)
	}
}

func (p *Process) endsAs(ended *Process) bool {
	return p.EndedNS == ended.EndedNS && p.ExitCode == ended.ExitCode && p.EndSignal == ended.EndSignal &&
		p.PeakRSSBytes == ended.PeakRSSBytes && p.KilledBy == ended.KilledBy && p.KillerPID == ended.KillerPID
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

// chargeProcesses sets each process's own rates. tells says whether what ended is
// told, without which nothing is known of descendants.
func chargeProcesses(prev, cur *Sample, elapsed uint64, tells bool) {
	at := 0
	for i, p := range cur.Processes {
		if cur.shares(i) {
			if now := p.ratesSince(p, elapsed, tells); !now.are(p) {
				now.set(cur.Own(i))
			}
			continue
		}
		for at < len(prev.Processes) && prev.Processes[at].PID < p.PID {
			at++
		}
		var before *Process
		if at < len(prev.Processes) && prev.Processes[at].Key() == p.Key() {
			before = prev.Processes[at]
		}
		p.charge(before, prev, elapsed, tells)
	}
}

// chargeGone does the same for those that ended.
func chargeGone(prev *Sample, gone []*Process, elapsed uint64, tells bool) {
	for _, p := range gone {
		var before *Process
		if at, found := find(prev.Processes, p.Key()); found {
			before = prev.Processes[at]
		}
		p.charge(before, prev, elapsed, tells)
	}
}

// charge sets the rates of a row that is nobody else's yet; before may be nil.
func (p *Process) charge(before *Process, prev *Sample, elapsed uint64, tells bool) {
	const tick = 10 * time.Millisecond // a start may be known to a tick
	switch {
	case before != nil:
	case time.Duration(p.StartNS)+tick > prev.Mono:
		before = &Process{}
	default:
		p.noRates()
		return
	}
	p.ratesSince(before, elapsed, tells).set(p)
}

// pace is all that two samples of a process tell.
type pace struct{ cpu, withExited, netRx, netTx, ioR, ioW Rate }

func (p *Process) ratesSince(before *Process, elapsed uint64, tells bool) pace {
	r := pace{
		cpu:        perSecond(before.CPUNS, p.CPUNS, elapsed),
		withExited: NoRate(),
		netRx:      bytesPerSecond(before.NetRxBytes, p.NetRxBytes, elapsed),
		netTx:      bytesPerSecond(before.NetTxBytes, p.NetTxBytes, elapsed),
		ioR:        bytesPerSecond(before.ReadBytes, p.ReadBytes, elapsed),
		ioW:        bytesPerSecond(before.WriteBytes, p.WriteBytes, elapsed),
	}
	if tells {
		r.withExited = r.cpu
	}
	return r
}

func (r pace) set(p *Process) {
	p.RCPU, p.RCPUWithExited, p.NetRx, p.NetTx, p.IOR, p.IOW = r.cpu, r.withExited, r.netRx, r.netTx, r.ioR, r.ioW
}

// are tells whether a process has these; NoRate is like itself here.
func (r pace) are(p *Process) bool {
	return r.cpu.like(p.RCPU) && r.withExited.like(p.RCPUWithExited) && r.netRx.like(p.NetRx) && r.netTx.like(p.NetTx) &&
		r.ioR.like(p.IOR) && r.ioW.like(p.IOW)
}

func (r Rate) like(other Rate) bool {
	return r == other || math.IsNaN(float64(r)) && math.IsNaN(float64(other))
}

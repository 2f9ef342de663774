package wire

import (
	"fmt"
	"math"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/protocol"
)

// check refuses what no agent says: readers divide by ticks, subtract ages and
// write rates as JSON, which has no infinity.
func (a *Answer) check() error {
	h := &a.Host
	switch {
	case h.Name == "" || len(h.Name) > protocol.MaxName:
		return fmt.Errorf("a host's name of %d bytes, want 1 to %d", len(h.Name), protocol.MaxName)
	case h.CPUs < 1 || h.TicksPerSecond < 1 || h.PageBytes < 1:
		return fmt.Errorf("a host with %d CPUs, %d ticks a second and pages of %d bytes", h.CPUs, h.TicksPerSecond, h.PageBytes)
	case a.AgeNS < 0:
		return fmt.Errorf("a sample of the future, age %d ns", a.AgeNS)
	case a.Total < len(a.Processes):
		return fmt.Errorf("%d processes of %d", len(a.Processes), a.Total)
	case !plausible(a.BusyCPUs):
		return fmt.Errorf("%v busy CPUs", a.BusyCPUs)
	case !plausible(a.Self.CPUs):
		return fmt.Errorf("an agent that uses %v CPUs", a.Self.CPUs)
	}
	for _, load := range h.Load {
		if math.IsNaN(load) || math.IsInf(load, 0) {
			return fmt.Errorf("a load average of %v", load)
		}
	}
	if len(a.Groups) > query.MaxGroups {
		return fmt.Errorf("%d groups, %d are allowed", len(a.Groups), query.MaxGroups)
	}
	for i := range a.Groups {
		if err := a.Groups[i].Check(); err != nil {
			return err
		}
	}
	return nil
}

// checkRow is check for a row.
func checkRow(p *k2i.Process) error {
	switch {
	case p.PID < 1 || !plausible(p.RCPU) || !plausible(p.RCPUWithExited):
		return fmt.Errorf("process %d using %v CPUs, %v with those that ended", p.PID, p.RCPU, p.RCPUWithExited)
	case !plausible(p.IOR) || !plausible(p.IOW):
		return fmt.Errorf("process %d reading %v and writing %v bytes a second", p.PID, p.IOR, p.IOW)
	case !plausible(p.NetRx) || !plausible(p.NetTx):
		return fmt.Errorf("process %d receiving %v and sending %v bytes a second", p.PID, p.NetRx, p.NetTx)
	}
	return nil
}

// plausible is a rate that is unknown or finite and not negative.
func plausible(r k2i.Rate) bool {
	return !r.Known() || (r >= 0 && !math.IsInf(float64(r), 0))
}

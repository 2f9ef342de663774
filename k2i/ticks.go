package k2i

import (
	"math"
	"time"
)

// defaultTicks is USER_HZ wherever Linux runs; for a host that does not tell.
const defaultTicks = 100

// Hertz is how many clock ticks a second has on this host.
func (h *Host) Hertz() uint64 {
	if t := h.TicksPerSecond; 0 < t && t <= int64(time.Second) {
		return uint64(t)
	}
	return defaultTicks
}

// TickedCPU is a process's CPU time in user mode and in the kernel in ns, each in whole
// clock ticks, as ps has it: BPF tells it to the nanosecond and /proc does not, and
// both are to show the same.
func (h *Host) TickedCPU(p *Process) uint64 {
	tick := uint64(time.Second) / h.Hertz()
	return p.UserNS/tick*tick + p.SystemNS/tick*tick
}

// StartSinceBoot is when a process started, from its clock ticks.
func (h *Host) StartSinceBoot(p *Process) time.Duration {
	hz, ticks := h.Hertz(), p.StartTicks
	if ticks/hz > math.MaxInt64/uint64(time.Second)-1 {
		return math.MaxInt64
	}
	return time.Duration(ticks/hz*uint64(time.Second) + ticks%hz*uint64(time.Second)/hz)
}

// StartSecond is the Unix time of the start as ps computes it: both the second
// of the boot and the seconds since are cut before they are added.
func (h *Host) StartSecond(p *Process) int64 {
	return h.BootUnixNS/int64(time.Second) + int64(h.StartSinceBoot(p)/time.Second)
}

// TickedAge is how long a process has existed when its host took the sample, or when
// it ended, in whole clock ticks.
func (h *Host) TickedAge(p *Process) time.Duration {
	tick := time.Second / time.Duration(h.Hertz()) //nolint:gosec // at most a billion
	until := time.Duration(h.UptimeNS)
	if p.State == StateEnded && p.Ended() {
		until = time.Duration(p.EndedNS)
	}
	return max(until/tick*tick-h.StartSinceBoot(p), 0)
}

// PercentOf is a CPU time in ns by the time lived, in percent.
func PercentOf(ns uint64, lived time.Duration) float64 {
	if lived <= 0 {
		return 0
	}
	return float64(ns) / float64(lived) * 100
}

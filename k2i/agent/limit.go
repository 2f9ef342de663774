package agent

import (
	"fmt"
	"time"
)

// Limits are what an agent may cost its host; past them it samples less.
type Limits struct {
	CPUs   float64 // of a core, its BPF programs in other processes counted in; 0 for no limit
	Memory int64   // bytes resident; 0 for no limit
}

// DefaultLimits are a tenth of a core and 200 MiB.
func DefaultLimits() Limits { return Limits{CPUs: 0.1, Memory: 200 << 20} }

// How limits are kept. The agent looks at itself every lookEvery; each look past
// a limit doubles the interval, as far as maxInterval, and calmLooks in a row that
// leave room for it halve it again.
const (
	lookEvery   = 5 * time.Second
	calmLooks   = 3
	calmShare   = 0.4 // of the CPU limit: half an interval costs twice as much
	calmMemory  = 0.9
	maxThrottle = 6 // doublings
	maxInterval = time.Minute

	// thriftFrom is the throttling from which on command lines are not read again:
	// those of new programs come with their events.
	thriftFrom = 2
)

// cost is what an agent used in some time.
type cost struct {
	elapsed, cpu time.Duration
	resident     int64 // bytes, at its end
}

// governor decides how often an agent samples. It is pure: it is told times.
type governor struct {
	limits Limits
	wanted time.Duration // the interval that the agent was told
	level  int           // doublings of it
	calm   int           // looks in a row
	why    string        // "" at level 0
}

// look judges what was used since the last look. It is true when the interval changes.
func (g *governor) look(c cost) (changed bool) {
	if c.elapsed <= 0 {
		return false
	}
	share := float64(c.cpu) / float64(c.elapsed)
	busy := g.limits.CPUs > 0 && share > g.limits.CPUs
	large := g.limits.Memory > 0 && c.resident > g.limits.Memory
	room := (g.limits.CPUs <= 0 || share < calmShare*g.limits.CPUs) &&
		(g.limits.Memory <= 0 || float64(c.resident) < calmMemory*float64(g.limits.Memory))
	before := g.level
	switch {
	case busy || large:
		g.calm, g.level = 0, min(g.level+1, maxThrottle)
		g.why = g.reason(busy, share, c.resident)
	case g.level > 0 && room:
		if g.calm++; g.calm == calmLooks {
			g.calm, g.level = 0, g.level-1
		}
		if g.level == 0 {
			g.why = ""
		}
	default:
		g.calm = 0
	}
	return g.level != before
}

// reason is what a reader of an answer is told.
func (g *governor) reason(busy bool, share float64, resident int64) string {
	if busy {
		return fmt.Sprintf("it used %.0f %% of a core, %.0f %% are allowed", 100*share, 100*g.limits.CPUs)
	}
	return fmt.Sprintf("it had %d MiB resident, %d MiB are allowed", resident>>20, g.limits.Memory>>20)
}

// interval is the time between two samples now.
func (g *governor) interval() time.Duration {
	return max(g.wanted, min(g.wanted<<g.level, maxInterval))
}

// poll is the time between two looks at events: a throttled agent shows later
// what happened, and misses nothing as long as the kernel's ring has room.
func (g *governor) poll() time.Duration { return eventPoll << min(g.level, 2) }

// thrifty tells that what can be done without is not read.
func (g *governor) thrifty() bool { return g.level >= thriftFrom }

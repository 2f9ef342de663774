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

// How limits are kept. The agent looks at itself after a pass, every lookEvery where
// passes come as often; each look past a limit doubles the interval, as far as
// maxInterval, and looks over calmFor that leave room for it halve it again.
const (
	lookEvery   = 5 * time.Second
	calmFor     = 15 * time.Second
	calmShare   = 0.4 // of the CPU limit: half an interval costs twice as much
	calmMemory  = 0.9
	maxThrottle = 6 // doublings
	maxInterval = time.Minute

	// thriftFrom is the throttling from which on command lines that are known are not
	// read again.
	thriftFrom = 2

	// Events are looked at less often only where that saves something: while the
	// agent is too busy and looks take this share of the CPU limit. What makes it
	// busy may be passes, or those that ask.
	eventShare = 0.25
	maxSlower  = 2 // doublings
)

// cost is what an agent used in some time.
type cost struct {
	elapsed, cpu time.Duration
	events       time.Duration // of cpu, at most: how long looks at events took
	resident     int64         // bytes, at its end
}

// governor decides how often an agent samples. It is pure: it is told times.
type governor struct {
	limits Limits
	wanted time.Duration // the interval that the agent was told
	level  int           // doublings of it
	slower int           // doublings of the time between two looks at events
	calm   time.Duration // that looks in a row have been over
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
	g.pace(busy, float64(c.events)/float64(c.elapsed))
	switch {
	case busy || large:
		g.calm, g.level = 0, min(g.level+1, maxThrottle)
		g.why = g.reason(busy, share, c.resident)
	case g.level > 0 && room:
		if g.calm += c.elapsed; g.calm >= calmFor {
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

// pace decides how often to look at events, which took this share of the time.
func (g *governor) pace(busy bool, events float64) {
	allowed := eventShare * g.limits.CPUs
	switch {
	case busy && events > allowed:
		g.slower = min(g.slower+1, maxSlower)
	case g.slower > 0 && 2*events < allowed: // looking twice as often costs twice as much at most
		g.slower--
	}
}

// reason is what a reader of an answer is told.
func (g *governor) reason(busy bool, share float64, resident int64) string {
	if busy {
		return fmt.Sprintf("it used %.3g %% of a core, %.3g %% are allowed", 100*share, 100*g.limits.CPUs)
	}
	return fmt.Sprintf("it had %d MiB resident, %d MiB are allowed", resident>>20, g.limits.Memory>>20)
}

// interval is the time between two samples now.
func (g *governor) interval() time.Duration {
	return max(g.wanted, min(g.wanted<<g.level, maxInterval))
}

// poll is the time between two looks at events; what comes meanwhile waits in the
// kernel's ring.
func (g *governor) poll() time.Duration { return eventPoll << g.slower }

// thrifty tells that what can be done without is not read.
func (g *governor) thrifty() bool { return g.level >= thriftFrom }

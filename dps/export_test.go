package dps

import "slices"

// Open tells whether a selection may have processes that a test does not know:
// they come and go between two readings.
func (s Selection) Open() bool {
	named := s.quick || s.listed
	return !named || s.lists.Negate || s.simplyGiven() || s.thisTerminal || slices.Contains(s.lists.TTYs, 0) || slices.Contains(s.lists.SIDs, 0) ||
		slices.Contains(s.lists.PPIDs, 2) ||
		len(s.lists.Comms) > 0
}

// Fleeting tells a selection of whatever runs at that moment: ps itself, and dps in
// one of its threads.
func (s Selection) Fleeting() bool { return s.running && s.Open() }

// Headless tells a listing that begins with a process.
func (c *Command) Headless() bool {
	return c.NoHeader || !slices.ContainsFunc(c.Cells, func(c Cell) bool { return c.Header != "" && !c.filler && c.Key != HostKey })
}

// LosesThreads tells the command lines for which ps shows no threads, because
// there is a sort key: of those that ask for threads, H alone keeps them.
func (c *Command) LosesThreads() bool { return (c.threadIDs || c.ThreadsBelow) && len(c.Sort) > 0 }

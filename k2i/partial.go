package k2i

// complete makes a whole process of an event whose road could not read it any
// more: what is known of it, or of its parent. It is false where nothing is.
func (c *changes) complete(e *Event) bool {
	if e.Parent.StartTicks == 0 && e.Parent.PID != 0 {
		if parent := c.find(e.Parent.PID); parent != nil {
			e.Parent = parent.Key()
		}
	}
	if !e.Partial {
		return true
	}
	e.Partial = false
	p := &e.Process
	if p.StartTicks == 0 { // older than the road of events
		known := c.find(p.PID)
		if known == nil {
			return false
		}
		p.StartTicks, p.StartNS = known.StartTicks, known.StartNS
		e.StartNS = known.StartNS
	}
	from := c.row(p.Key())
	switch {
	case from != nil && e.Kind == EventExit:
		ended := *p
		*p = *from
		p.copyEnd(&ended)
	case from != nil && e.Kind == EventExec:
		*p = *from
		p.Comm, p.Args = "", []string{} // another program's now, and nobody knows which
	case from == nil:
		c.adopt(p, e)
	}
	return true
}

// adopt gives a process what it has from its parent.
func (c *changes) adopt(p *Process, e *Event) {
	parent := c.row(e.Parent)
	if parent == nil {
		return
	}
	child := *parent
	child.PID, child.PPID, child.StartTicks, child.StartNS = p.PID, p.PPID, p.StartTicks, p.StartNS
	child.CPUNS, child.UserNS, child.SystemNS, child.MinFlt, child.MajFlt = 0, 0, 0, 0, 0
	child.PidfdInode, child.Threads = Unread, 1
	child.clearCounters()
	child.startTally(parent)
	child.noRates()
	child.copyEnd(p)
	*p = child
}

// clearCounters makes unread what a process counts for itself and events do not tell.
func (p *Process) clearCounters() {
	p.ExecID, p.ChildrenUserNS, p.ChildrenSystemNS, p.ChildrenMinFlt, p.ChildrenMajFlt = Unread, Unread, Unread, Unread, Unread
	p.VoluntarySwitches, p.InvoluntarySwitches = Unread, Unread
	p.ReadBytes, p.WriteBytes, p.CancelledWriteBytes = Unread, Unread, Unread
	p.RCharBytes, p.WCharBytes, p.ReadCalls, p.WriteCalls = Unread, Unread, Unread, Unread
}

package k2i

import (
	"maps"
	"slices"
	"time"
)

// changes are rows that events made, over those of a snapshot.
type changes struct {
	under *Snapshot
	rows  map[Key]*Process
	begun map[int32]Key // by pid, those that began
}

func newChanges(under *Snapshot) *changes {
	return &changes{under: under, rows: map[Key]*Process{}, begun: map[int32]Key{}}
}

// find is the last process that had a pid, or nil.
func (c *changes) find(pid int32) *Process {
	if key, ok := c.begun[pid]; ok {
		return c.row(key)
	}
	if p := c.under.Find(pid); p != nil {
		return c.row(p.Key())
	}
	return nil
}

// row is what is known of a process, or nil.
func (c *changes) row(key Key) *Process {
	if p, ok := c.rows[key]; ok {
		return p
	}
	return c.under.row(key)
}

// snapshot is the successor: its rows are shared but for the changed ones.
func (c *changes) snapshot() *Snapshot {
	next := *c.under
	changed := slices.SortedFunc(maps.Values(c.rows), byKey)
	next.Processes = make([]*Process, 0, len(c.under.Processes)+len(changed))
	for _, p := range c.under.Processes {
		for len(changed) > 0 && byKey(changed[0], p) < 0 {
			next.Processes = append(next.Processes, changed[0])
			changed = changed[1:]
		}
		if len(changed) > 0 && byKey(changed[0], p) == 0 {
			continue // the changed one comes in its place
		}
		next.Processes = append(next.Processes, p)
	}
	next.Processes = append(next.Processes, changed...)
	return &next
}

// take applies one event, once.
func (l *Live) take(e *Event, c *changes) {
	if !c.complete(e) {
		return
	}
	switch e.Kind {
	case EventFork:
		l.births[e.Process.Key()] = e.Parent
		c.begin(e, l.name)
	case EventExec:
		c.begin(e, l.name)
	case EventExit:
		p := c.ended(e, l.name)
		if at, ok := l.doomed[e.Task]; ok && at <= e.At {
			delete(l.doomed, e.Task)
			byOOM(p)
		}
		l.tasks[e.Task] = p.Key()
		l.end(p, e.Parent)
		c.rows[p.Key()] = p
	case EventFinal:
		l.amend(e.Task, c, func(p *Process) bool { return p.StartNS == e.StartNS && p.finish(&e.Process) })
		delete(l.tasks, e.Task)
	case EventVictim:
		l.doomed[e.Task] = e.At
		l.amend(e.Task, c, func(p *Process) bool {
			if time.Duration(p.EndedNS) < e.At-time.Second {
				return false // another one that had the number
			}
			delete(l.doomed, e.Task)
			return byOOM(p)
		})
	}
}

// replay lays over a sample what came after it began and has been taken already.
func (c *changes) replay(e *Event, l *Live) {
	switch e.Kind {
	case EventFork:
		if p := l.exited.Get(e.Process.Key()); p == nil && c.row(e.Process.Key()) == nil {
			c.begin(e, l.name)
		}
	case EventExec:
		if p := l.exited.Get(e.Process.Key()); p == nil {
			c.begin(e, l.name)
		}
	case EventExit:
		if p := l.exited.Get(e.Process.Key()); p != nil {
			ended := *p
			if before := c.row(p.Key()); before != nil {
				ended.takeRates(before)
			}
			c.rows[p.Key()] = &ended
		}
	case EventFinal, EventVictim: // the exit has it
	}
}

// begin makes the row of a process that was made, or that runs another program.
// A new process has its parent's command line until then.
func (c *changes) begin(e *Event, name func(p, from *Process)) {
	p := e.Process
	from := c.row(p.Key())
	switch {
	case from != nil && e.Kind == EventFork:
		return // a sample was quicker
	case from != nil && from.Ended():
		return
	case from != nil:
		p.keepTally(from)
		p.takeRates(from)
	case e.Kind == EventFork:
		from = c.row(e.Parent)
	}
	p.inherit(from, e.Kind == EventFork)
	name(&p, from)
	c.rows[p.Key()], c.begun[p.PID] = &p, p.Key()
}

// ended makes the row of a process that has ended.
func (c *changes) ended(e *Event, name func(p, from *Process)) *Process {
	p := e.Process
	from := c.row(p.Key())
	if from != nil {
		p.takeRates(from)
	} else {
		from = c.row(e.Parent)
	}
	p.inherit(from, true)
	name(&p, from)
	return &p
}

// inherit takes what events do not tell from what is known, of the process itself
// or of its parent: the command line, the program's path, what is done with
// signals, rights and namespaces, and the path of a control group that was new.
func (p *Process) inherit(from *Process, args bool) {
	if from == nil {
		return
	}
	if args && len(p.Args) == 0 && !p.Kernel {
		p.Args = from.Args
	}
	if args && p.Exe == "" && !p.Kernel {
		p.Exe = from.Exe
	}
	if p.SigCaught == nil {
		p.SigPending, p.SigSharedPending, p.SigBlocked = from.SigPending, from.SigSharedPending, from.SigBlocked
		p.SigIgnored, p.SigCaught = from.SigIgnored, from.SigCaught
	}
	if p.CapEffective == nil {
		p.CapInheritable, p.CapPermitted, p.CapEffective = from.CapInheritable, from.CapPermitted, from.CapEffective
		p.CapBounding, p.CapAmbient, p.NoNewPrivs, p.Seccomp = from.CapBounding, from.CapAmbient, from.NoNewPrivs, from.Seccomp
	}
	if p.NSUser == 0 {
		p.NSCgroup, p.NSIPC, p.NSMnt, p.NSNet, p.NSPID = from.NSCgroup, from.NSIPC, from.NSMnt, from.NSNet, from.NSPID
		p.NSPIDForChildren, p.NSTime, p.NSUser, p.NSUTS = from.NSPIDForChildren, from.NSTime, from.NSUser, from.NSUTS
	}
	if from.Key() == p.Key() {
		p.InnerPIDs = from.InnerPIDs
	}
	if p.Cgroup == "" {
		p.Cgroup = from.Cgroup
	}
}

// amend changes a copy of an ended process, wherever it is held. change tells
// whether it did anything.
func (l *Live) amend(number int32, c *changes, change func(*Process) bool) {
	key, ok := l.tasks[number]
	if !ok {
		return
	}
	old := l.exited.Get(key)
	if old == nil {
		return
	}
	p := *old
	if !change(&p) {
		return
	}
	l.exited.Put(&p)
	if e, ok := l.recent[key]; ok {
		l.recent[key] = Ended{Process: &p, Parent: e.Parent}
	}
	if shown := c.row(key); shown != nil && shown.State == StateEnded {
		row := p
		row.takeRates(shown)
		c.rows[key] = &row
	}
}

// finish sets CPU times that can only have grown.
func (p *Process) finish(final *Process) bool {
	if final.CPUNS <= p.CPUNS {
		return false
	}
	p.CPUNS, p.UserNS, p.SystemNS = final.CPUNS, max(p.UserNS, final.UserNS), max(p.SystemNS, final.SystemNS)
	return true
}

// sigkill is what the kernel ends victims with.
const sigkill = 9

// byOOM says that the kernel ended a process for want of memory.
func byOOM(p *Process) bool {
	if p.EndSignal != sigkill {
		return false
	}
	p.KilledBy, p.KillerPID, p.KillerComm, p.KillerUser = KilledByOOM, Unread, "", ""
	return true
}

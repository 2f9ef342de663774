package dps

import (
	"slices"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// simple are the selections that need no list; they add up.
type simple uint8

const (
	unixAll       simple = 1 << iota // -e, -A
	unixTerminals                    // -a
	unixNoLeaders                    // -d
)

// Selection is which processes are wanted, as ps's options say it.
type Selection struct {
	lists        query.Selection
	groups       []int32 // process groups, of -N
	listed       bool    // at least one list was given
	quick        bool    // the option q: these alone, in this order
	quickly      int     // how often it was given
	order        []int32
	simple       simple
	bsd          bool // an option of BSD was given: every terminal, not only this one
	others       bool // a
	detached     bool // x
	mine         bool // g
	thisTerminal bool // T
	running      bool // r
	leaders      bool // session leaders are shown with g only
}

func pick(which simple) func(*parser, string) error {
	return func(p *parser, _ string) error {
		p.out.Select.simple |= which
		return nil
	}
}

// plan is what the hosts are asked for and what is taken from their answer.
type plan struct {
	ask  query.Selection
	keep func(*k2i.Process) bool // nil where the answer is what is wanted
}

// plan splits a selection: lists are settled by the agents, what depends on the
// caller or on two fields at once is settled here, over every process. self is
// the caller's own process, nil over several hosts, where "mine" and "this
// terminal" mean nothing and select everybody and every terminal.
func (s Selection) plan(remote bool, self func() *k2i.Process) plan {
	if s.quick {
		p := plan{ask: query.Selection{PIDs: s.order}}
		if s.running {
			p.keep = isRunning
		}
		return p
	}
	simple, here := s.simplyGiven(), s.thisTerminal || len(s.groups) > 0
	switch {
	case !simple && !s.listed && remote, s.simple&unixAll != 0, s.others && s.detached && (s.mine || !s.leaders):
		return s.everything()
	case here || simple || !s.listed:
	case !s.running:
		return plan{ask: s.lists}
	case !s.lists.Negate:
		return plan{ask: s.lists, keep: isRunning}
	}
	return plan{keep: func(p *k2i.Process) bool {
		wanted := s.simply(p, remote, self()) || s.inLists(p, remote, self())
		return (wanted && (!s.running || isRunning(p))) != s.lists.Negate
	}}
}

// wants tells whether one process, or thread, is what a plan is for.
func (p plan) wants(one *k2i.Process) bool {
	return (p.keep == nil || p.keep(one)) && (!anyList(p.ask) || matches(p.ask, one))
}

// matches tells whether a selection that the agents could settle has p.
func matches(s query.Selection, p *k2i.Process) bool {
	found, err := query.Run(query.Query{Select: s}, &k2i.Snapshot{Processes: []*k2i.Process{p}})
	return err == nil && len(found) > 0
}

// selectsThreads tells whether lines of threads are selected one by one, as ps does: by
// what a thread has of its own. Else all threads of a process are selected with it.
func (c *Command) selectsThreads() bool {
	return c.ThreadsAlike && !c.Select.quick && (c.Select.running || len(c.Select.lists.Comms) > 0)
}

// keptFields are the fields that the keep of any plan looks at.
const keptFields = "pid ppid pgid sid tty_nr euid user ruid egid group rgid comm state kernel"

// withoutKernel is a plan that leaves out the threads of the kernel.
func (p plan) withoutKernel() plan {
	keep := p.keep
	p.keep = func(process *k2i.Process) bool { return !process.Kernel && (keep == nil || keep(process)) }
	return p
}

// simplyGiven tells whether any option selects without a list.
func (s Selection) simplyGiven() bool {
	return s.simple != 0 || s.others || s.detached || s.mine
}

// everything is -e, and with -N nothing at all.
func (s Selection) everything() plan {
	switch {
	case s.lists.Negate:
		return plan{keep: func(p *k2i.Process) bool { return s.running && !isRunning(p) }}
	case s.running:
		return plan{keep: isRunning}
	}
	return plan{}
}

// simply tells whether a selection without a list wants p.
func (s Selection) simply(p *k2i.Process, remote bool, self *k2i.Process) bool {
	terminal, leader := p.TTYNr != 0, p.SID == p.PID
	mine := remote || self != nil && p.EUID == self.EUID
	here := remote || self != nil && p.TTYNr == self.TTYNr
	switch {
	case s.simple&unixTerminals != 0 && terminal && !leader,
		s.simple&unixNoLeaders != 0 && !leader:
		return true
	case s.leaders && s.bsd && !s.mine && leader:
		return false
	case s.others && terminal,
		s.detached && mine,
		s.mine && mine && terminal,
		s.others && s.detached:
		return true
	case s.listed || s.simplyGiven():
		return false
	case s.bsd:
		return mine && terminal
	}
	return mine && here
}

// inLists tells whether a list has p; most lists are the agents' own matcher's.
func (s Selection) inLists(p *k2i.Process, remote bool, self *k2i.Process) bool {
	if s.thisTerminal && (remote || self != nil && p.TTYNr == self.TTYNr) || slices.Contains(s.groups, p.PGID) {
		return true
	}
	lists := s.lists
	lists.Negate = false
	return anyList(lists) && matches(lists, p)
}

// isRunning is what the option r keeps: running, or waiting for a disk.
func isRunning(p *k2i.Process) bool { return p.State == "R" || p.State == "D" }

// nobody is the caller where other hosts are asked.
func nobody() *k2i.Process { return nil }

// find is the row of a process id of this host.
func find(table *fleet.Table, pid int32) *k2i.Process {
	for _, r := range table.Rows {
		if r.Process.PID == pid {
			return r.Process
		}
	}
	return nil
}

// anyList tells whether a selection names anything.
func anyList(s query.Selection) bool {
	return len(s.PIDs)+len(s.PPIDs)+len(s.SIDs)+len(s.TTYs)+len(s.Comms)+len(s.Users)+len(s.RUsers)+len(s.Groups)+len(s.RGroups) > 0
}

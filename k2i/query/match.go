package query

import "ddcos/k2i"

// commBytes is how much of a name the kernel keeps, TASK_COMM_LEN less the NUL.
const commBytes = 15

// matcher is a Selection whose lists are ready to be asked.
type matcher struct {
	everything bool // no list at all
	negate     bool

	pids, ppids, sids set[int32]
	ttys              set[uint32]
	euids, egids      set[uint32]
	users, groups     set[string]
	ruids, rgids      set[uint32]
	comms             set[string]
}

func newMatcher(s Selection, n names) *matcher {
	m := &matcher{
		negate: s.Negate,
		pids:   setOf(s.PIDs), ppids: setOf(s.PPIDs), sids: setOf(s.SIDs), ttys: setOf(s.TTYs),
		ruids: resolved(s.RUsers, n.user), rgids: resolved(s.RGroups, n.group),
		comms: set[string]{},
	}
	m.euids, m.users = ids(s.Users)
	m.egids, m.groups = ids(s.Groups)
	for _, comm := range s.Comms {
		m.comms[shortComm(comm)] = struct{}{}
	}
	m.everything = len(s.PIDs)+len(s.PPIDs)+len(s.SIDs)+len(s.TTYs)+len(s.Comms)+
		len(s.Users)+len(s.Groups)+len(s.RUsers)+len(s.RGroups) == 0
	return m
}

// match tells whether the selection wants p.
func (m *matcher) match(p *k2i.Process) bool {
	return (m.everything || m.listed(p)) != m.negate
}

// listed tells whether any list names p. Kernel threads have names longer than
// 15 bytes in /proc, so both sides are cut.
func (m *matcher) listed(p *k2i.Process) bool {
	return m.pids.has(p.PID) || m.ppids.has(p.PPID) || m.sids.has(p.SID) || m.ttys.has(p.TTYNr) ||
		m.euids.has(p.EUID) || m.users.has(p.User) || m.egids.has(p.EGID) || m.groups.has(p.Group) ||
		m.ruids.has(p.RUID) || m.rgids.has(p.RGID) || m.comms.has(shortComm(p.Comm))
}

func shortComm(comm string) string { return comm[:min(len(comm), commBytes)] }

package query

import (
	"fmt"

	"ddcos/k2i"
)

// commBytes is how much of a name the kernel keeps, TASK_COMM_LEN less the NUL.
const commBytes = 15

// matcher is a Query whose lists and condition are ready to be asked.
type matcher struct {
	everything bool // no list at all
	negate     bool

	pids, ppids, sids set[int32]
	ttys              set[uint32]
	euids, egids      set[uint32]
	users, groups     set[string]
	ruids, rgids      set[uint32]
	comms             set[string]

	where *Test // nil for no condition
}

func newMatcher(q Query, host *Host, n names) (*matcher, error) {
	s := q.Select
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
	if q.Where != "" {
		where, err := Compile(q.Where)
		if err != nil {
			return nil, fmt.Errorf("where: %w", err)
		}
		m.where = where.On(host)
	}
	return m, nil
}

// match tells whether the query wants p.
func (m *matcher) match(p *k2i.Process) bool {
	return (m.everything || m.listed(p)) != m.negate && (m.where == nil || m.where.Match(p))
}

// listed tells whether any list names p. Kernel threads have names longer than
// 15 bytes in /proc, so both sides are cut.
func (m *matcher) listed(p *k2i.Process) bool {
	return m.pids.has(p.PID) || m.ppids.has(p.PPID) || m.sids.has(p.SID) || m.ttys.has(p.TTYNr) ||
		m.euids.has(p.EUID) || m.users.has(p.User) || m.egids.has(p.EGID) || m.groups.has(p.Group) ||
		m.ruids.has(p.RUID) || m.rgids.has(p.RGID) || m.comms.has(shortComm(p.Comm))
}

func shortComm(comm string) string { return comm[:min(len(comm), commBytes)] }

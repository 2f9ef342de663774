package room

import (
	"fmt"
	"slices"
	"time"

	"ddcos/protocol"
)

// modelHome is an account on its way to a caller.
type modelHome struct {
	session SessionID
	of      *modelCall
}

// entries are what a call's account holds.
func (c *modelCall) entries() int { return len(c.slots) + len(c.absent) }

// entries are all that are held.
func (m *model) entries() int {
	n := 0
	for _, c := range m.calls {
		n += c.entries()
	}
	return n
}

// isHome gives a session's credit back.
func (m *model) isHome(session SessionID) {
	if i := slices.IndexFunc(m.homes, func(h modelHome) bool { return h.session == session }); i >= 0 {
		m.homes = slices.Delete(m.homes, i, i+1)
	}
}

// taken are a session's credits that are taken.
func (m *model) taken(s SessionID) int {
	n := 0
	for _, c := range m.calls {
		if c.caller == s {
			n++
		}
	}
	for _, h := range m.homes {
		if h.session == s {
			n++
		}
	}
	return n
}

// spacious tells whether a call of everybody in that room would fit.
func (m *model) spacious(e Call) bool {
	n := len(m.in(e.Body.Room))
	for _, a := range m.absent {
		if a.room == e.Body.Room {
			n++
		}
	}
	if e.Member != 0 || e.Body.To != "" {
		n = min(n, 1)
	}
	return n == 0 || m.entries()+n <= m.limits.Entries
}

// overdraw counts what is beyond a session's credits; too often, and it is ended.
func (m *model) overdraw(s SessionID) {
	m.overdrawn[s]++
	m.stats.Overdrawn++
}

func (m *model) evict(s SessionID) {
	if m.overdrawn[s] > m.limits.Overdraws {
		m.want.answers = append(m.want.answers, fmt.Sprintf("evict %d too_many_calls", s))
	}
}

// debts are what principals owe, in deliveries times the time that one is worth,
// as of now.
type debts struct {
	at    time.Duration
	all   map[Principal]time.Duration
	swept time.Duration
}

func (m *model) pass() {
	for p, owed := range m.debts.all {
		m.debts.all[p] = max(0, owed-(m.now-m.debts.at))
	}
	m.debts.at = m.now
}

func (m *model) broke(p Principal) bool {
	m.pass()
	return m.debts.all[m.place(p)] >= time.Duration(m.limits.DeliveryBurst)*time.Second/time.Duration(m.limits.Deliveries)
}

func (m *model) spend(p Principal, deliveries int) {
	if m.pass(); deliveries == 0 {
		return
	}
	m.debts.all[m.place(p)] += time.Duration(deliveries) * time.Second / time.Duration(m.limits.Deliveries)
}

// refuseTaken is why a call may not even be looked at.
func (m *model) refuseTaken(e Call) protocol.Code {
	switch {
	case m.taken(e.Session) >= m.limits.SessionCalls:
		m.overdraw(e.Session)
		return protocol.CodeTooManyCalls
	case m.short:
		return protocol.CodeOverloaded
	case len(m.calls) >= m.limits.Calls, !m.spacious(e):
		return protocol.CodeTooManyCalls
	case m.broke(e.Peer.Principal):
		m.stats.Throttled++
		return protocol.CodeTooManyDeliveries
	}
	return 0
}

// giveBack ends a call that has waited and finds no room.
func (m *model) giveBack(c *modelCall) {
	m.calls = slices.DeleteFunc(m.calls, func(other *modelCall) bool { return other == c })
	counts := m.counts(c.offer)
	counts.Finished++
	if m.gone[c.caller] {
		counts.Abandoned++
		m.want.abandoned = append(m.want.abandoned, c)
		return
	}
	m.refuse(c.caller, protocol.CodeTooManyCalls)
	m.want.givenBack = append(m.want.givenBack, c)
}

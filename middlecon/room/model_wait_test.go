package room

import (
	"cmp"
	"fmt"
	"slices"

	"ddcos/protocol"
)

// waits tells whether a call has to wait for members, and may.
func (m *model) waits(e Call) bool {
	return e.Body.WaitUS > 0 && m.present(e) < int(e.Body.Wait)
}

// present counts the members that the call means.
func (m *model) present(e Call) int {
	n := 0
	for _, o := range m.members {
		if o.isFor(e) {
			n++
		}
	}
	return n
}

// timeIsUp begins the calls whose waiting ends now, and ends the collecting of
// bids, who waits for less time first.
func (m *model) timeIsUp(effects []Effect) {
	due := slices.DeleteFunc(slices.Clone(m.calls), func(c *modelCall) bool {
		over := !c.waiting && m.now >= c.start+c.asked.Budget
		return over || c.deadline > m.now
	})
	slices.SortFunc(due, func(a, b *modelCall) int {
		return cmp.Or(cmp.Compare(a.deadline, b.deadline), cmp.Compare(a.turn, b.turn))
	})
	for _, c := range due {
		if c.waiting {
			m.begin(c, effects)
			continue
		}
		c.offer.collects, c.deadline, c.turn = false, c.start+c.asked.Budget, m.turn()
		m.bindNext(c)
	}
}

// turn numbers what is done in its order at one deadline.
func (m *model) turn() int {
	m.lastTurn++
	return m.lastTurn
}

// enough begins the calls that have the members that they wait for.
func (m *model) enough(effects []Effect) {
	for _, c := range slices.Clone(m.calls) {
		if c.waiting && !m.waits(c.asked) {
			m.begin(c, effects)
		}
	}
}

func (m *model) forget(e Forget) {
	count := 0
	m.absent = slices.DeleteFunc(m.absent, func(a *modelAbsent) bool {
		mine := a.room == e.Body.Room && (e.Body.Name == "" || e.Body.Name == a.name)
		if mine {
			count++
		}
		return mine
	})
	if count == 0 && e.Body.Name != "" {
		m.refuse(e.Session, protocol.CodeNoSuchMember)
		return
	}
	m.want.answers = append(m.want.answers, fmt.Sprintf("forgot %d count=%d", e.Session, count))
}

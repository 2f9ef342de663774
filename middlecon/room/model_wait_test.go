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

// due is the call whose time is up first, of those whose is.
func (m *model) due() *modelCall {
	var first *modelCall
	for _, c := range m.calls {
		if c.deadline <= m.now && (first == nil || cmp.Or(cmp.Compare(c.deadline, first.deadline), cmp.Compare(c.turn, first.turn)) < 0) {
			first = c
		}
	}
	return first
}

// timeIsUp begins a call whose waiting is over, ends the collecting of bids, or
// ends the call.
func (m *model) timeIsUp(c *modelCall, effects []Effect) {
	switch {
	case c.waiting:
		m.begin(c, effects)
		return
	case m.now < c.start+c.asked.Budget:
		c.offer.collects, c.deadline, c.turn = false, c.start+c.asked.Budget, m.turn()
		m.bindNext(c)
		return
	}
	for _, s := range c.slots {
		switch {
		case s.bids():
			s.settle(m, protocol.NotBound)
		case (s.sent || s.received) && m.isParted(s.session):
			s.settle(m, protocol.LostAfterSend)
		case s.received:
			s.settle(m, protocol.Timeout)
		case s.sent:
			s.settle(m, protocol.NoReceipt)
		default:
			s.settle(m, protocol.NotSent)
		}
	}
	m.conclude(c)
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

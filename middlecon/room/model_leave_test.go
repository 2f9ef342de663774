package room

import (
	"fmt"
	"slices"

	"ddcos/protocol"
)

func (m *model) leave(e Leave) {
	if !m.part(e.Session, e.Room, "", fmt.Sprintf("left %d room=%d", e.Session, e.Room)) {
		m.refuse(e.Session, protocol.CodeNotMember)
	}
}

func (m *model) expel(e Expel) {
	m.part(e.Session, e.Room, e.Err.Error(), fmt.Sprintf("expelled %d room=%d %s", e.Session, e.Room, e.Err.Code))
}

func (m *model) part(session SessionID, room uint32, why, told string) bool {
	for _, o := range m.of(session) {
		if m.number(o.room) != room {
			continue
		}
		for _, c := range m.byNumber() {
			if s := c.slotOf(session); s != nil && c.room == o.room {
				s.settle(m, protocol.Left)
			}
			m.conclude(c)
		}
		m.want.answers = append(m.want.answers, told)
		m.remove(o, protocol.ReasonLeft, why)
		return true
	}
	return false
}

func (m *model) cancel(e Cancel) {
	m.watches = slices.DeleteFunc(m.watches, func(w *modelWatch) bool { return w.session == e.Session && w.sequence == e.Sequence })
	for _, c := range slices.Clone(m.calls) {
		if c.caller == e.Session && c.sequence == e.Sequence {
			m.end(c)
		}
	}
}

package room

import (
	"fmt"

	"ddcos/protocol"
)

func (m *model) leave(e Leave) {
	if !m.part(e.Session, e.Room, fmt.Sprintf("left %d room=%d", e.Session, e.Room)) {
		m.refuse(e.Session, protocol.CodeNotMember)
	}
}

func (m *model) expel(e Expel) {
	m.part(e.Session, e.Room, fmt.Sprintf("expelled %d room=%d %s", e.Session, e.Room, e.Err.Code))
}

func (m *model) part(session SessionID, room uint32, told string) bool {
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
		m.remove(o)
		return true
	}
	return false
}

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

// timeIsUp begins the calls whose waiting ends now, who waits for less time first.
func (m *model) timeIsUp(effects []Effect) {
	due := slices.DeleteFunc(slices.Clone(m.calls), func(c *modelCall) bool { return !c.waiting || c.deadline > m.now })
	slices.SortStableFunc(due, func(a, b *modelCall) int { return cmp.Compare(a.deadline, b.deadline) })
	for _, c := range due {
		m.begin(c, effects)
	}
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

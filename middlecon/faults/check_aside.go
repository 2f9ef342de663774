package faults

import "ddcos/protocol"

// aside holds what an account tells beside its outcomes: who is absent to the views'
// losses (I14), replies that came late or again to what members wrote (I12).
func (c *checker) aside(call *Call, a *Account) {
	told := map[protocol.MemberID]bool{}
	lost, known := c.lost[viewKey{call.Era, call.Room, a.View}]
	for _, m := range a.Absent {
		if name, is := lost[m.ID]; told[m.ID] || known && (!is || name != m.Name) {
			c.find("I14", "%v tells of %s (%v) as absent, twice or not lost in view %d", call.Key, m.Name, m.ID, a.View)
		}
		told[m.ID] = true
	}
	for id, name := range lost {
		if !told[id] && !call.Subset {
			c.find("I14", "%v does not tell that %s (%v), lost before view %d, is absent", call.Key, name, id, a.View)
		}
	}
	late := 0
	for i := range a.Entries {
		e := &a.Entries[i]
		if c.h.Sick[e.Name] {
			return // it may have replied as often as it liked
		}
		lines := c.wrote[wrote{call.Key, e.Name}]
		if e.Outcome != protocol.OK && (has(lines, Effect, call.Digest) || has(lines, Refused, call.Digest) || has(lines, Failed, call.Digest)) {
			late++
		}
	}
	if a.Late > late || a.Duplicate > 0 {
		c.find("I12", "%v tells of %d late replies and %d second ones: at most %d can have been late", call.Key, a.Late, a.Duplicate, late)
	}
}

package room

import (
	"time"

	"ddcos/protocol"
)

// setState makes a member show another state. The view stays: nobody came or
// went; but a call may have waited for just this state.
func (r *Rooms) setState(e SetState) {
	m, err := r.membership(e.Session, e.Room)
	if err == nil {
		err = protocol.CheckState(e.Body.State)
	}
	if err == nil {
		err = r.spendState(m.session)
	}
	more := 0
	if err == nil {
		more = weighPairs(e.Body.State) - weighPairs(m.state)
		err = r.bears(more)
	}
	if err != nil {
		r.fail(e.Session, e.Sequence, err)
		return
	}
	r.stats.StatesSet++
	m.departed() // those that wait forget it as it was
	m.state = e.Body.State
	m.version++
	r.shown += more
	m.weight += int32(more)
	r.emit(Stated{Session: e.Session, Sequence: e.Sequence, Room: e.Room, Version: m.version})
	r.show(m.room, protocol.ViewChunk{Changed: []protocol.Changed{{ID: m.id, Name: m.name, Version: m.version, State: m.state}}})
	r.arrived(m)
}

// spendState takes one of the states that a session may set: each goes to every
// watcher of the room, and costs whoever sets it nothing. One is earned again
// each StateEvery, up to StateBurst.
func (r *Rooms) spendState(s *session) error {
	next := max(s.stated, r.now) + r.limits.StateEvery
	if most := time.Duration(r.limits.StateBurst) * r.limits.StateEvery; next-r.now > most {
		r.stats.StatesRefused++
		return protocol.Errorf(protocol.CodeTooManyChanges, "a state may be set every %v, and %d at once", r.limits.StateEvery, r.limits.StateBurst)
	}
	s.stated = next
	return nil
}

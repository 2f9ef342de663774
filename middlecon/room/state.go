package room

import "ddcos/protocol"

// setState makes a member show another state. The view stays: nobody came or
// went; but a call may have waited for just this state.
func (r *Rooms) setState(e SetState) {
	m, err := r.membership(e.Session, e.Room)
	if err == nil {
		err = protocol.CheckState(e.Body.State)
	}
	if err != nil {
		r.fail(e.Session, e.Sequence, err)
		return
	}
	m.departed() // those that wait forget it as it was
	m.state = e.Body.State
	m.version++
	r.emit(Stated{Session: e.Session, Sequence: e.Sequence, Room: e.Room, Version: m.version})
	r.show(m.room, protocol.ViewChunk{Changed: []protocol.Changed{{ID: m.id, Name: m.name, Version: m.version, State: m.state}}})
	r.arrived(m)
}

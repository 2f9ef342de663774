package room

// publish gives a message its place in the room's order and forgets it.
func (r *Rooms) publish(e Publish) {
	whom := target{room: e.Body.Room, member: e.Member, name: e.Body.To, labels: e.Body.Labels, state: e.Body.State}
	err := whom.check()
	if err == nil {
		err = r.knows(&whom)
	}
	if err == nil {
		err = r.afford(e.Peer.Principal)
	}
	if err != nil {
		r.fail(e.Session, e.Sequence, err)
		return
	}
	r.stats.Published++
	m := Message{Session: e.Session, Sequence: e.Sequence, Payload: e.Payload}
	if in := r.rooms[whom.room]; in != nil {
		chosen := in.choose(r.selected[:0], &whom)
		m.To = make([]SessionID, len(chosen))
		for i, o := range chosen {
			m.To[i] = o.session.id
		}
		clear(chosen)
		r.selected = chosen
		m.Room = in.number
		m.Body = e.Peer.delivers(in.view)
	}
	r.spend(e.Peer.Principal, len(m.To))
	if len(m.To) > 0 {
		r.lastCall++
		m.Number = r.lastCall
	}
	r.emit(m)
}

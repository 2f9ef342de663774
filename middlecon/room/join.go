package room

import "ddcos/protocol"

// join makes a member and the next view, or says why not.
func (r *Rooms) join(e Join) {
	in, err := r.admit(e)
	if err != nil {
		r.fail(e.Session, e.Sequence, err)
		return
	}
	r.lastSerial++
	s := r.session(e.Session)
	s.host, s.pid = e.Peer.Host, e.Peer.PID
	m := &member{
		id:      protocol.NewMemberID(r.broker, r.lastSerial),
		room:    in,
		session: s,
		name:    e.Body.Name,
		labels:  e.Body.Labels,
		state:   e.Body.State,
		weight:  int32(weigh(e.Body.Name, e.Body.Labels, e.Body.State)),
	}
	if len(m.state) > 0 {
		m.version = 1
	}
	in.add(m)
	s.enter(m)
	r.shown += int(m.weight)
	r.stats.Members++
	r.recall(in, m.name)
	r.nextView(in)
	r.emit(Joined{Session: s.id, Sequence: e.Sequence, Room: in.number, Member: m.id, View: in.view})
	r.show(in, protocol.ViewChunk{Joined: []protocol.Member{m.shown()}})
	r.arrived(m)
}

func (r *Rooms) nextView(in *room) {
	in.view++
	r.stats.Views++
}

// admit checks a Join and opens its room.
func (r *Rooms) admit(e Join) (*room, error) {
	if err := protocol.CheckName(e.Body.Room); err != nil {
		return nil, err
	}
	if err := protocol.CheckName(e.Body.Name); err != nil {
		return nil, err
	}
	if err := protocol.CheckLabels(e.Body.Labels); err != nil {
		return nil, err
	}
	if err := protocol.CheckState(e.Body.State); err != nil {
		return nil, err
	}
	in, s := r.rooms[e.Body.Room], r.sessions.Get(e.Session)
	var before *member // whose place it takes
	if in != nil {
		if s != nil && s.member(in) != nil {
			return nil, protocol.Errorf(protocol.CodeAlreadyMember, "leave %q before joining it again", in.name)
		}
		if before = in.names[e.Body.Name]; before != nil && !before.yields(e.Peer.Principal) {
			return nil, protocol.Errorf(protocol.CodeNameTaken, "%q is in %q already: choose another name", e.Body.Name, in.name)
		}
		if before == nil && in.size >= r.limits.Members {
			return nil, protocol.Errorf(protocol.CodeTooManyMembers, "%q has %d, its most", in.name, in.size)
		}
	}
	if s != nil {
		if n := s.memberships(); n >= r.limits.SessionRooms {
			return nil, protocol.Errorf(protocol.CodeTooManyRooms, "this session is in %d, its most", n)
		}
	}
	if err := r.bears(weigh(e.Body.Name, e.Body.Labels, e.Body.State)); err != nil {
		return nil, err
	}
	if before != nil {
		r.stats.TakenOver++
		r.end(before.session, "its name was taken over")
	}
	return r.openRoom(e.Body.Room)
}

// yields tells whether a member makes way for a newer one of its name: its session
// is parted, and both are the same principal's. The older session is lost as a
// whole, and can not be resumed.
func (m *member) yields(p Principal) bool {
	return m.session.parted() && m.session.keep.principal == p
}

// leave ends a membership that its session does not want any more.
func (r *Rooms) leave(e Leave) {
	m, err := r.membership(e.Session, e.Room)
	if err != nil {
		r.fail(e.Session, e.Sequence, err)
		return
	}
	r.part(m, LeftRoom(e), "")
}

// expel ends a membership that the broker does not allow any more.
func (r *Rooms) expel(e Expel) {
	if m, err := r.membership(e.Session, e.Room); err == nil {
		r.part(m, Expelled(e), e.Err.Error())
	}
}

// part ends a membership whose session lives on, and tells it so.
func (r *Rooms) part(m *member, told Effect, why string) {
	r.settleLeft(m.session, m.room)
	m.session.exit(m)
	r.emit(told)
	r.remove(m, protocol.ReasonLeft, why)
}

// membership is that session's in the room of that number.
func (r *Rooms) membership(id SessionID, number uint32) (*member, error) {
	s, in := r.sessions.Get(id), r.numbers[number]
	if s != nil && in != nil {
		if m := s.member(in); m != nil {
			return m, nil
		}
	}
	return nil, protocol.Errorf(protocol.CodeNotMember, "room %d: this session is not in it", number)
}

// remove takes m out of its room and makes the next view.
func (r *Rooms) remove(m *member, why protocol.Reason, text string) {
	in := m.room
	in.take(m)
	m.departed()
	r.stats.Members--
	r.shown -= int(m.weight)
	if why == protocol.ReasonLost {
		r.remember(m, text)
	}
	r.nextView(in)
	r.show(in, protocol.ViewChunk{Gone: []protocol.Gone{{ID: m.id, Name: m.name, Reason: why, Text: text}}})
	r.dropIfUnused(in)
}

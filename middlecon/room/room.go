package room

import "ddcos/protocol"

// room is one room, from its first member or watch until nothing refers to it.
// Its number is not given again before 2^32 other rooms. Its views count from
// the highest view of the rooms that were dropped before, so that the views of
// one name only rise even where the room itself came and went; view 0 is a
// room that is not there.
type room struct {
	name    string
	number  uint32
	view    uint64
	members []*member // in the order of joining, with holes; MemberIDs rise
	size    int       // of members, without the holes
	names   map[string]*member
	watches []*watch
	absent  []*absent // by name
	lost    lostList  // the same
	waiting []*call   // for members, in the order of their acceptance
}

// member is one session in one room.
type member struct {
	id      protocol.MemberID
	room    *room
	session *session
	next    *member // of its session's
	index   int32   // in room.members
	weight  int32   // bytes of memory, about
	name    string
	labels  map[string]string
	state   map[string]string
	version uint64 // of state
}

// openRoom finds or makes the room of that name.
func (r *Rooms) openRoom(name string) (*room, error) {
	if in := r.rooms[name]; in != nil {
		return in, nil
	}
	if len(r.rooms) >= r.limits.Rooms {
		return nil, protocol.Errorf(protocol.CodeTooManyRooms, "this broker has %d, its most", len(r.rooms))
	}
	r.lastRoom++
	for r.lastRoom == 0 || r.numbers[r.lastRoom] != nil {
		r.lastRoom++
	}
	in := &room{name: name, number: r.lastRoom, view: r.lastView, names: make(map[string]*member), lost: lostList{link: ofRoom}}
	r.rooms[name] = in
	r.numbers[in.number] = in
	return in, nil
}

// dropIfUnused forgets a room that nothing refers to. A call in flight needs no
// mention: it has an open slot, and that slot's session is a member still.
func (r *Rooms) dropIfUnused(in *room) {
	if in.size == 0 && len(in.watches) == 0 && len(in.absent) == 0 && len(in.waiting) == 0 {
		delete(r.rooms, in.name)
		delete(r.numbers, in.number)
		r.lastView = max(r.lastView, in.view)
	}
}

func (in *room) add(m *member) {
	m.index = int32(len(in.members))
	in.members = append(in.members, m)
	in.names[m.name] = m
	in.size++
}

// take removes m and leaves a hole; the holes are closed when they are more
// than the members, so that a loss costs the same in a large room.
func (in *room) take(m *member) {
	in.members[m.index] = nil
	delete(in.names, m.name)
	in.size--
	if len(in.members) < 2*in.size+16 {
		return
	}
	packed := make([]*member, 0, in.size)
	for _, m := range in.members {
		if m != nil {
			m.index = int32(len(packed))
			packed = append(packed, m)
		}
	}
	in.members = packed
}

package room

// Holding is a membership that a session has, a watch or its will.
type Holding struct {
	Room     string
	Number   uint32 // of the room, for a membership; 0 for the others
	Sequence uint64 // of a watch
	Will     bool
}

// Held are all of a session's, memberships first.
func (r *Rooms) Held(id SessionID) []Holding {
	s := r.sessions.Get(id)
	if s == nil {
		return nil
	}
	var all []Holding
	for m := s.members; m != nil; m = m.next {
		all = append(all, Holding{Room: m.room.name, Number: m.room.number})
	}
	for _, q := range s.requests {
		if q.watch != nil {
			all = append(all, Holding{Room: q.watch.room.name, Sequence: q.sequence})
		}
	}
	if s.keep != nil && s.keep.will != nil {
		all = append(all, Holding{Room: s.keep.will.whom.room, Will: true})
	}
	return all
}

// NameOf is the name of the room of that number, if the session is in it.
func (r *Rooms) NameOf(id SessionID, number uint32) (name string, ok bool) {
	m, err := r.membership(id, number)
	if err != nil {
		return "", false
	}
	return m.room.name, true
}

// Size is how many members a room has.
func (r *Rooms) Size(name string) int {
	if in := r.rooms[name]; in != nil {
		return in.size
	}
	return 0
}

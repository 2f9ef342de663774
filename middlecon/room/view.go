package room

import (
	"slices"

	"ddcos/protocol"
)

// watch is a session's wish to see every view of a room.
type watch struct {
	session  *session
	sequence uint64
	room     *room
}

// watch shows the view as it is, and keeps the watch unless Once was asked.
func (r *Rooms) watch(e Watch) {
	in, err := r.watched(e)
	if err != nil {
		r.fail(e.Session, e.Sequence, err)
		return
	}
	full := protocol.ViewChunk{Room: e.Body.Room, Full: true}
	if in != nil {
		full.View, full.Size = in.view, uint32(in.size)
		full.Joined = in.shown()
		full.Absent = r.listAbsent(in, &target{})
	}
	r.emit(View{Session: e.Session, Sequence: e.Sequence, Change: &full})
	if e.Body.Once {
		return
	}
	s := r.session(e.Session)
	w := &watch{session: s, sequence: e.Sequence, room: in}
	s.requests = append(s.requests, request{sequence: e.Sequence, watch: w})
	in.watches = append(in.watches, w)
	r.stats.Watches++
}

// watched checks a Watch and finds its room; one that is watched for longer
// than Once is opened, so that its first member is seen.
func (r *Rooms) watched(e Watch) (*room, error) {
	if err := protocol.CheckName(e.Body.Room); err != nil {
		return nil, err
	}
	if err := r.free(e.Session, e.Sequence); err != nil {
		return nil, err
	}
	if e.Body.Once {
		return r.rooms[e.Body.Room], nil
	}
	if s := r.sessions.Get(e.Session); s != nil && len(s.requests)-s.calls >= r.limits.SessionWatches {
		return nil, protocol.Errorf(protocol.CodeTooManyWatches, "this session has %d, its most", len(s.requests)-s.calls)
	}
	return r.openRoom(e.Body.Room)
}

// unwatch ends a watch on the room's side.
func (r *Rooms) unwatch(w *watch) {
	w.room.watches = slices.DeleteFunc(w.room.watches, func(other *watch) bool { return other == w })
	r.stats.Watches--
	r.dropIfUnused(w.room)
}

// show tells every watcher of the room what changed; they share what they are told.
func (r *Rooms) show(in *room, change protocol.ViewChunk) {
	change.Room, change.View, change.Size = in.name, in.view, uint32(in.size)
	for _, w := range in.watches {
		if w.session.lost { // in this step
			continue
		}
		r.emit(View{Session: w.session.id, Sequence: w.sequence, Change: &change})
	}
}

// shown is the member list as a view has it.
func (in *room) shown() []protocol.Member {
	list := make([]protocol.Member, 0, in.size)
	for _, m := range in.members {
		if m != nil {
			list = append(list, m.shown())
		}
	}
	return list
}

func (m *member) shown() protocol.Member {
	return protocol.Member{ID: m.id, Name: m.name, Host: m.session.host, PID: m.session.pid, Labels: m.labels, Version: m.version, State: m.state, Parted: m.session.parted()}
}

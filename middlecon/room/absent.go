package room

import (
	"cmp"
	"slices"
	"time"

	"ddcos/protocol"
)

// absent is a member that was lost, until its name is in the room again,
// Limits.AbsentFor has passed or the room has lost too many others since.
type absent struct {
	member *member
	host   string // its peer's
	pid    int32
	at     time.Duration
	reason string
	links  [2]struct{ older, newer *absent }
}

// lostList holds absent members in the order of their loss. Each is in two:
// that of all rooms, which finds the one whose time is up without a timer for
// each, and its room's, which finds the one that makes way.
type lostList struct {
	link           int // ofAll or ofRoom
	bytes          int // ofAll: what they take
	oldest, newest *absent
}

const (
	ofAll  = 0
	ofRoom = 1
)

func (l *lostList) push(a *absent) {
	if l.newest != nil {
		l.newest.links[l.link].newer = a
	} else {
		l.oldest = a
	}
	a.links[l.link].older, l.newest = l.newest, a
}

func (l *lostList) remove(a *absent) {
	link := a.links[l.link]
	if link.older != nil {
		link.older.links[l.link].newer = link.newer
	} else {
		l.oldest = link.newer
	}
	if link.newer != nil {
		link.newer.links[l.link].older = link.older
	} else {
		l.newest = link.older
	}
}

// findAbsent is where in absent that name is or would be.
func (in *room) findAbsent(name string) (at int, ok bool) {
	return slices.BinarySearchFunc(in.absent, name, func(a *absent, name string) int { return cmp.Compare(a.member.name, name) })
}

// remember puts a lost member on its room's list; where that or all lists
// together are too long, the one that was lost first makes way.
func (r *Rooms) remember(m *member, reason string) {
	if min(r.limits.Absent, r.limits.AbsentAll) <= 0 || r.limits.AbsentFor <= 0 {
		return
	}
	in := m.room
	a := &absent{member: m, host: m.session.host, pid: m.session.pid, at: r.now, reason: reason}
	m.session = nil
	r.lost.push(a)
	in.lost.push(a)
	at, _ := in.findAbsent(m.name)
	in.absent = slices.Insert(in.absent, at, a)
	r.stats.Absent++
	r.lost.bytes += int(m.weight)
	if len(in.absent) > r.limits.Absent {
		r.forget(in.lost.oldest)
	}
	for r.stats.Absent > r.limits.AbsentAll || r.lost.bytes > r.limits.AbsentBytes {
		r.forget(r.lost.oldest)
	}
}

// forget ends the memory of one lost member, and of a room that had nothing else.
func (r *Rooms) forget(a *absent) {
	r.recall(a.member.room, a.member.name)
	r.dropIfUnused(a.member.room)
}

// forgetLost forgets one lost member of a room, or all.
func (r *Rooms) forgetLost(e Forget) {
	if err := protocol.CheckName(e.Body.Room); err != nil {
		r.fail(e.Session, e.Sequence, err)
		return
	}
	in := r.rooms[e.Body.Room]
	count := 0
	switch {
	case e.Body.Name != "":
		at, ok := 0, false
		if in != nil {
			at, ok = in.findAbsent(e.Body.Name)
		}
		if !ok {
			r.fail(e.Session, e.Sequence, protocol.Errorf(protocol.CodeNoSuchMember, "%q has not lost %.140q", e.Body.Room, e.Body.Name))
			return
		}
		r.forget(in.absent[at])
		count = 1
	case in != nil:
		for count = 0; in.lost.oldest != nil; count++ {
			r.forget(in.lost.oldest)
		}
	}
	r.emit(Forgot{Session: e.Session, Sequence: e.Sequence, Count: count})
}

// recall takes a name off the room's list of lost members, if it is there.
func (r *Rooms) recall(in *room, name string) {
	at, ok := in.findAbsent(name)
	if !ok {
		return
	}
	r.lost.bytes -= int(in.absent[at].member.weight)
	r.lost.remove(in.absent[at])
	in.lost.remove(in.absent[at])
	in.absent = slices.Delete(in.absent, at, at+1)
	r.stats.Absent--
}

// expireAbsent forgets who was lost Limits.AbsentFor ago.
func (r *Rooms) expireAbsent() {
	for a := r.lost.oldest; a != nil && a.at+r.limits.AbsentFor <= r.now; a = r.lost.oldest {
		r.forget(a)
	}
}

// listAbsent tells who was lost, by name, of those whom a call would have selected.
func (r *Rooms) listAbsent(in *room, whom *target) []protocol.Absent {
	var shown []protocol.Absent
	for _, a := range in.absent {
		if !whom.fits(a.member) {
			continue
		}
		if shown == nil {
			shown = make([]protocol.Absent, 0, len(in.absent))
		}
		shown = append(shown, protocol.Absent{
			ID:     a.member.id,
			Name:   a.member.name,
			Host:   a.host,
			PID:    a.pid,
			AgoMS:  uint64((r.now - a.at).Milliseconds()),
			Reason: a.reason,
		})
	}
	return shown
}

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
	turn   uint64 // counts all losses
	at     time.Duration
	reason string
	older  *absent // lost before it, in any room
	newer  *absent
}

// lostList is every absent member of all rooms, so that the one whose time is
// up is found without a timer for each.
type lostList struct{ oldest, newest *absent }

func (l *lostList) push(a *absent) {
	a.older = l.newest
	if a.older != nil {
		a.older.newer = a
	} else {
		l.oldest = a
	}
	l.newest = a
}

func (l *lostList) remove(a *absent) {
	if a.older != nil {
		a.older.newer = a.newer
	} else {
		l.oldest = a.newer
	}
	if a.newer != nil {
		a.newer.older = a.older
	} else {
		l.newest = a.older
	}
	a.older, a.newer = nil, nil
}

// findAbsent is where in absent that name is or would be.
func (in *room) findAbsent(name string) (at int, ok bool) {
	return slices.BinarySearchFunc(in.absent, name, func(a *absent, name string) int { return cmp.Compare(a.member.name, name) })
}

// remember puts a lost member on its room's list; where the list is full, the
// one that was lost first makes way.
func (r *Rooms) remember(m *member, reason string) {
	if r.limits.Absent <= 0 || r.limits.AbsentFor <= 0 {
		return
	}
	m.session = nil
	in := m.room
	if len(in.absent) >= r.limits.Absent {
		first := slices.MinFunc(in.absent, func(a, b *absent) int { return cmp.Compare(a.turn, b.turn) })
		r.recall(in, first.member.name)
	}
	r.lastLoss++
	a := &absent{member: m, turn: r.lastLoss, at: r.now, reason: reason}
	r.lost.push(a)
	at, _ := in.findAbsent(m.name)
	in.absent = slices.Insert(in.absent, at, a)
	r.stats.Absent++
}

// recall takes a name off the room's list of lost members, if it is there.
func (r *Rooms) recall(in *room, name string) {
	at, ok := in.findAbsent(name)
	if !ok {
		return
	}
	r.lost.remove(in.absent[at])
	in.absent = slices.Delete(in.absent, at, at+1)
	r.stats.Absent--
}

// expireAbsent forgets who was lost Limits.AbsentFor ago.
func (r *Rooms) expireAbsent() {
	for a := r.lost.oldest; a != nil && a.at+r.limits.AbsentFor <= r.now; a = r.lost.oldest {
		in := a.member.room
		r.recall(in, a.member.name)
		r.dropIfUnused(in)
	}
}

// listAbsent tells who was lost and had these labels, by name.
func (r *Rooms) listAbsent(in *room, labels map[string]string) []protocol.Absent {
	var shown []protocol.Absent
	for _, a := range in.absent {
		if !hasLabels(a.member.labels, labels) {
			continue
		}
		if shown == nil {
			shown = make([]protocol.Absent, 0, len(in.absent))
		}
		shown = append(shown, protocol.Absent{
			ID:     a.member.id,
			Name:   a.member.name,
			Host:   a.member.peer.Host,
			PID:    a.member.peer.PID,
			AgoMS:  uint64((r.now - a.at).Milliseconds()),
			Reason: a.reason,
		})
	}
	return shown
}

package room

import (
	"time"

	"ddcos/protocol"
)

// keeping is what a session has that asked to outlive its connection, or to have
// a last word.
type keeping struct {
	principal Principal
	window    time.Duration // for which it may be resumed; 0: not at all
	parted    bool          // its connection is cut, and until has not come
	until     time.Duration
	why       string // how the connection ended
	turn      int    // in Rooms.parted, while it is parted
	will      *will
}

// kept gives a session its keeping.
func (s *session) kept() *keeping {
	if s.keep == nil {
		s.keep = &keeping{}
	}
	return s.keep
}

func (s *session) parted() bool { return s.keep != nil && s.keep.parted }

// befalls takes what happens to sessions beyond their connections.
func (r *Rooms) befalls(ev Event) {
	switch e := ev.(type) {
	case Hold:
		r.hold(e)
	case Cut:
		r.cut(e)
	case Resume:
		r.resumed(e)
	case Will:
		r.setWill(e)
	}
}

// hold makes a session one that may be resumed.
func (r *Rooms) hold(e Hold) {
	k := r.session(e.Session).kept()
	k.principal, k.window = e.Principal, e.Window
}

// cut parts a session for its window, or loses it where it has none, or where too
// many are parted. Nothing is settled yet but where others would have to wait: an
// offer that it is not bound to goes to them.
func (r *Rooms) cut(e Cut) {
	s := r.sessions.Get(e.Session)
	if s == nil || s.keep == nil || s.keep.window <= 0 || len(r.parted) >= r.limits.Parted {
		r.emit(Ended(e))
		if s != nil {
			r.lose(s, e.Why, false)
		}
		return
	}
	k := s.keep
	k.parted, k.until, k.why = true, r.now+k.window, e.Why
	if k.will != nil {
		k.will.due = r.now + k.will.delay
	}
	r.parted.push(s)
	r.releaseOffers(s)
	r.showParted(s)
}

// releaseOffers settles a session's slots in offers that it is not bound to.
func (r *Rooms) releaseOffers(s *session) {
	for i := 0; i < len(s.slots); {
		p := s.slots[i]
		if p.call.offer != nil && p.call.slots[p.index].state != settled && !p.call.begun(p.index) {
			r.emit(Withdraw{From: []SessionID{s.id}, Call: p.id, Room: p.call.room.number})
			r.settle(p.call, p.index, protocol.NotSent)
			r.conclude(p.call)
		}
		if i < len(s.slots) && s.slots[i].id == p.id { // the offer goes on
			i++
		}
	}
}

// resumed gives a session to a new connection, if it is the same principal's.
func (r *Rooms) resumed(e Resume) {
	s := r.sessions.Get(e.Session)
	switch {
	case s == nil || s.keep == nil || s.keep.window <= 0:
		r.stats.ResumesRefused++
		r.emit(NotResumed{By: e.By})
		return
	case s.keep.principal != e.Principal:
		r.stats.ResumesRefused++
		r.emit(NotResumed{By: e.By, Err: protocol.Errorf(protocol.CodeNotResumed, "the session is another principal's")})
		return
	case !e.Whole:
		r.stats.ResumesRefused++
		r.end(s, "it was resumed, and frames are missing")
		r.emit(NotResumed{By: e.By})
		return
	}
	r.stats.Resumed++
	was := s.keep.parted
	if was {
		r.parted.remove(s)
		s.keep.parted = false
	} else {
		r.stats.TakenOver++
	}
	r.emit(Resumed{Session: s.id, By: e.By, TookOver: !was, Will: s.keep.will != nil})
	if was {
		r.showParted(s)
	}
}

// end loses a session that the broker does not know to be lost.
func (r *Rooms) end(s *session, why string) {
	r.emit(Ended{Session: s.id, Why: why})
	r.lose(s, why, false)
}

// showParted shows the watchers of a session's rooms that it has parted or is back.
func (r *Rooms) showParted(s *session) {
	for m := s.members; m != nil; m = m.next {
		r.show(m.room, protocol.ViewChunk{Changed: []protocol.Changed{{ID: m.id, Name: m.name, Version: m.version, State: m.state, Parted: s.parted()}}})
	}
}

// expireParted publishes wills that are due, and loses sessions whose window has ended.
func (r *Rooms) expireParted() {
	for len(r.parted) > 0 && r.parted[0].keep.at() <= r.now {
		s := r.parted[0]
		if s.keep.until <= r.now {
			r.stats.Expired++
			r.end(s, s.keep.why)
			continue
		}
		r.lastWord(s, s.keep.why)
		r.parted.moved(s)
	}
}

// at is when something is to be done about a parted session.
func (k *keeping) at() time.Duration {
	if k.will != nil && k.will.due < k.until {
		return k.will.due
	}
	return k.until
}

// partedHeap is a binary heap of the parted sessions, the next to be dealt with first.
type partedHeap []*session

func (h partedHeap) before(i, j int) bool {
	if a, b := h[i].keep.at(), h[j].keep.at(); a != b {
		return a < b
	}
	return h[i].id < h[j].id
}

func (h partedHeap) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].keep.turn, h[j].keep.turn = i, j
}

func (h *partedHeap) push(s *session) {
	s.keep.turn = len(*h)
	*h = append(*h, s)
	h.moved(s)
}

func (h *partedHeap) remove(s *session) {
	at, last := s.keep.turn, len(*h)-1
	h.swap(at, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	if at < last {
		h.moved((*h)[at])
	}
}

// moved finds the place of a session whose time has changed.
func (h partedHeap) moved(s *session) {
	i := s.keep.turn
	for parent := (i - 1) / 2; i > 0 && h.before(i, parent); parent = (i - 1) / 2 {
		h.swap(i, parent)
		i = parent
	}
	for {
		first := i
		for _, child := range [...]int{2*i + 1, 2*i + 2} {
			if child < len(h) && h.before(child, first) {
				first = child
			}
		}
		if first == i {
			return
		}
		h.swap(i, first)
		i = first
	}
}

// Waits tells what is left of the deadline of a call or offer that still waits for
// that session; ok is false where it does not, and its frame is of no use.
func (r *Rooms) Waits(id SessionID, in CallID) (left time.Duration, ok bool) {
	c, i, ok := r.slotOf(id, in)
	if !ok || c.slots[i].state == settled {
		return 0, false
	}
	return max(0, c.start+c.budget-r.now), true
}

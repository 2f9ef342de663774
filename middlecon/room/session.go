package room

import (
	"cmp"
	"slices"
	"time"

	"ddcos/protocol"
)

// session is what the rooms know of a session from its first request until it is lost.
type session struct {
	id       SessionID
	host     string // its peer's, as its members are shown
	pid      int32  // likewise
	lost     bool
	members  *member   // at most one of a room, in the order of joining
	slots    []place   // of the calls in flight that selected it, by rising CallID
	requests []request // its own calls and watches
	calls    int       // of requests

	home      int // accounts on their way to it
	overdrawn int // calls beyond its credits, in a row

	stated time.Duration // when it will have earned all its states again
	keep   *keeping      // nil where it asked for nothing of it

	slot1 [1]place // slots, while there is one: it lies beside what is looked at with it
}

// place is where in a call a session's slot is.
type place struct {
	id    CallID
	call  *call
	index int
}

// request is one call or one watch under the sequence that the session gave it.
type request struct {
	sequence uint64
	call     *call
	watch    *watch
}

// session finds or makes that session's entry.
func (r *Rooms) session(id SessionID) *session {
	s := r.sessions.Get(id)
	if s == nil {
		s = &session{id: id}
		s.slots = s.slot1[:0]
		r.sessions.Put(id, s)
	}
	return s
}

// member is the session's membership of that room, or nil.
func (s *session) member(in *room) *member {
	m := s.members
	for m != nil && m.room != in {
		m = m.next
	}
	return m
}

// memberships counts them.
func (s *session) memberships() (n int) {
	for m := s.members; m != nil; m = m.next {
		n++
	}
	return n
}

// enter puts a membership behind the others.
func (s *session) enter(m *member) {
	at := &s.members
	for *at != nil {
		at = &(*at).next
	}
	*at = m
}

// exit takes one out.
func (s *session) exit(m *member) {
	at := &s.members
	for *at != m {
		at = &(*at).next
	}
	*at, m.next = m.next, nil
}

// request is that sequence's place in requests, or -1.
func (s *session) request(sequence uint64) int {
	return slices.IndexFunc(s.requests, func(q request) bool { return q.sequence == sequence })
}

func (s *session) addCall(c *call) {
	s.requests = append(s.requests, request{sequence: c.sequence, call: c})
	s.calls++
}

func (s *session) dropCall(c *call) {
	i := s.request(c.sequence)
	s.requests = slices.Delete(s.requests, i, i+1)
	s.calls--
}

// slot finds the session's slot in that call, as long as the call is in flight.
func (s *session) slot(id CallID) (at int, ok bool) {
	return slices.BinarySearchFunc(s.slots, id, func(p place, id CallID) int { return cmp.Compare(p.id, id) })
}

func (s *session) dropSlot(id CallID) {
	if at, ok := s.slot(id); ok {
		s.slots = slices.Delete(s.slots, at, at+1)
	}
}

// free refuses a sequence that a call or watch of the session already has.
func (r *Rooms) free(id SessionID, sequence uint64) error {
	if s := r.sessions.Get(id); s != nil && s.request(sequence) >= 0 {
		return protocol.Errorf(protocol.CodeDuplicate, "sequence %d is in use: choose another", sequence)
	}
	return nil
}

// cancel ends a call, which is answered, or a watch, silently. A sequence that
// is not in use crossed its own answer on the way, and is no mistake.
func (r *Rooms) cancel(e Cancel) {
	s := r.sessions.Get(e.Session)
	if s == nil {
		return
	}
	i := s.request(e.Sequence)
	if i < 0 {
		return
	}
	if c := s.requests[i].call; c != nil {
		r.finish(c)
		return
	}
	r.unwatch(s.requests[i].watch)
	s.requests = slices.Delete(s.requests, i, i+1)
}

// lose ends a session: its watches, its own calls, its slots in the calls of
// others, its will, its memberships, in this order, so that nothing is sent to it.
func (r *Rooms) lose(s *session, why string, meant bool) {
	s.lost = true
	if s.parted() {
		r.parted.remove(s)
	}
	r.sessions.Delete(s.id)
	requests := slices.Clone(s.requests)
	for _, q := range requests {
		if q.watch != nil {
			r.unwatch(q.watch)
		}
	}
	for _, q := range requests {
		if q.call != nil {
			r.finish(q.call)
		}
	}
	slots := s.slots
	s.slots = nil
	for _, p := range slots {
		r.settleLost(p.call, p.index)
	}
	if meant {
		r.takeWill(s)
	} else {
		r.lastWord(s, why)
	}
	for m := s.members; m != nil; m = s.members {
		s.exit(m)
		r.remove(m, protocol.ReasonLost, why)
	}
}

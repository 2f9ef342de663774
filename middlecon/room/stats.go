package room

import "ddcos/protocol"

// Stats are counts since the start, and of what there is. Accepted = Finished
// + InFlight at every instant; calls asked for = Accepted + Refused.
type Stats struct {
	Accepted  uint64
	Finished  uint64 // Abandoned among them
	Abandoned uint64 // their caller was lost before
	Refused   uint64 // calls answered by Failed
	Published uint64 // messages without replies: no calls, and in none of the counts above
	InFlight  int    // those that wait for members among them

	Outcomes  [protocol.Cancelled + 1]uint64 // members settled, by outcome
	Late      uint64                         // whole replies after their member was settled or the call was over
	Duplicate uint64                         // further whole replies of one member to a call in flight
	Unknown   uint64                         // replies to no call, or by a session that the call did not select

	Views   uint64 // made since the start
	Rooms   int
	Members int
	Watches int
	Absent  int
	Held    int // bytes of replies and waiting messages of the calls in flight
}

// Stats tells the counts as they are now. It costs the same whatever there is.
func (r *Rooms) Stats() Stats {
	s := r.stats
	s.InFlight, s.Rooms, s.Held = len(r.calls)+r.waiting, len(r.rooms), r.held
	return s
}

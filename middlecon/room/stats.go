package room

import "ddcos/protocol"

// Counts are of calls, or of offers. Accepted = Finished + InFlight at every
// instant; those asked for = Accepted + Refused.
type Counts struct {
	Accepted  uint64
	Finished  uint64 // Abandoned among them
	Abandoned uint64 // their caller was lost before
	Refused   uint64 // answered by Failed
	InFlight  int    // those that wait for members among them
}

// Stats are counts since the start, and of what there is.
type Stats struct {
	Counts           // of calls, without offers
	Offers    Counts // of offers
	Published uint64 // messages without replies: no calls, and in none of the counts above

	Bound         uint64 // offers that a member was bound to
	Bids          uint64
	BidsLate      uint64 // after their member was settled or the offer was over
	BidsDuplicate uint64 // further ones of one member on one offer in flight
	BidsUnknown   uint64 // on no offer, or by a session that was not offered it

	Outcomes  [protocol.NotBound + 1]uint64 // members settled, by outcome
	Late      uint64                        // whole replies after their member was settled or the call was over
	Duplicate uint64                        // further whole replies of one member to a call in flight
	Unknown   uint64                        // replies to no call, or by a session that the call did not select, or of a member that is not bound

	StatesSet     uint64
	StatesRefused uint64 // with CodeTooManyChanges

	Throttled uint64 // calls, offers and messages refused with CodeTooManyDeliveries
	Overdrawn uint64 // calls and offers beyond their session's credits

	Resumed        uint64 // sessions
	TakenOver      uint64 // sessions resumed that were not parted, and parted ones that a newer member ended
	Expired        uint64 // parted sessions whose window ended
	ResumesRefused uint64
	Wills          int    // that are set
	WillsSent      uint64 // published, also those for nobody

	Parted  int    // sessions
	Views   uint64 // made since the start
	Rooms   int
	Members int
	Watches int
	Absent  int
	Held    int // bytes of replies and waiting messages of the calls in flight
	Entries int // members that they have selected, and those absent
}

// Stats tells the counts as they are now. It costs the same whatever there is.
func (r *Rooms) Stats() Stats {
	s := r.stats
	s.InFlight, s.Rooms, s.Held = len(r.calls)+r.waiting-r.offers, len(r.rooms), r.held
	s.Offers.InFlight = r.offers
	s.Entries, s.Parted = r.entries, len(r.parted)
	return s
}

// Answers counts the replies, parts of replies, receipts and bids that were
// waited for. One that was not leaves the count as it was.
func (r *Rooms) Answers() uint64 { return r.answers }

// Throttled counts what was refused with CodeTooManyDeliveries.
func (r *Rooms) Throttled() uint64 { return r.stats.Throttled }

// of are the counts of calls, or where there is an offer of offers.
func (s *Stats) of(o *offer) *Counts {
	if o != nil {
		return &s.Offers
	}
	return &s.Counts
}

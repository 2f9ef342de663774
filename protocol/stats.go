package protocol

import "math/bits"

// Stats are a broker's counts since its start, and what there is, all of one
// instant: Accepted = Finished + InFlight, of calls and of offers.
type Stats struct {
	UptimeMS   uint64 `msgpack:"uptime_ms"`
	Accepted   uint64 `msgpack:"accepted"` // calls
	Finished   uint64 `msgpack:"finished"`
	Abandoned  uint64 `msgpack:"abandoned"` // of the finished, those whose caller was lost
	Refused    uint64 `msgpack:"refused"`   // not among the accepted
	InFlight   uint64 `msgpack:"in_flight"`
	Published  uint64 `msgpack:"published"`
	Late       uint64 `msgpack:"late"` // replies
	Duplicate  uint64 `msgpack:"duplicate"`
	Unknown    uint64 `msgpack:"unknown"`
	Views      uint64 `msgpack:"views"`
	Sessions   uint64 `msgpack:"sessions"`
	Rooms      uint64 `msgpack:"rooms"`
	Members    uint64 `msgpack:"members"`
	Watches    uint64 `msgpack:"watches"`
	Absent     uint64 `msgpack:"absent"`
	Held       uint64 `msgpack:"held"`                  // bytes of replies and waiting messages
	Queued     uint64 `msgpack:"queued"`                // bytes that wait for sessions
	QueueFull  uint64 `msgpack:"queue_full,omitempty"`  // frames given up because too much waited for their session or for all
	Overdrawn  uint64 `msgpack:"overdrawn,omitempty"`   // calls and offers beyond their session's credits
	Throttled  uint64 `msgpack:"throttled,omitempty"`   // calls, offers and messages refused with CodeTooManyDeliveries
	Entries    uint64 `msgpack:"entries,omitempty"`     // members that the calls in flight have selected
	Homing     uint64 `msgpack:"homing,omitempty"`      // bytes of accounts that their callers have not read
	Slow       uint64 `msgpack:"slow,omitempty"`        // of Queued, bytes that wait for sessions which read too slowly
	Begun      uint64 `msgpack:"begun,omitempty"`       // bytes of frames that are not whole
	BegunEnded uint64 `msgpack:"begun_ended,omitempty"` // sessions ended because of these
	Logged     uint64 `msgpack:"logged,omitempty"`      // lines of the account log
	LogDropped uint64 `msgpack:"log_dropped,omitempty"` // that could not be written
	TLS        uint64 `msgpack:"tls,omitempty"`         // sessions over it
	TLSRefused uint64 `msgpack:"tls_refused,omitempty"` // connections and sessions over TLS that were refused: no handshake, or no credential that holds
	HalfOpen   uint64 `msgpack:"half_open,omitempty"`   // sessions ended because their host acknowledged nothing any more
	Floods     uint64 `msgpack:"floods,omitempty"`      // sessions that the broker reads no faster than the others can bear
	PutOff     uint64 `msgpack:"put_off,omitempty"`     // times that a session waited to say hello, join, watch and the like, or to call
	Forbidden  uint64 `msgpack:"forbidden,omitempty"`   // requests that the policy refused
	Expelled   uint64 `msgpack:"expelled,omitempty"`    // memberships, watches and sessions ended because a policy or a token changed

	Outcomes      []uint64 `msgpack:"outcomes"`                 // members settled; the element is the outcome's number
	Latency       []uint64 `msgpack:"latency"`                  // calls answered, by LatencyBound
	ElapsedUS     uint64   `msgpack:"elapsed_us"`               // of the calls answered, in all
	MemberLatency []uint64 `msgpack:"member_latency,omitempty"` // members settled of the calls answered, by LatencyBound
	MemberUS      uint64   `msgpack:"member_us,omitempty"`      // from the view to their settling, in all

	OffersAccepted  uint64 `msgpack:"offers_accepted"`
	OffersFinished  uint64 `msgpack:"offers_finished"`
	OffersAbandoned uint64 `msgpack:"offers_abandoned"`
	OffersRefused   uint64 `msgpack:"offers_refused"`
	OffersInFlight  uint64 `msgpack:"offers_in_flight"`
	OffersBound     uint64 `msgpack:"offers_bound"` // that a member was bound to
	Bids            uint64 `msgpack:"bids"`
	BidsLate        uint64 `msgpack:"bids_late"`
	BidsDuplicate   uint64 `msgpack:"bids_duplicate"`
	BidsUnknown     uint64 `msgpack:"bids_unknown"` // for nothing that their session was offered
	StatesSet       uint64 `msgpack:"states_set"`
	StatesRefused   uint64 `msgpack:"states_refused"` // for being too many

	Parted         uint64 `msgpack:"parted,omitempty"`          // sessions whose connection is cut, and that may be resumed
	Resumed        uint64 `msgpack:"resumed,omitempty"`         // sessions
	TakenOver      uint64 `msgpack:"taken_over,omitempty"`      // sessions resumed while they seemed alive, and parted ones whose name was taken
	Expired        uint64 `msgpack:"expired,omitempty"`         // parted sessions whose window ended
	ResumesRefused uint64 `msgpack:"resumes_refused,omitempty"` // hellos with the secret of another principal's session, or of none
	Wills          uint64 `msgpack:"wills,omitempty"`           // that are set
	WillsSent      uint64 `msgpack:"wills_sent,omitempty"`      // that were published
	Unacked        uint64 `msgpack:"unacked,omitempty"`         // bytes kept to be sent again
}

// LatencyBuckets is how many elements Stats.Latency has.
const LatencyBuckets = 23

// LatencyBound is how long the calls of one bucket took at most, in µs: 100,
// 200, 400 and so on. The last bucket, for which it is 0, has the longer ones.
func LatencyBound(bucket int) uint64 {
	if bucket >= LatencyBuckets-1 {
		return 0
	}
	return 100 << bucket
}

// LatencyBucket is the bucket of a call that took so many µs.
func LatencyBucket(elapsed uint64) int {
	if elapsed <= LatencyBound(0) {
		return 0
	}
	return min(bits.Len64((elapsed-1)/LatencyBound(0)), LatencyBuckets-1)
}

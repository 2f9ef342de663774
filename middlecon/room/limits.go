// Package room decides: which member is in which view, whom a call selects,
// what became of each and when the call is over. It is a pure state machine:
// Step takes the time and one event and says what is to be done. No lock, no
// clock, no socket; one owner calls it.
package room

import (
	"time"

	"ddcos/protocol"
)

// Limits bound every table of the rooms; reaching one is the code named beside it.
type Limits struct {
	Rooms          int           // that exist at once: CodeTooManyRooms
	Members        int           // of one room: CodeTooManyMembers
	MemberBytes    int           // of all members, with what they show: CodeTooManyMembers
	SessionRooms   int           // memberships of one session: CodeTooManyRooms
	SessionCalls   int           // in flight of one session, or with an account that is not home: CodeTooManyCalls
	Overdraws      int           // calls of one session beyond that, in a row, before it is ended
	Entries        int           // selected and absent members of all calls in flight: CodeTooManyCalls
	Deliveries     int           // a second that one principal may cause: CodeTooManyDeliveries; 0: any number
	DeliveryBurst  int           // that it may cause at once, beside those
	Principals     int           // that have a count of their own; others share one
	SessionWatches int           // of one session: CodeTooManyWatches
	Parted         int           // sessions that wait to be resumed; beyond, one that is cut is lost
	StateBurst     int           // states that a session may set at once, in all its rooms: CodeTooManyChanges
	StateEvery     time.Duration // after which it may set one more
	Calls          int           // in flight in all: CodeTooManyCalls
	ReplyBytes     int           // of one member: AppError "reply_too_large"
	AccountBytes   int           // of all replies of one call, likewise
	HeldBytes      int           // of all replies of all calls in flight, likewise, and messages that wait: CodeTooManyCalls
	BlockBytes     int           // of a reply that lie together; at least 1
	PartBytes      int           // of entries, more than which go home while their call goes on
	Absent         int           // members remembered as lost, of one room; the oldest is forgotten
	AbsentAll      int           // of all rooms together, likewise
	AbsentBytes    int           // that these take, likewise
	AbsentFor      time.Duration // how long they are remembered
}

// DefaultLimits are those of a broker that was told nothing.
func DefaultLimits() Limits {
	return Limits{
		Rooms:          65536,
		Members:        100_000,
		MemberBytes:    256 << 20,
		SessionRooms:   64,
		SessionCalls:   256,
		Overdraws:      1000,
		Entries:        1 << 20,
		Deliveries:     500_000,
		DeliveryBurst:  1_000_000,
		Principals:     65536,
		SessionWatches: 64,
		Parted:         10_000,
		StateBurst:     20,
		StateEvery:     100 * time.Millisecond,
		Calls:          16384,
		ReplyBytes:     16 << 20,
		AccountBytes:   64 << 20,
		HeldBytes:      256 << 20,
		BlockBytes:     64 << 10,
		PartBytes:      protocol.MaxBody,
		Absent:         10_000,
		AbsentAll:      100_000,
		AbsentBytes:    64 << 20,
		AbsentFor:      24 * time.Hour,
	}
}

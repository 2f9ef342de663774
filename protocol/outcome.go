package protocol

import "fmt"

// Outcome is what became of one selected member. Append-only.
type Outcome uint8

// The outcomes. Pending leaves the broker with a part of an offer's reply alone.
const (
	Pending           Outcome = 0
	OK                Outcome = 1  // the handler replied
	AppError          Outcome = 2  // the handler failed; its text is the error
	Refused           Outcome = 3  // the member's runtime or the broker did not start the handler: busy, unsupported, forbidden
	Timeout           Outcome = 4  // received, and no reply by the deadline
	NoReceipt         Outcome = 5  // written to its socket, and no receipt by the deadline
	Overflow          Outcome = 6  // its queue at the broker was full
	NotSent           Outcome = 7  // no byte was handed to the transport
	LostAfterSend     Outcome = 8  // its session ended after the first byte: the effect is unknown
	Left              Outcome = 9  // it left the room before it replied
	UnreachableBroker Outcome = 10 // behind a broker that cannot be reached
	Cancelled         Outcome = 11 // the rule was met, or the caller went away
	NotBound          Outcome = 12 // of an offer: it has bid and was not bound, so that it did not begin
)

var outcomeNames = [...]string{
	Pending: "pending", OK: "ok", AppError: "app_error", Refused: "refused", Timeout: "timeout",
	NoReceipt: "no_receipt", Overflow: "overflow", NotSent: "not_sent", LostAfterSend: "lost_after_send",
	Left: "left", UnreachableBroker: "unreachable_broker", Cancelled: "cancelled",
	NotBound: "not_bound",
}

// Outcomes are all that an account can hold, in wire order.
func Outcomes() []Outcome {
	all := make([]Outcome, 0, len(outcomeNames)-1)
	for o := OK; int(o) < len(outcomeNames); o++ {
		all = append(all, o)
	}
	return all
}

// String is the outcome's name in JSON and in SPEC.md.
func (o Outcome) String() string { return nameOf(outcomeNames[:], int(o), "outcome") }

// FromMember tells the outcomes that a member's reply may carry.
func (o Outcome) FromMember() bool { return o == OK || o == AppError || o == Refused }

func nameOf(names []string, n int, what string) string {
	if n < len(names) && names[n] != "" {
		return names[n]
	}
	return fmt.Sprintf("%s(%d)", what, n)
}

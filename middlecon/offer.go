package middlecon

import (
	"context"
	"fmt"
	"time"

	"ddcos/protocol"
)

// OfferOptions say whom work is offered to and how long it may take.
type OfferOptions struct {
	Deadline time.Duration // of bidding and work together, 1 ms to 5 min; 0 for DefaultDeadline
	Labels   map[string]string
	State    map[string]string // that the members' state has
	Wait     int               // for so many members, as in CallOptions
	WaitUpTo time.Duration

	// Window is for how long bids are collected before the member of the least
	// cost is bound, of equal ones the first to bid; it is shorter than Deadline.
	// 0: the first to bid is bound.
	Window time.Duration

	// Bound is called once, when a member is bound, by the connection's reader: it
	// must not block. Nobody else will ever be bound.
	Bound func(Bound)

	// Partial is told of the bound member's reply as it is made, in its order and of
	// every byte once, of a whole one before Offer returns. It runs on the goroutine of
	// Offer, and holds up nothing else when it takes its time. What it is told counts
	// only if that member's outcome is OK in the end; else it is void, as Account.Void says.
	Partial func(part []byte)
}

// Bound is the member that is bound to an offer.
type Bound struct {
	Member protocol.MemberID
	Name   string
	Host   string
	PID    int
}

// Offer offers work to the selected members of room. Those that want it bid,
// one is bound, and only its Work runs: its outcome in the account is that of a
// call. All others have not begun, and their outcomes tell why. An offer that
// nobody took is no error: the account is not met and Bound is 0. When ctx ends
// first the offer is cancelled.
//
// Where the bound member's outcome is LostAfterSend, Left, Timeout, NoReceipt or
// Cancelled, what it did is unknown: who offers again may have the work done twice.
func (c *Conn) Offer(ctx context.Context, room string, payload []byte, options OfferOptions) (*Account, error) {
	if err := complete(&options.Deadline, options.Wait, &options.WaitUpTo); err != nil {
		return nil, err
	}
	if options.Window < 0 || options.Window >= options.Deadline {
		return nil, protocol.Errorf(protocol.CodeBadDeadline, "collecting bids for %v of %v leaves no time for the work", options.Window, options.Deadline)
	}
	body := protocol.Offer{
		Room: room, Labels: options.Labels, State: options.State, WindowUS: uint32(options.Window.Microseconds()),
		Wait: uint32(min(options.Wait, maxMembers)), WaitUS: uint32(options.WaitUpTo.Microseconds()),
		Partial: options.Partial != nil,
	}
	h := protocol.Header{Kind: protocol.KindOffer, Budget: uint32(options.Deadline.Microseconds())}
	account, err := c.account(ctx, options.WaitUpTo+options.Deadline, h, protocol.Encode(body), payload, &request{bound: options.Bound, part: options.Partial})
	if err != nil {
		return nil, fmt.Errorf("offering to %s: %w", room, err)
	}
	return account, nil
}

// BoundOutcome is what became of the member that an offer was bound to.
func (a *Account) BoundOutcome() (o Outcome, ok bool) {
	for i := range a.Outcomes {
		if a.Bound != 0 && a.Outcomes[i].Member == a.Bound {
			return a.Outcomes[i], true
		}
	}
	return Outcome{}, false
}

// bound tells who offered that a member is bound.
func (c *Conn) bound(f protocol.Frame) error {
	var body protocol.Bound
	if err := protocol.DecodeAnswer(f.Meta, &body); err != nil {
		return err
	}
	c.mu.Lock()
	r := c.waiting[f.Sequence]
	c.mu.Unlock()
	if r != nil && r.bound != nil {
		r.bound(Bound{Member: f.Member, Name: body.Name, Host: body.Host, PID: int(body.PID)})
	}
	return nil
}

package middlecon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ddcos/protocol"
)

// CallOptions say whom a call selects, how long it may take and when it is a success.
type CallOptions struct {
	Deadline time.Duration // 1 ms to 5 min; 0 for DefaultDeadline
	Need     protocol.Rule // the zero Rule: all
	Labels   map[string]string
	State    map[string]string // that the members' state has

	// Wait is for how many members that would be selected the call waits, WaitUpTo
	// for how long at most, before the view is fixed and Deadline begins.
	Wait     int
	WaitUpTo time.Duration // up to 5 min; 0 for DefaultWait where Wait is not 0

	// Partial is told of outcomes while the call goes on, in the order in which
	// members are settled and a few milliseconds' worth at a time: of each once, and
	// of all before Call returns an account. It runs on the goroutine of Call, and
	// holds up nothing else when it takes its time. The slice is its own until it
	// returns; what the outcomes hold is the account's.
	Partial func([]Outcome)
}

// DefaultWait is how long a call waits for members that names no time for it.
const DefaultWait = 5 * time.Second

// DefaultDeadline is that of a call which names none.
const DefaultDeadline = 2 * time.Second

// accountGrace is how much later than its deadline an account may come before
// the broker itself is given up.
const accountGrace = 10 * time.Second

// maxMembers bounds what a broker can make this side remember of one account or view.
const maxMembers = 1 << 20

// Call reaches every selected member of room and returns when each of them is
// settled, the rule is met or the deadline has passed. An account whose rule
// is not met is no error. When ctx ends first the call is cancelled. A connection has
// so many calls and offers in flight as its broker allows; the next waits for one of
// these to end, and its deadline begins then.
func (c *Conn) Call(ctx context.Context, room string, payload []byte, options CallOptions) (*Account, error) {
	return c.call(ctx, room, "", payload, options)
}

// Send reaches one member of room: the one that has the id that to spells, as
// protocol.MemberID prints it, or else the name. Where there is no such member
// the error is protocol.CodeNoSuchMember. One that the room has lost is told as
// absent in an account that selects nobody, and the rule is not met.
func (c *Conn) Send(ctx context.Context, room, to string, payload []byte, options CallOptions) (*Account, error) {
	if to == "" {
		return nil, protocol.Errorf(protocol.CodeBadName, "sending to %s: want a member's name or id", room)
	}
	if options.Need == (protocol.Rule{}) {
		options.Need = protocol.Rule{Kind: protocol.RuleAtLeast, N: 1}
	}
	return c.call(ctx, room, to, payload, options)
}

// call is Call, or Send where to is not empty.
func (c *Conn) call(ctx context.Context, room, to string, payload []byte, options CallOptions) (*Account, error) {
	if err := complete(&options.Deadline, options.Wait, &options.WaitUpTo); err != nil {
		return nil, err
	}
	body := protocol.Call{
		Room: room, Rule: options.Need.Kind, N: options.Need.N, Key: options.Need.Key, Value: options.Need.Value, Labels: options.Labels, State: options.State,
		Wait: uint32(min(options.Wait, maxMembers)), WaitUS: uint32(options.WaitUpTo.Microseconds()), Partial: options.Partial != nil,
	}
	h := protocol.Header{Kind: protocol.KindCall, Budget: uint32(options.Deadline.Microseconds())}
	h.Member, body.To = addressee(to)
	account, err := c.account(ctx, options.WaitUpTo+options.Deadline, h, body.Append(nil), payload, &request{partial: options.Partial})
	if err != nil {
		return nil, fmt.Errorf("calling %s: %w", room, err)
	}
	return account, nil
}

// complete puts defaults in the place of times that were left zero, and checks them.
func complete(deadline *time.Duration, wait int, waitUpTo *time.Duration) error {
	if *deadline == 0 {
		*deadline = DefaultDeadline
	}
	if *deadline < protocol.MinDeadline || *deadline > protocol.MaxDeadline {
		return protocol.Errorf(protocol.CodeBadDeadline, "%v: want %v to %v", *deadline, protocol.MinDeadline, protocol.MaxDeadline)
	}
	if wait > 0 && *waitUpTo == 0 {
		*waitUpTo = DefaultWait
	}
	if wait < 0 || *waitUpTo < 0 || *waitUpTo > protocol.MaxDeadline {
		return protocol.Errorf(protocol.CodeBadDeadline, "waiting for %d members up to %v: want at most %v", wait, *waitUpTo, protocol.MaxDeadline)
	}
	return nil
}

var errNoAccount = fmt.Errorf("no account %v after the deadline: the broker may be stopped", accountGrace)

// account asks for what is answered by an account, within this time.
func (c *Conn) account(ctx context.Context, within time.Duration, h protocol.Header, meta, payload []byte, r *request) (*Account, error) {
	for {
		credit, err := c.credit(ctx, within+accountGrace)
		if err != nil {
			return nil, err
		}
		r.credit, r.account = credit, &Account{coming: coming{asked: r.part != nil}}
		if r.partial != nil || r.part != nil {
			r.news = make(chan struct{}, 1)
		}
		asking, cancel := context.WithTimeoutCause(ctx, within+accountGrace, errNoAccount)
		a, err := c.ask(asking, h, meta, payload, r, nil)
		over := context.Cause(asking)
		cancel()
		switch {
		case err == nil:
			r.tell()
			return r.account, r.account.order()
		case errors.Is(over, errNoAccount):
			return nil, fmt.Errorf("%w; %d outcomes have come, and not the end", over, r.outcomes.Load())
		case over != nil:
			return nil, over
		case !errors.Is(err, errReconnected) && (!turnedAway(a.header) || !c.moves(ctx, r.link)):
			return nil, err
		}
	}
}

// addressee reads a member's id, or else its name.
func addressee(to string) (protocol.MemberID, string) {
	if id, err := protocol.ParseMemberID(to); err == nil {
		return id, ""
	}
	return 0, to
}

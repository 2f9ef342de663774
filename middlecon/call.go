package middlecon

import (
	"context"
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

// Account is the outcome of every selected member, exactly one each.
type Account struct {
	Room      string
	View      uint64
	ViewSize  int
	Selected  int
	Rule      protocol.Rule
	Met       bool
	Elapsed   time.Duration // from when the view was fixed
	Waited    time.Duration // for members, before that
	Outcomes  []Outcome     // in the view's order
	Absent    []Absent      // lost before the call and not back: outside of the counts
	Late      int           // replies after their member was settled
	Duplicate int

	Bound protocol.MemberID // of an offer: who was bound; 0: nobody
	Bids  int               // of an offer: members that had bid when one was bound, or it ended

	replies int  // bytes so far
	more    bool // the last outcome's reply goes on in the next entry
}

// Outcome is what became of one member.
type Outcome struct {
	Member  protocol.MemberID
	Name    string
	Host    string
	PID     int
	Outcome protocol.Outcome
	Latency time.Duration // from when the view was fixed
	Reply   []byte        // with OK
	Error   string        // with AppError and Refused
}

// Absent is a member that the room remembers as lost.
type Absent struct {
	Member protocol.MemberID
	Name   string
	Host   string
	PID    int
	Ago    time.Duration
	Reason string
}

// Call reaches every selected member of room and returns when each of them is
// settled, the rule is met or the deadline has passed. An account whose rule
// is not met is no error. When ctx ends first the call is cancelled.
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
		Wait: uint32(min(options.Wait, maxMembers)), WaitUS: uint32(options.WaitUpTo.Microseconds()),
	}
	h := protocol.Header{Kind: protocol.KindCall, Budget: uint32(options.Deadline.Microseconds())}
	h.Member, body.To = addressee(to)
	account, err := c.account(ctx, options.WaitUpTo+options.Deadline, h, protocol.Encode(body), payload, nil)
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

// account asks for what is answered by an account, within this time.
func (c *Conn) account(ctx context.Context, within time.Duration, h protocol.Header, meta, payload []byte, bound func(Bound)) (*Account, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, within+accountGrace,
		fmt.Errorf("no account %v after the deadline: the broker may be stopped", accountGrace))
	defer cancel()
	account := &Account{}
	if _, err := c.ask(ctx, h, meta, payload, &request{account: account, bound: bound}, nil); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	return account, nil
}

// addressee reads a member's id, or else its name.
func addressee(to string) (protocol.MemberID, string) {
	if id, err := protocol.ParseMemberID(to); err == nil {
		return id, ""
	}
	return 0, to
}

// Counts are how many members had each outcome; those that none had are left out.
func (a *Account) Counts() map[protocol.Outcome]int {
	counts := map[protocol.Outcome]int{}
	for i := range a.Outcomes {
		counts[a.Outcomes[i].Outcome]++
	}
	return counts
}

// add takes one chunk; whole tells that it was the last.
func (a *Account) add(f protocol.Frame) (whole bool, err error) {
	var chunk protocol.AccountChunk
	if err := protocol.DecodeAnswer(f.Meta, &chunk); err != nil {
		return false, err
	}
	for i := range chunk.Entries {
		if err := a.entry(&chunk.Entries[i]); err != nil {
			return false, err
		}
	}
	for _, gone := range chunk.Absent {
		a.Absent = append(a.Absent, absent(gone))
	}
	if f.Flags&protocol.FlagMore != 0 {
		return false, nil
	}
	s := chunk.Summary
	if s == nil || a.more || int(s.Selected) != len(a.Outcomes) {
		return false, protocol.Errorf(protocol.CodeMalformed, "an account that does not add up")
	}
	a.Room, a.View, a.ViewSize, a.Selected = s.Room, s.View, int(s.ViewSize), int(s.Selected)
	a.Rule, a.Met = s.When(), s.Met
	a.Elapsed = time.Duration(s.ElapsedUS) * time.Microsecond
	a.Waited = time.Duration(s.WaitedUS) * time.Microsecond
	a.Late, a.Duplicate = int(s.Late), int(s.Duplicate)
	a.Bound, a.Bids = s.Bound, int(s.Bids)
	return true, nil
}

// entry takes one member's outcome, or goes on with the reply of the one before.
func (a *Account) entry(e *protocol.Entry) error {
	if a.replies += len(e.Reply); a.replies > protocol.MaxAccount {
		return protocol.Errorf(protocol.CodeReplyTooLarge, "an account of over %d bytes", protocol.MaxAccount)
	}
	goesOn := a.more
	a.more = e.More
	if goesOn {
		last := &a.Outcomes[len(a.Outcomes)-1]
		if last.Member != e.Member {
			return protocol.Errorf(protocol.CodeMalformed, "the reply of %v breaks off", last.Member)
		}
		last.Reply = append(last.Reply, e.Reply...)
		return nil
	}
	if len(a.Outcomes) == maxMembers {
		return protocol.Errorf(protocol.CodeMalformed, "an account of over %d members", maxMembers)
	}
	a.Outcomes = append(a.Outcomes, Outcome{
		Member: e.Member, Name: e.Name, Host: e.Host, PID: int(e.PID), Outcome: e.Outcome,
		Latency: time.Duration(e.LatencyUS) * time.Microsecond, Reply: e.Reply, Error: e.Error,
	})
	return nil
}

func absent(a protocol.Absent) Absent {
	return Absent{
		Member: a.ID, Name: a.Name, Host: a.Host, PID: int(a.PID),
		Ago: time.Duration(a.AgoMS) * time.Millisecond, Reason: a.Reason,
	}
}

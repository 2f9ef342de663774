package room

import (
	"math"
	"time"

	"ddcos/protocol"
)

// call is one call in flight: its account as far as it has come, and a slot
// beside each entry. What the account says of who was selected is fixed here.
type call struct {
	id       CallID
	room     *room
	caller   *session
	sequence uint64
	start    time.Duration
	deadline time.Duration
	turn     int // in Rooms.due
	rule     protocol.Rule
	account  *Account
	slots    []slot // of account.Entries
	open     int    // slots not settled
	ok       int
	bytes    int // of replies kept
	arena    []byte
}

// slot is how far one selected member has come.
type slot struct {
	session *session
	state   state
	reply   protocol.Outcome // of the parts so far
	replied bool             // settled by a whole reply
}

type state uint8

const (
	queued   state = iota // no byte was handed to the transport
	sent                  // the first was
	received              // the member's runtime has it
	settled
)

// call accepts or refuses a call. Nothing is answered to an accepted one but
// its account.
func (r *Rooms) call(e Call) {
	if err := r.allowCall(e); err != nil {
		r.stats.Refused++
		r.fail(e.Session, e.Sequence, err)
		return
	}
	r.stats.Accepted++
	c := r.accept(e)
	if len(c.slots) == 0 {
		c.account.Summary.Met = c.met()
		r.stats.Finished++
		r.emit(Finished{Session: e.Session, Sequence: e.Sequence, Account: c.account})
		return
	}
	c.caller = r.session(e.Session)
	r.open(c)
	r.emit(Deliver{
		To:      c.recipients(),
		Call:    c.id,
		Room:    c.room.number,
		Budget:  e.Budget,
		Body:    protocol.Deliver{View: c.room.view, Host: e.Peer.Host, PID: e.Peer.PID},
		Payload: e.Payload,
	})
}

func (r *Rooms) allowCall(e Call) error {
	whom := targetOf(e)
	if err := whom.check(); err != nil {
		return err
	}
	if err := (protocol.Rule{Kind: e.Body.Rule, N: e.Body.N}).Check(); err != nil {
		return err
	}
	budget := uint32(min(max(e.Budget.Microseconds(), 0), math.MaxUint32))
	if err := protocol.CheckDeadline(budget); err != nil {
		return err
	}
	if err := r.free(e.Session, e.Sequence); err != nil {
		return err
	}
	if s := r.sessions[e.Session]; s != nil && s.calls >= r.limits.SessionCalls {
		return protocol.Errorf(protocol.CodeTooManyCalls, "this session has %d in flight, its most", s.calls)
	}
	if len(r.calls) >= r.limits.Calls {
		return protocol.Errorf(protocol.CodeTooManyCalls, "this broker has %d in flight, its most", len(r.calls))
	}
	return r.knows(&whom)
}

// accept fixes the view, who of it is selected and who is absent.
func (r *Rooms) accept(e Call) *call {
	c := &call{
		sequence: e.Sequence,
		start:    r.now,
		deadline: r.now + e.Budget,
		rule:     protocol.Rule{Kind: e.Body.Rule, N: e.Body.N},
		account:  &Account{Summary: protocol.Summary{Room: e.Body.Room, Rule: e.Body.Rule, N: e.Body.N}},
	}
	whom := targetOf(e)
	in := r.rooms[whom.room]
	if in == nil {
		return c
	}
	chosen := in.choose(r.selected[:0], &whom)
	c.room = in
	c.account.Summary.View, c.account.Summary.ViewSize = in.view, uint32(in.size)
	c.account.Summary.Selected = uint32(len(chosen))
	c.account.Absent = r.listAbsent(in, &whom)
	c.slots = make([]slot, len(chosen))
	c.account.Entries = make([]protocol.Entry, len(chosen))
	for i, m := range chosen {
		c.slots[i].session = m.session
		entry := &c.account.Entries[i]
		entry.Member, entry.Name, entry.Host, entry.PID = m.id, m.name, m.peer.Host, m.peer.PID
	}
	c.open = len(chosen)
	clear(chosen)
	r.selected = chosen
	return c
}

// open puts an accepted call into every table that it ends from.
func (r *Rooms) open(c *call) {
	r.lastCall++
	c.id = r.lastCall
	r.calls[c.id] = c
	r.due.push(c)
	c.caller.addCall(c)
	for i := range c.slots {
		s := c.slots[i].session
		s.slots = append(s.slots, place{id: c.id, call: c, index: i})
	}
}

func (c *call) recipients() []SessionID {
	to := make([]SessionID, len(c.slots))
	for i := range c.slots {
		to[i] = c.slots[i].session.id
	}
	return to
}

// met tells whether enough members replied OK.
func (c *call) met() bool { return c.ok >= c.rule.Needed(len(c.slots)) }

// over tells whether the call ends now: everyone is settled, or the rule is
// met. A rule that needs nobody asks only to be told: it waits for everyone.
func (c *call) over() bool {
	return c.open == 0 || (c.rule.Needed(len(c.slots)) > 0 && c.met())
}

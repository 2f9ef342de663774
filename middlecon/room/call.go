package room

import (
	"math"
	"slices"
	"time"

	"ddcos/protocol"
)

// call is one call in flight: its account as far as it has come, and a slot
// beside each entry. What the account says of who was selected is fixed here.
type call struct {
	id       CallID
	session  SessionID
	caller   *session // nil until it is in the tables
	room     *room
	whom     target
	sequence uint64
	accepted time.Duration
	start    time.Duration // when the view was fixed
	budget   time.Duration
	deadline time.Duration // of the call, or of its waiting
	order    uint64        // of entering Rooms.due
	turn     int           // in Rooms.due
	waiting  *waiting      // until the view is fixed
	rule     protocol.Rule
	needed   int // OK of slots that count, for the rule to be met
	account  Account
	slots    []slot // of account.Entries
	open     int    // slots not settled
	ok       int    // of those that count
	entries  int    // of the account, as counted in Rooms.entries
	bytes    int    // of replies kept
	untold   int    // bytes of entries that no Settled told of
	partial  bool   // the caller wants to know each entry as soon as it is final
	offer    *offer // what an offer has beyond a call, or nil
	arena    []byte
	delivery Delivery
}

// slot is how far one selected member has come.
type slot struct {
	session *session
	state   state
	reply   protocol.Outcome // of the parts so far
	replied bool             // settled by a whole reply
	bid     bool             // of an offer: it has
	counts  bool             // for the rule
}

type state uint8

const (
	queued   state = iota // no byte was handed to the transport
	sent                  // the first was
	received              // the member's runtime has it
	bids                  // of an offer: it would be bound, and is not
	settled
)

// call accepts or refuses a call, or what of an offer is one. Nothing is
// answered to an accepted one but its account.
func (r *Rooms) call(e Call, o *offer) {
	err := o.check(e.Budget)
	if err == nil {
		err = r.allowCall(e)
	}
	counts := r.stats.of(o)
	if err != nil {
		counts.Refused++
		r.fail(e.Session, e.Sequence, err)
		r.evict(e.Session)
		return
	}
	counts.Accepted++
	if s := r.sessions.Get(e.Session); s != nil {
		s.overdrawn = 0
	}
	c := r.newCall()
	c.offer, c.session, c.sequence, c.room, c.whom = o, e.Session, e.Sequence, r.rooms[e.Body.Room], targetOf(e)
	c.accepted, c.budget, c.rule, c.partial = r.now, e.Budget, e.Body.When(), e.Body.Partial
	a := &c.account
	a.call, a.Session, a.Sequence, a.Caller, a.Offer, a.One = c, e.Session, e.Sequence, e.Peer, o != nil, c.whom.one()
	a.Summary = protocol.Summary{Room: e.Body.Room, Rule: e.Body.Rule, N: e.Body.N, Key: e.Body.Key, Value: e.Body.Value}
	if r.mustWait(e) {
		r.wait(c, e)
		return
	}
	r.begin(c, e.Peer, e.Payload)
}

// begin fixes the view of a call and delivers it; one that selects nobody is over.
func (r *Rooms) begin(c *call, caller Peer, payload []byte) {
	r.fix(c)
	r.spend(caller.Principal, len(c.slots))
	if len(c.slots) == 0 {
		r.close(c)
		return
	}
	r.open(c)
	c.collect()
	r.schedule(c)
	c.delivery = Delivery{
		To:      c.recipients(),
		Call:    c.id,
		Room:    c.room.number,
		Budget:  c.budget,
		Body:    caller.delivers(c.room.view),
		Payload: payload,
		Offer:   c.offer != nil,
	}
	r.emit(Deliver{&c.delivery})
}

func (r *Rooms) allowCall(e Call) error {
	whom := targetOf(e)
	if err := whom.check(); err != nil {
		return err
	}
	if err := e.Body.When().Check(); err != nil {
		return err
	}
	budget := uint32(min(max(e.Budget.Microseconds(), 0), math.MaxUint32))
	if err := protocol.CheckDeadline(budget); err != nil {
		return err
	}
	if wait := time.Duration(e.Body.WaitUS) * time.Microsecond; wait > protocol.MaxDeadline {
		return protocol.Errorf(protocol.CodeBadDeadline, "waiting for %v; %v is the most", wait, protocol.MaxDeadline)
	}
	if err := r.free(e.Session, e.Sequence); err != nil {
		return err
	}
	if err := r.credit(e.Session); err != nil {
		return err
	}
	if r.short {
		return protocol.Errorf(protocol.CodeOverloaded, "this broker has no memory left for new calls")
	}
	if n := len(r.calls) + r.waiting; n >= r.limits.Calls {
		return protocol.Errorf(protocol.CodeTooManyCalls, "this broker has %d in flight, its most", n)
	}
	if err := r.spacious(&whom); err != nil {
		return err
	}
	if err := r.afford(e.Peer.Principal); err != nil {
		return err
	}
	if r.mustWait(e) {
		return r.allowWait(e)
	}
	return r.knows(&whom)
}

// fix fixes the view, who of it is selected and who is absent.
func (r *Rooms) fix(c *call) {
	c.start = r.now
	c.deadline = r.now + c.budget
	in := c.room
	if in == nil {
		c.needed = c.rule.Needed(0)
		return
	}
	chosen := in.choose(r.selected[:0], &c.whom)
	c.account.Summary.View, c.account.Summary.ViewSize = in.view, uint32(in.size)
	c.account.Summary.Selected = uint32(len(chosen))
	c.account.Absent = r.listAbsent(in, &c.whom)
	c.slots = slices.Grow(c.slots, len(chosen))[:len(chosen)]
	c.account.Entries = slices.Grow(c.account.Entries, len(chosen))[:len(chosen)]
	c.account.Order = slices.Grow(c.account.Order, len(chosen))
	counting := 0
	for i, m := range chosen {
		c.slots[i].session = m.session
		if c.slots[i].counts = c.rule.Counts(m.labels); c.slots[i].counts {
			counting++
		}
		entry := &c.account.Entries[i]
		entry.Member, entry.Name, entry.Host, entry.PID = m.id, m.name, m.session.host, m.session.pid
	}
	r.take(c)
	c.needed = c.rule.Needed(counting)
	c.open = len(chosen)
	clear(chosen)
	r.selected = chosen
}

// open puts an accepted call into every table that it ends from.
func (r *Rooms) open(c *call) {
	r.lastCall++
	c.id = r.lastCall
	r.calls[c.id] = c
	r.register(c)
	for i := range c.slots {
		s := c.slots[i].session
		s.slots = append(s.slots, place{id: c.id, call: c, index: i})
	}
}

// schedule gives a call its turn among those that have a deadline.
func (r *Rooms) schedule(c *call) {
	r.lastOrder++
	c.order = r.lastOrder
	r.due.push(c)
}

// register makes a call one of its session's requests.
func (r *Rooms) register(c *call) {
	if c.caller == nil {
		c.caller = r.session(c.session)
		c.caller.addCall(c)
		if c.offer != nil {
			r.offers++
		}
	}
}

func (c *call) recipients() []SessionID {
	to := slices.Grow(c.delivery.To, len(c.slots))
	for i := range c.slots {
		to = append(to, c.slots[i].session.id)
	}
	return to
}

// met tells whether enough members replied OK.
func (c *call) met() bool { return c.waiting == nil && c.ok >= c.needed }

// over tells whether the call ends now: everyone is settled, or the rule is
// met. A rule that needs nobody asks only to be told: it waits for everyone.
func (c *call) over() bool {
	return c.open == 0 || (c.needed > 0 && c.met())
}

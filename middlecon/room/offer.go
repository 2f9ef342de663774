package room

import (
	"slices"
	"time"

	"ddcos/protocol"
)

// offer is what an offer has beyond a call. Whoever is selected may bid; one of
// those is sent a Bind, and is bound when its first byte has gone: from then on
// nobody else ever is. What was not sent for certain goes to the next.
type offer struct {
	window     time.Duration // for which bids are collected
	collecting bool          // they are, and call.deadline is of that
	bidders    []bidder      // who waits to be bound, and some that are settled; the next is the first
	bidding    int           // slots whose state is bids
	binding    int           // whose slot's Bind is on its way, or none
	bound      int           // whose slot's Bind was sent, or none
}

// bidder is a slot whose member has bid.
type bidder struct {
	index int
	cost  uint64
}

const none = -1

// offer accepts or refuses an offer: a call of which one member is asked.
func (r *Rooms) offer(e Offer) {
	r.call(Call{
		Session: e.Session, Sequence: e.Sequence, Peer: e.Peer, Budget: e.Budget, Payload: e.Payload,
		Body: protocol.Call{
			Room: e.Body.Room, Rule: protocol.RuleAtLeast, N: 1, Labels: e.Body.Labels, State: e.Body.State,
			Wait: e.Body.Wait, WaitUS: e.Body.WaitUS, Partial: e.Body.Partial,
		},
	}, &offer{window: time.Duration(e.Body.WindowUS) * time.Microsecond, binding: none, bound: none})
}

// check refuses a window that would leave no time for the work.
func (o *offer) check(budget time.Duration) error {
	if o != nil && o.window > 0 && o.window >= budget {
		return protocol.Errorf(protocol.CodeBadDeadline, "collecting bids for %v of %v leaves no time for the work", o.window, budget)
	}
	return nil
}

// collect lets an offer with a window begin by collecting bids.
func (c *call) collect() {
	if c.offer != nil && c.offer.window > 0 {
		c.offer.collecting = true
		c.deadline = c.start + c.offer.window
	}
}

// choose ends the collecting of bids.
func (r *Rooms) choose(c *call) {
	r.due.remove(c)
	c.offer.collecting = false
	c.deadline = c.start + c.budget
	r.schedule(c)
	r.bindNext(c)
}

// bid takes a member's bid. Only the session that was offered the work can bid.
func (r *Rooms) bid(e Bid) {
	c, i, ok := r.slotOf(e.Session, e.Call)
	if !ok || c.offer == nil || c.room.number != e.Room {
		r.strayBid(e.Call)
		return
	}
	s := &c.slots[i]
	switch {
	case s.bid:
		c.account.Summary.Duplicate++
		r.stats.BidsDuplicate++
		return
	case s.state == settled:
		s.bid = true
		c.account.Summary.Late++
		r.stats.BidsLate++
		return
	}
	r.answers++
	s.bid = true
	s.state = bids
	r.stats.Bids++
	c.account.Summary.Bids++
	c.offer.enqueue(bidder{index: i, cost: e.Cost})
	r.bindNext(c)
}

// strayBid counts a bid that no slot waits for, as stray does replies.
func (r *Rooms) strayBid(id CallID) {
	if r.calls[id] == nil && id > 0 && id <= r.lastCall {
		r.stats.BidsLate++
	} else {
		r.stats.BidsUnknown++
	}
}

// enqueue puts a bidder behind all that cost as little or less.
func (o *offer) enqueue(b bidder) {
	at, _ := slices.BinarySearchFunc(o.bidders, b, func(other, b bidder) int {
		if other.cost <= b.cost {
			return -1
		}
		return 1
	})
	o.bidders = slices.Insert(o.bidders, at, b)
	o.bidding++
}

// settled takes a slot that bids no more off the offer's counts.
func (o *offer) settled(i int, was state) {
	if o == nil {
		return
	}
	if was == bids {
		o.bidding--
	}
	if o.binding == i {
		o.binding = none
	}
}

// bindNext sends a Bind to the first of those that have bid, where nobody is
// bound or about to be: at once, or while bids are collected when nobody is
// left who could bid.
func (r *Rooms) bindNext(c *call) {
	o := c.offer
	if o == nil || o.bound != none || o.binding != none || (o.collecting && o.bidding < c.open) {
		return
	}
	for len(o.bidders) > 0 {
		i := o.bidders[0].index
		o.bidders = o.bidders[1:]
		if s := &c.slots[i]; s.state != bids || s.session.lost {
			continue // lost, left or declined meanwhile
		}
		o.binding = i
		r.emit(Bind{To: c.slots[i].session.id, Call: c.id, Room: c.room.number, Budget: c.start + c.budget - r.now})
		return
	}
}

// takeBack ends the bid of a member that declines after all, and the Bind that
// may be on its way to it.
func (r *Rooms) takeBack(c *call, i int) {
	if c.binds(i) {
		r.emit(Withdraw{From: []SessionID{c.slots[i].session.id}, Call: c.id, Room: c.room.number})
	}
	c.offer.settled(i, bids)
	c.slots[i].state = received
	r.bindNext(c)
}

// bindSent makes a member the one that is bound. All others are settled: they
// have not begun, and never will.
func (r *Rooms) bindSent(c *call, i int) {
	if !c.binds(i) {
		return
	}
	o := c.offer
	o.binding, o.bound, o.bidders = none, i, nil
	o.bidding--
	c.slots[i].state = settled // so that the rest is all others
	c.open--
	r.settleRest(c, cancelled)
	c.slots[i].state = sent
	c.open++
	r.stats.Bound++
	entry := &c.account.Entries[i]
	c.account.Summary.Bound = entry.Member
	r.emit(Bound{Session: c.session, Sequence: c.sequence, Member: entry.Member, Body: protocol.Bound{Name: entry.Name, Host: entry.Host, PID: entry.PID}})
	r.progress(c)
}

// binds tells whether a slot's Bind is on its way.
func (c *call) binds(i int) bool { return c.offer != nil && c.offer.binding == i }

// begun tells whether a slot's member may have begun: in an offer only the one
// that is bound.
func (c *call) begun(i int) bool { return c.offer == nil || c.offer.bound == i }

// streams tells whether a slot's reply goes home as it comes.
func (c *call) streams(i int) bool { return c.offer != nil && c.partial && c.offer.bound == i }

// Coming is the entry whose reply goes home as it comes, as far as it has: that of the
// member that is bound to an offer which asked for it, until it is settled. If its
// outcome is not OK then, none of that counts.
func (a *Account) Coming() (i int, ok bool) {
	c := a.call
	if c.offer == nil || c.offer.bound == none || !c.streams(c.offer.bound) {
		return 0, false
	}
	i = c.offer.bound
	return i, c.slots[i].state != settled && c.slots[i].reply == protocol.OK
}

// unbound counts the reply of a member that is not bound; it is not believed.
func (r *Rooms) unbound(e Reply) {
	if !e.More {
		r.stats.Unknown++
	}
}

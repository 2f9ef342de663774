package room

import "ddcos/protocol"

// slotOf finds the slot of that session in that call.
func (r *Rooms) slotOf(id SessionID, in CallID) (c *call, index int, ok bool) {
	s := r.sessions.Get(id)
	if s == nil {
		return nil, 0, false
	}
	at, ok := s.slot(in)
	if !ok {
		return nil, 0, false
	}
	return s.slots[at].call, s.slots[at].index, true
}

func (r *Rooms) sent(e Sent) {
	c, i, ok := r.slotOf(e.Session, e.Call)
	switch {
	case !ok:
	case e.Bind:
		r.bindSent(c, i)
	case c.slots[i].state == queued:
		c.slots[i].state = sent
	}
}

func (r *Rooms) overflow(e Overflow) {
	c, i, ok := r.slotOf(e.Session, e.Call)
	if ok && (c.slots[i].state == queued && !e.Bind || e.Bind && c.binds(i)) {
		r.settle(c, i, protocol.Overflow)
		r.conclude(c)
	}
}

// receipt believes a member that has the Deliver even where no Sent came
// before: the bytes must have been sent.
func (r *Rooms) receipt(e Receipt) {
	c, i, ok := r.slotOf(e.Session, e.Call)
	if ok && c.room.number == e.Room && c.slots[i].state < received {
		r.answers++
		c.slots[i].state = received
	}
}

// settle gives a slot its outcome, once and for all.
func (r *Rooms) settle(c *call, i int, o protocol.Outcome) {
	c.offer.settled(i, c.slots[i].state)
	c.slots[i].state = settled
	entry := &c.account.Entries[i]
	entry.Outcome = o
	entry.LatencyUS = uint64((r.now - c.start).Microseconds())
	if o != protocol.OK {
		r.unkeep(c, i)
	} else if c.slots[i].counts {
		c.ok++
	}
	c.final(i)
	c.open--
	r.stats.Outcomes[o]++
}

// settleLost settles a slot whose session has ended.
func (r *Rooms) settleLost(c *call, i int) {
	switch {
	case c.slots[i].state == settled:
		return
	case c.slots[i].state == queued, !c.begun(i):
		r.settle(c, i, protocol.NotSent)
	default:
		r.settle(c, i, protocol.LostAfterSend)
	}
	r.conclude(c)
}

// settleLeft settles a session's slots in the calls to a room that it leaves.
func (r *Rooms) settleLeft(s *session, in *room) {
	for i := 0; i < len(s.slots); {
		p := s.slots[i]
		if p.call.room == in && p.call.slots[p.index].state != settled {
			r.emit(Withdraw{From: []SessionID{s.id}, Call: p.id, Room: in.number})
			r.settle(p.call, p.index, protocol.Left)
			r.conclude(p.call)
		}
		if i < len(s.slots) && s.slots[i].id == p.id { // the call goes on
			i++
		}
	}
}

// settleRest settles all that are open and takes back what was sent to them.
func (r *Rooms) settleRest(c *call, outcome func(c *call, i int) protocol.Outcome) {
	if c.open == 0 {
		return
	}
	from := make([]SessionID, 0, c.open)
	for i := range c.slots {
		s := &c.slots[i]
		if s.state == settled {
			continue
		}
		if !s.session.lost {
			from = append(from, s.session.id)
		}
		r.settle(c, i, outcome(c, i))
	}
	if len(from) > 0 {
		r.emit(Withdraw{From: from, Call: c.id, Room: c.room.number})
	}
}

func (r *Rooms) conclude(c *call) {
	if c.over() {
		r.finish(c)
		return
	}
	r.progress(c)
	r.bindNext(c)
}

// finish ends a call: who is open is cancelled, and the account goes home if
// anybody is there.
func (r *Rooms) finish(c *call) {
	if c.waiting != nil {
		r.giveUp(c)
		return
	}
	r.settleRest(c, cancelled)
	delete(r.calls, c.id)
	r.due.remove(c)
	for i := range c.slots {
		c.slots[i].session.dropSlot(c.id)
	}
	r.held -= c.bytes
	r.close(c)
}

// cancelled is what becomes of who is open when a call ends.
func cancelled(c *call, i int) protocol.Outcome {
	if c.slots[i].state == bids {
		return protocol.NotBound
	}
	return protocol.Cancelled
}

// close counts a call that is over, and sends its account home.
func (r *Rooms) close(c *call) {
	counts := r.stats.of(c.offer)
	counts.Finished++
	sum := &c.account.Summary
	sum.Met = c.met()
	sum.ElapsedUS = uint64((r.now - c.start).Microseconds())
	r.entries -= c.entries
	if c.caller != nil { // it was in flight
		c.caller.dropCall(c)
		if c.offer != nil {
			r.offers--
		}
		if c.caller.lost {
			counts.Abandoned++
			r.emit(Abandoned{&c.account})
			return
		}
	}
	r.session(c.session).home++
	r.emit(Finished{&c.account})
}

//go:build planted

package room

// offerPlants bind nobody, two, or one that is not there.
func offerPlants() []planted {
	return []planted{
		{"a bid while another is being bound is bound too", "offer.go", "o.bound != none || o.binding != none ||", "o.bound != none ||"},
		{"a late bid is heard", "offer.go", "case s.state == settled:\n", "case s.state == settled && c.offer.bound == none:\n"},
		{"a second bid is heard", "offer.go", "case s.bid:\n", "case s.bid && s.state == settled:\n"},
		{"a bid from another room", "offer.go", "|| c.room.number != e.Room {\n		r.strayBid", "{\n		r.strayBid"},
		{"a call takes bids", "offer.go", "!ok || c.offer == nil ||", "!ok || c.offer == nil && false ||"},
		{"a bind that was told is as good as sent", "offer.go", "		o.binding = i\n", "		o.binding = i\n		r.bindSent(c, i)\n"},
		{"a delivery that was sent binds", "settle.go", "	case e.Bind:\n", "	case e.Bind || c.binds(i):\n"},
		{"any sent bind binds", "offer.go", "	if !c.binds(i) {\n		return\n	}\n", "	if c.offer == nil || c.slots[i].state != bids {\n		return\n	}\n"},
		{"the bytes went out, and it is bound again", "settle.go", "c.slots[i].state == queued, !c.begun(i):", "c.slots[i].state == queued, c.offer != nil:"},
		{"a bound one that is lost makes room for the next", "offer.go", "	c.slots[i].state = settled // so that the rest is all others\n	c.open--\n	r.settleRest(c, cancelled)\n	c.slots[i].state = sent\n	c.open++\n", "	c.slots[i].state = sent\n"},
		{"who is not bound may have begun", "settle.go", ", !c.begun(i):", ":"},
		{"a loser's reply is believed", "reply.go", "	if e.Outcome != protocol.Refused && !c.begun(i) {", "	if e.Outcome != protocol.Refused && c.offer != nil && c.offer.bound == none {"},
		{"a reply before the bind is gone is believed", "reply.go", "!c.begun(i) {", "!c.begun(i) && !c.binds(i) {"},
		{"who declines is bound all the same", "reply.go", "		r.takeBack(c, i)\n", ""},
		{"a bind is not taken back", "offer.go", "	if c.binds(i) {\n		r.emit(Withdraw", "	if false {\n		r.emit(Withdraw"},
		{"nobody is bound in the place of who declined", "offer.go", "	c.slots[i].state = received\n	r.bindNext(c)\n", "	c.slots[i].state = received\n"},
		{"nobody is bound in the place of who was lost", "settle.go", "	r.progress(c)\n	r.bindNext(c)\n", "	r.progress(c)\n"},
		{"the place of who was lost is taken for ever", "offer.go", "	if o.binding == i {\n		o.binding = none\n	}\n", ""},
		{"a lost one is bound", "offer.go", " || s.session.lost {", " {"},
		{"one who left is bound", "offer.go", "s.state != bids || s.session", "s.session"},
		{"the dearest is bound", "offer.go", "if other.cost <= b.cost {", "if other.cost >= b.cost {"},
		{"the last of equals is bound", "offer.go", "if other.cost <= b.cost {", "if other.cost < b.cost {"},
		{"a window is not waited for", "offer.go", "(o.collecting && o.bidding < c.open)", "(o.collecting && o.bidding < c.open-1)"},
		{"a window is always waited for", "offer.go", "(o.collecting && o.bidding < c.open)", "o.collecting"},
		{"a window never ends", "offer.go", "	c.offer.collecting = false\n	c.deadline", "	c.deadline"},
		{"a window's end is the deadline", "offer.go", "	c.deadline = c.start + c.budget\n	r.schedule(c)\n", "	c.deadline += c.budget\n	r.schedule(c)\n"},
		{"who bids when the window ends is not bound", "offer.go", "	r.schedule(c)\n	r.bindNext(c)\n", "	r.schedule(c)\n"},
		{"a window as long as the budget", "offer.go", "o.window >= budget", "o.window > budget"},
		{"the work has all of its time again", "offer.go", "Budget: c.start + c.budget - r.now", "Budget: c.budget"},
		{"a settled bidder counts", "offer.go", "	if was == bids {\n		o.bidding--\n	}\n", ""},
		{"the caller is not told who is bound", "offer.go", "	c.account.Summary.Bound = entry.Member\n", ""},
		{"a lost caller's offer is in flight for ever", "settle.go", "			r.offers--\n", ""},
		{"offers are counted as calls", "stats.go", "	if o != nil {\n		return &s.Offers", "	if false {\n		return &s.Offers"},
		{"a bid that was overtaken is cancelled", "settle.go", "	if c.slots[i].state == bids {\n		return protocol.NotBound\n	}\n	return protocol.Cancelled", "	return protocol.Cancelled"},
		{"a full queue for another's bind", "settle.go", "e.Bind && c.binds(i))", "e.Bind)"},
		{"states without end", "state.go", "if most := ", "if most := 2 * "},
		{"one state too many", "state.go", "next-r.now > most {", "next-r.now > most+r.limits.StateEvery {"},
		{"a state is never earned again", "state.go", "max(s.stated, r.now)", "max(s.stated, r.now/2)"},
		{"states saved without end", "state.go", "max(s.stated, r.now)", "(s.stated + 0*r.now)"},
	}
}

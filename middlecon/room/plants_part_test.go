//go:build planted

package room

// partPlants make what goes home while a call goes on wrong, or the call that
// takes the place of one that is over.
func partPlants() []planted {
	return []planted{
		{"a caller that asked is not told", "account.go", "	r.emit(Settled{&c.account})\n", ""},
		{"who did not ask is told of each", "account.go", "!c.partial && c.untold < r.limits.PartBytes", "false"},
		{"many are told too late", "account.go", "c.untold < r.limits.PartBytes", "c.untold < 2*r.limits.PartBytes"},
		{"the order has one twice", "account.go", "append(c.account.Order, uint32(i))", "append(c.account.Order, uint32(i/2))"},
		{"an outcome is told before it is final", "settle.go", "	c.final(i)\n	c.open--", "	if i > 0 {\n		c.final(i - 1)\n	}\n	c.open--"},
		{"entries of before", "account.go", "	clear(a.Entries)\n", ""},
		{"slots of before", "account.go", "	clear(c.slots)\n", ""},
		{"an order of before", "account.go", "Order: a.Order[:0]", "Order: a.Order"},
		{"recipients of before", "account.go", "To: c.delivery.To[:0]", "To: c.delivery.To"},
		{"a part is told when the reply is whole", "reply.go", "			c.untold += len(part)\n", ""},
		{"parts go to who did not ask", "offer.go", "c.offer != nil && c.partial && c.offer.bound == i", "c.offer != nil && c.offer.bound == i"},
		{"what is settled comes still", "offer.go", "c.slots[i].state != settled && c.slots[i].reply == protocol.OK", "c.slots[i].reply == protocol.OK"},
		{"an error's text comes as a reply", "offer.go", "c.slots[i].state != settled && c.slots[i].reply == protocol.OK", "c.slots[i].state != settled"},
		{"parts that were taken back come again", "reply.go", "		if c.streams(i) && s.reply != protocol.Pending && e.Outcome == protocol.OK {", "		if false {"},
		{"a reply that breaks off is worked on", "reply.go", "	r.emit(Withdraw{From: []SessionID{e.Session}, Call: c.id, Room: e.Room})\n	r.settle(c, i, protocol.AppError)", "	r.settle(c, i, protocol.AppError)"},
		{"who is not bound is told of later", "offer.go", "PID: entry.PID}})\n	r.progress(c)\n", "PID: entry.PID}})\n"},
		{"an account is used again before it was read", "account.go", "	clear(c.slots)\n", "	clear(c.slots)\n	r.spare = append(r.spare, c)\n"},
	}
}

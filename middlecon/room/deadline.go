package room

import "ddcos/protocol"

// deadlines is a binary heap of the calls in flight, the earliest first and
// of equal ones the one that is there longer: one timer for a call, none for a
// member. A call that waits for members is in it with the end of its waiting, an
// offer that collects bids with the end of that.
type deadlines []*call

func (d deadlines) before(i, j int) bool {
	if d[i].deadline != d[j].deadline {
		return d[i].deadline < d[j].deadline
	}
	return d[i].order < d[j].order
}

func (d deadlines) swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].turn, d[j].turn = i, j
}

func (d *deadlines) push(c *call) {
	c.turn = len(*d)
	*d = append(*d, c)
	d.up(c.turn)
}

func (d *deadlines) remove(c *call) {
	at, last := c.turn, len(*d)-1
	d.swap(at, last)
	(*d)[last] = nil
	*d = (*d)[:last]
	if at < last {
		d.up(at)
		d.down(at)
	}
}

func (d deadlines) up(i int) {
	for parent := (i - 1) / 2; i > 0 && d.before(i, parent); parent = (i - 1) / 2 {
		d.swap(i, parent)
		i = parent
	}
}

func (d deadlines) down(i int) {
	for {
		first := i
		for _, child := range [...]int{2*i + 1, 2*i + 2} {
			if child < len(d) && d.before(child, first) {
				first = child
			}
		}
		if first == i {
			return
		}
		d.swap(i, first)
		i = first
	}
}

// expireCalls ends the calls whose deadline has come.
func (r *Rooms) expireCalls() {
	for len(r.due) > 0 && r.due[0].deadline <= r.now {
		c := r.due[0]
		if c.waiting != nil {
			r.resume(c)
			continue
		}
		if c.offer != nil && c.offer.collecting && r.now < c.start+c.budget {
			r.choose(c)
			continue
		}
		r.settleRest(c, atDeadline)
		r.finish(c)
	}
}

// atDeadline is what is certain of a member that has not replied in time.
func atDeadline(c *call, i int) protocol.Outcome {
	s := &c.slots[i]
	switch {
	case s.state == queued:
		return protocol.NotSent
	case s.state == bids:
		return protocol.NotBound
	case s.session.parted():
		return protocol.LostAfterSend
	case s.state == sent:
		return protocol.NoReceipt
	}
	return protocol.Timeout
}

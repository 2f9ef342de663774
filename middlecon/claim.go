package middlecon

import (
	"context"
	"fmt"
	"time"

	"ddcos/protocol"
)

// consider queues an offer for work. Those that others were bound to meanwhile
// make way: while a member works, most become so.
func (m *Membership) consider(d *delivery) error {
	if m.member.Work == nil {
		return Refuse("takes no offers")
	}
	return m.queue(&m.offers, d)
}

// work bids for one offer after the other, and works on those that it is bound to.
func (m *Membership) work() {
	for d := m.next(&m.offers); d != nil; d = m.next(&m.offers) {
		m.claim(d)
	}
}

// claim deals with one offer: it declines, or bids and waits until it is bound
// or the offer is over for it.
func (m *Membership) claim(d *delivery) {
	cost, err := m.cost(d)
	if err != nil {
		m.reply(d, nil, Refuse(err.Error()))
		return
	}
	d.replied.Store(true)
	h := protocol.Header{Kind: protocol.KindBid, Sequence: d.call, Room: d.room}
	if d.link.out.frame(h, protocol.Encode(protocol.Bid{Cost: cost}), nil) != nil {
		m.close(d) // the session is over, which the reader finds out by itself
		return
	}
	select {
	case left := <-d.bound:
		ctx, cancel := context.WithTimeout(d.ctx, left)
		defer cancel()
		d.message.of = d
		reply, err := m.call(ctx, d, m.member.Work)
		m.reply(d, reply, err)
	case <-d.ctx.Done():
		m.close(d)
	}
}

// cost asks the member what the work would cost it; a panic declines.
func (m *Membership) cost(d *delivery) (cost uint64, err error) {
	if m.member.Bid == nil {
		return 0, nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the bid panicked: %v", p)
		}
	}()
	return m.member.Bid(d.ctx, &d.message)
}

// bind lets an offer's delivery begin, if it has bid and still waits.
func (c *Conn) bind(l *link, f protocol.Frame) {
	c.mu.Lock()
	m := l.members[f.Room]
	c.mu.Unlock()
	if m == nil {
		return // left meanwhile: the broker knows
	}
	m.mu.Lock()
	d := m.open[numbered{l, f.Sequence}]
	m.mu.Unlock()
	if d == nil || d.bound == nil || d.isBound || d.ctx.Err() != nil {
		return
	}
	d.isBound = true
	d.replied.Store(false) // to the bind, with a receipt or its reply
	l.batch = append(l.batch, d)
	d.bound <- time.Duration(f.Budget) * time.Microsecond
}

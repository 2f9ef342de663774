package middlecon

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ddcos/protocol"
)

// consider queues an offer for work. Those that others were bound to meanwhile
// make way: while a member works, most become so.
func (m *Membership) consider(d *delivery) error {
	if m.member.Work == nil {
		return Refuse("takes no offers")
	}
	most := cap(m.queue)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.offers) >= most {
		m.offers = slices.DeleteFunc(m.offers, func(d *delivery) bool {
			over := d.ctx.Err() != nil
			if over {
				m.drop(d)
			}
			return over
		})
	}
	if len(m.offers) >= most {
		return Refuse("busy")
	}
	m.offers = append(m.offers, d)
	select {
	case m.offered <- struct{}{}:
	default:
	}
	return nil
}

// work bids for one offer after the other, and works on those that it is bound to.
func (m *Membership) work() {
	for {
		select {
		case <-m.offered:
		case <-m.ctx.Done():
			return
		}
		for d := m.nextOffer(); d != nil; d = m.nextOffer() {
			m.claim(d)
		}
	}
}

// nextOffer takes the oldest offer that is not over.
func (m *Membership) nextOffer() *delivery {
	for {
		m.mu.Lock()
		if len(m.offers) == 0 {
			m.mu.Unlock()
			return nil
		}
		d := m.offers[0]
		m.offers = slices.Delete(m.offers, 0, 1)
		m.mu.Unlock()
		if d.ctx.Err() == nil {
			return d
		}
		m.close(d)
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

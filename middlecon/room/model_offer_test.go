package room

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"ddcos/protocol"
)

// modelOffer is what the model knows of an offer beyond its call.
type modelOffer struct {
	window   time.Duration
	collects bool         // bids; the call's deadline is then of that
	bidders  []*modelSlot // in the order of their bids, all of them
	bids     uint32
	binding  *modelSlot // a Bind was told for it, and not that it was sent
	bound    *modelSlot
}

func (o *modelOffer) refuse(budget time.Duration) protocol.Code {
	if o != nil && o.window > 0 && o.window >= budget {
		return protocol.CodeBadDeadline
	}
	return 0
}

func (m *model) counts(o *modelOffer) *Counts {
	if o == nil {
		return &m.stats.Counts
	}
	return &m.stats.Offers
}

// byNumber are the calls in flight by their numbers, those that wait first.
func (m *model) byNumber() []*modelCall {
	return slices.SortedStableFunc(slices.Values(m.calls), func(a, b *modelCall) int { return cmp.Compare(a.id, b.id) })
}

// verb is how a delivery is told.
func verb(offer bool) string {
	if offer {
		return "offered"
	}
	return "deliver"
}

func (m *model) offer(e Offer, effects []Effect) {
	m.accept(Call{
		Session: e.Session, Sequence: e.Sequence, Peer: e.Peer, Budget: e.Budget, Payload: e.Payload,
		Body: protocol.Call{
			Room: e.Body.Room, Rule: protocol.RuleAtLeast, N: 1, Labels: e.Body.Labels, State: e.Body.State,
			Wait: e.Body.Wait, WaitUS: e.Body.WaitUS, Partial: e.Body.Partial,
		},
	}, &modelOffer{window: time.Duration(e.Body.WindowUS) * time.Microsecond}, effects)
}

// mayHaveBegun tells whether a member's handler may have run.
func (s *modelSlot) mayHaveBegun() bool { return s.call.offer == nil || s.call.offer.bound == s }

func (s *modelSlot) binding() bool { return s.call.offer != nil && s.call.offer.binding == s }

// bids tells whether a member has bid and nothing has become of it.
func (s *modelSlot) bids() bool {
	return s.bid && s.outcome == 0 && s.call.offer.bound != s && slices.Contains(s.call.offer.bidders, s)
}

func (m *model) bid(e Bid) {
	s := m.slot(e.Session, e.Call)
	switch {
	case s == nil || s.call.offer == nil || m.number(s.call.room) != e.Room:
		running := slices.ContainsFunc(m.calls, func(c *modelCall) bool { return !c.waiting && c.id == e.Call })
		if !running && e.Call >= 1 && e.Call <= m.lastCall {
			m.stats.BidsLate++
		} else {
			m.stats.BidsUnknown++
		}
	case s.bid:
		s.call.duplicate++
		m.stats.BidsDuplicate++
	case s.outcome != 0:
		s.bid = true
		s.call.late++
		m.stats.BidsLate++
	default:
		s.bid, s.cost = true, e.Cost
		m.stats.Bids++
		m.answered++
		s.call.offer.bids++
		s.call.offer.bidders = append(s.call.offer.bidders, s)
		m.bindNext(s.call)
	}
}

// bindNext wants a Bind to the cheapest of those that have bid, the first of
// equals, if its time has come.
func (m *model) bindNext(c *modelCall) {
	o := c.offer
	if o == nil || c.waiting || o.bound != nil || o.binding != nil {
		return
	}
	able := slices.DeleteFunc(slices.Clone(o.bidders), func(s *modelSlot) bool { return s.outcome != 0 })
	open := len(slices.DeleteFunc(slices.Clone(c.slots), func(s *modelSlot) bool { return s.outcome != 0 }))
	if len(able) == 0 || (o.collects && len(able) < open) {
		return
	}
	able = slices.DeleteFunc(able, func(s *modelSlot) bool { return m.gone[s.session] })
	if len(able) == 0 {
		return
	}
	o.binding = slices.MinFunc(able, func(a, b *modelSlot) int { return cmp.Compare(a.cost, b.cost) })
	m.want.answers = append(m.want.answers, fmt.Sprintf("bind %d to %d for %v", c.id, o.binding.session, c.start+c.asked.Budget-m.now))
}

// streams tells whether the caller hears the member's reply as it comes.
func (s *modelSlot) streams() bool {
	return s.call.offer != nil && s.call.offer.bound == s && s.call.asked.Body.Partial
}

// declines takes back the bid of a member that says so afterwards.
func (m *model) declines(s *modelSlot) {
	if !s.bids() {
		return
	}
	o := s.call.offer
	o.bidders = slices.DeleteFunc(o.bidders, func(other *modelSlot) bool { return other == s })
	if o.binding == s {
		o.binding = nil
		m.want.withdrawn[fmt.Sprintf("%d %d", s.call.id, s.session)]++
	}
	m.bindNext(s.call)
}

// bindSent binds a member for good, and nobody else ever.
func (m *model) bindSent(s *modelSlot) {
	if !s.binding() {
		return
	}
	o := s.call.offer
	o.binding, o.bound = nil, s
	s.sent, s.received = true, false
	for _, other := range s.call.slots {
		switch {
		case other == s:
		case other.bids():
			other.settle(m, protocol.NotBound)
		default:
			other.settle(m, protocol.Cancelled)
		}
	}
	m.stats.Bound++
	m.want.answers = append(m.want.answers, fmt.Sprintf("bound %d seq=%d %s %v %s %d", s.call.caller, s.call.sequence, s.name, s.id, s.peer.Host, s.peer.PID))
}

package broker

import (
	"time"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// offer tells the rooms of an offer whose payload will fit into an Offered.
func (b *Broker) offer(s *session, f protocol.Frame) error {
	e := room.Offer{
		Session: s.key(), Sequence: f.Sequence, Peer: b.peer(s),
		Budget: time.Duration(f.Budget) * time.Microsecond, Payload: f.Payload,
	}
	if err := protocol.DecodeRequest(f.Meta, &e.Body); err != nil {
		return err
	}
	if b.fits(s, f) {
		b.ask(s, f.Sequence, e)
	}
	return nil
}

// bid tells the rooms of a bid.
func (b *Broker) bid(s *session, f protocol.Frame) error {
	var body protocol.Bid
	if err := protocol.DecodeRequest(f.Meta, &body); err != nil {
		return err
	}
	return b.answer(s, room.Bid{Session: s.key(), Call: room.CallID(f.Sequence), Room: f.Room, Cost: body.Cost})
}

// bind queues the frame that lets a member begin. It is bound when the frame is
// handed to its transport, and not before.
func (b *Broker) bind(e room.Bind) {
	s := b.byID.Get(e.To)
	if s == nil {
		return // its Lost is among the events
	}
	f := frame(protocol.Header{Kind: protocol.KindBind, Sequence: uint64(e.Call), Room: e.Room, Budget: uint32(e.Budget.Microseconds())}, nil)
	if s.closing || b.overflows(s, len(f)) {
		b.events = append(b.events, room.Overflow{Session: e.To, Call: e.Call, Bind: true})
		return
	}
	b.enqueue(s, queued{frame: f, call: e.Call, bind: true})
	b.soil(s)
}

// bound tells a caller who is bound.
func (b *Broker) bound(e room.Bound) {
	b.send(e.Session, frame(protocol.Header{Kind: protocol.KindBound, Sequence: e.Sequence, Member: e.Member}, e.Body))
}

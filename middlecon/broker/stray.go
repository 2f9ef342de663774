package broker

import (
	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// Answers that no delivery waits for are late, doubled or invented. A member may
// be late with whatever was delivered to it, so each delivery accounts for the
// frames of the longest reply there is, also when it comes long after; beyond that a
// session may send straysMost before it is ended.
const (
	straysMost       = 4096
	straysAhead      = 2 * straysMost // that deliveries account for before they come
	straysOfDelivery = 2 + protocol.MaxReply/protocol.MaxBody
)

// answer tells the rooms what a member answers, and ends a session that goes on
// answering what nobody asked it.
func (b *Broker) answer(s *session, e room.Event) error {
	before := b.rooms.Answers()
	b.tell(b.allowed(s, e))
	if b.rooms.Answers() != before {
		s.kind &^= astray
		return nil
	}
	s.kind |= astray
	if s.strays++; s.strays > straysMost {
		return protocol.Errorf(protocol.CodeUnexpected, "%d answers that no delivery waits for", s.strays)
	}
	return nil
}

// allowed is the answer itself, or where it is a bid that is forbidden, the member's
// refusal: its frame is no request, and has no answer of its own.
func (b *Broker) allowed(s *session, e room.Event) room.Event {
	a, free := b.wants(e)
	bid, is := e.(room.Bid)
	if free || !is {
		return e
	}
	err := b.gate.refuses(s.kin, a)
	if err == nil {
		return e
	}
	b.gate.refuse(s.kin, s.pid, a, b.clock)
	return room.Reply{Session: bid.Session, Call: bid.Call, Room: bid.Room, Outcome: protocol.Refused, Part: []byte(err.Error())}
}

// mayAnswer notes that a delivery goes to a session.
func (s *session) mayAnswer() { s.strays = max(-straysAhead, s.strays-straysOfDelivery) }

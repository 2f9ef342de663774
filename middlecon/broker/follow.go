package broker

import (
	"ddcos/middlecon/policy"
	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// sweepEach is how many sessions are looked at in a turn after the policy has changed.
const sweepEach = 64

// Follow makes p the policy that holds: for every request from now on, and for what
// sessions have already. What it does not allow them any more ends, with a reason. Calls
// in flight go on to their deadlines.
func (b *Broker) Follow(p *policy.Policy) {
	b.post(func() {
		b.gate.follow(p)
		waiting := make([]room.SessionID, 0, b.byID.Len())
		for id := range b.byID.All() {
			waiting = append(waiting, id)
		}
		b.sweep(waiting, b.gate.expelled)
		b.settle()
	})
}

// sweep ends what the policy does not allow of some sessions, and leaves the others for
// the turns to come.
func (b *Broker) sweep(waiting []room.SessionID, before uint64) {
	n := min(sweepEach, len(waiting))
	for _, id := range waiting[:n] {
		if s := b.byID.Get(id); s != nil && !s.closing {
			b.review(s)
		}
	}
	if waiting = waiting[n:]; len(waiting) > 0 {
		b.post(func() { b.sweep(waiting, before); b.settle() })
		return
	}
	b.options.Log.Info("the policy holds", "ended", b.gate.expelled-before)
}

// review ends what a session has and may not have.
func (b *Broker) review(s *session) {
	for _, h := range b.rooms.Held(s.key()) {
		a := asking{policy.Watch, h.Room}
		switch {
		case h.Will:
			a.verb = policy.Publish
		case h.Number != 0:
			a.verb = policy.Join
		}
		err := b.gate.refuses(s.kin, a)
		if err == nil {
			continue
		}
		b.gate.expelled++
		err = protocol.Errorf(err.Code, "%s any more", err.Text)
		switch {
		case h.Will:
			b.tell(room.Will{Session: s.key()}) // which takes it back
			b.do(room.Expelled{Session: s.key(), Err: err})
		case h.Number != 0:
			b.tell(room.Expel{Session: s.key(), Room: h.Number, Err: err})
		default:
			b.tell(room.Cancel{Session: s.key(), Sequence: h.Sequence})
			b.fail(s, h.Sequence, err)
		}
	}
}

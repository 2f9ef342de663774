package room

import (
	"fmt"
	"slices"

	"ddcos/protocol"
)

func (w *world) offer() Offer {
	c := w.call()
	o := Offer{
		Session: c.Session, Sequence: c.Sequence, Peer: c.Peer, Budget: c.Budget, Payload: c.Payload,
		Body: protocol.Offer{Room: c.Body.Room, Labels: c.Body.Labels, State: c.Body.State, Wait: c.Body.Wait, WaitUS: c.Body.WaitUS, Partial: c.Body.Partial},
	}
	if w.IntN(3) == 0 {
		o.Body.WindowUS = uint32(w.IntN(3000))
		if w.IntN(8) == 0 {
			o.Body.WindowUS = uint32(o.Budget.Microseconds())
		}
	}
	return o
}

func (w *world) bid(s SessionID, id CallID, room uint32) Bid {
	return Bid{Session: s, Call: id, Room: room, Cost: uint64(w.IntN(3))}
}

// offerEvent is mostly the next thing that happens to a member in an offer.
func (w *world) offerEvent(s *modelSlot, room uint32) Event {
	c := s.call
	if b := c.offer.binding; b != nil && !w.m.isParted(b.session) && w.IntN(3) == 0 {
		if w.IntN(5) == 0 {
			return Overflow{Session: b.session, Call: c.id, Bind: true}
		}
		return Sent{Session: b.session, Call: c.id, Bind: true}
	}
	switch n := w.IntN(12); {
	case n == 0:
		return Receipt{Session: s.session, Call: c.id, Room: room}
	case n == 1:
		return w.reply(s.session, c.id, room)
	case n == 2:
		return Reply{Session: s.session, Call: c.id, Room: room, Outcome: protocol.Refused, Part: []byte("busy"), More: w.IntN(3) == 0}
	case n < 5 && !s.sent:
		return w.transport(s.session, c.id)
	case n == 5 && w.IntN(8) == 0 && slices.Contains(w.alive, s.session):
		return Leave{Session: s.session, Room: room}
	case n == 6 && w.IntN(8) == 0 && c.offer.binding != nil && slices.Contains(w.alive, c.offer.binding.session):
		return w.loseThat(c.offer.binding.session)
	case n < 9 && c.offer.bound != nil && !w.m.isParted(c.offer.bound.session):
		e := w.reply(c.offer.bound.session, c.id, room)
		e.More = e.More || w.IntN(3) == 0
		return e
	}
	return w.bid(s.session, c.id, room)
}

// claims watches the offers of a history from outside, by nothing but what
// goes over the wire: whom a Bind was sent to, and who is said to be bound.
type claims struct {
	out   map[CallID]map[SessionID]bool // Binds that were told and not sent, withdrawn or lost
	bound map[CallID]SessionID
}

func newClaims() *claims {
	return &claims{out: map[CallID]map[SessionID]bool{}, bound: map[CallID]SessionID{}}
}

// step wants at most one Bind under way, none beside or after one that was
// sent, and nobody else's reply to be believed.
func (c *claims) step(ev Event, effects []Effect) error {
	switch e := ev.(type) {
	case Sent:
		if e.Bind && c.out[e.Call][e.Session] {
			delete(c.out[e.Call], e.Session)
			if first, ok := c.bound[e.Call]; ok {
				return fmt.Errorf("offer %d is bound to %d and to %d", e.Call, first, e.Session)
			}
			c.bound[e.Call] = e.Session
		}
	case Overflow:
		if e.Bind {
			delete(c.out[e.Call], e.Session)
		}
	case Lost:
		c.gone(e.Session)
	}
	for _, effect := range effects {
		switch e := effect.(type) {
		case Ended:
			c.gone(e.Session)
		case Bind:
			if first, ok := c.bound[e.Call]; ok {
				return fmt.Errorf("offer %d is bound to %d, and %d is told to begin", e.Call, first, e.To)
			}
			if len(c.out[e.Call]) > 0 {
				return fmt.Errorf("offer %d: %d is told to begin while %v may be", e.Call, e.To, c.out[e.Call])
			}
			c.out[e.Call] = map[SessionID]bool{e.To: true}
		case Withdraw:
			for _, s := range e.From {
				delete(c.out[e.Call], s)
			}
		case Finished:
			if err := claimed(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// gone forgets the Binds that were on their way to a session that is lost.
func (c *claims) gone(s SessionID) {
	for _, binds := range c.out {
		delete(binds, s)
	}
}

// claimed wants an account to be about who was bound and nobody else.
func claimed(f Finished) error {
	a, ok := f.Account, 0
	if !f.Offer {
		return nil
	}
	for _, e := range a.Entries {
		bound := a.Summary.Bound != 0 && e.Member == a.Summary.Bound
		if e.Outcome == protocol.OK {
			ok++
		}
		switch e.Outcome {
		case protocol.OK, protocol.AppError, protocol.LostAfterSend:
			if !bound {
				return fmt.Errorf("%s is %v and %v was bound", e.Name, e.Outcome, a.Summary.Bound)
			}
		case protocol.NotBound, protocol.NotSent:
			if bound {
				return fmt.Errorf("%s is %v and was bound", e.Name, e.Outcome)
			}
		}
	}
	if a.Summary.Met != (ok == 1) || ok > 1 {
		return fmt.Errorf("%d members are ok, met %v", ok, a.Summary.Met)
	}
	return nil
}

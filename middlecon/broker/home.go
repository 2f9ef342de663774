package broker

import (
	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// What an account on its way home is taken to hold beside its replies, in bytes:
// by itself, and for each member that it names.
const (
	accountBytes = 512
	entryBytes   = 128
)

// weigh counts what is left of an account whose call is over. What all callers
// together have not read is bounded like what calls in flight hold: beyond it, the
// session for which most waits is ended, because it asks and does not read.
func (b *Broker) weigh(s *session, p *pull) {
	a := p.account
	p.bytes = accountBytes + entryBytes*(len(a.Order)-p.next+len(a.Absent))
	for _, i := range a.Order[p.next:] {
		p.bytes += a.ReplyBytes(int(i))
	}
	s.caller.homing += p.bytes
	b.homing += p.bytes
	if b.homing <= b.options.Limits.HeldBytes {
		return
	}
	most := s
	for _, other := range b.byID.All() {
		if other.caller != nil && other.caller.homing > most.caller.homing {
			most = other
		}
	}
	b.end(most, protocol.CodeOverflow, "this session does not read its accounts")
}

// home gives an account back that has gone.
func (b *Broker) home(s *session, p *pull) {
	b.homing -= p.bytes
	s.caller.homing -= p.bytes
	b.rooms.Release(p.account)
}

// keepNothing forgets what waits for a session.
func (b *Broker) keepNothing(s *session) {
	clear(s.queue)
	s.queue, s.bytes = s.queue[:0], 0
	if s.caller == nil {
		return
	}
	for i := range s.caller.pulling {
		if p := &s.caller.pulling[i]; p.done {
			b.home(s, p)
		}
	}
	s.caller.pulling = nil
}

// flow lets an account go home as far as it is final.
func (b *Broker) flow(a *room.Account, done bool) {
	s := b.byID.Get(a.Session)
	if s == nil || s.closing {
		if done {
			b.rooms.Release(a)
		}
		return
	}
	p := s.pullOf(a)
	p.upTo, p.done = len(a.Order), done
	b.soil(s)
	if done {
		b.weigh(s, p)
	}
}

package broker

import (
	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// What an account on its way home is taken to hold beside its replies, in bytes
// for each member that it names.
const entryBytes = 128

// sendHome lets an account flow to its caller. What all callers together have
// not read is bounded like what calls in flight hold: beyond it, the session
// for which most waits is ended, because it asks and does not read.
func (b *Broker) sendHome(s *session, e room.Finished) {
	p := &pull{sequence: e.Sequence, account: e.Account}
	p.bytes = entryBytes * (len(e.Account.Entries) + len(e.Account.Absent))
	for i := range e.Account.Entries {
		p.bytes += len(e.Account.Entries[i].Reply)
	}
	s.pulling = append(s.pulling, p)
	s.homing += p.bytes
	b.homing += p.bytes
	b.soil(s)
	if b.homing > b.options.Limits.HeldBytes {
		most := s
		for _, other := range b.byID {
			if other.homing > most.homing {
				most = other
			}
		}
		b.end(most, protocol.CodeOverflow, "this session does not read its accounts")
	}
}

// home notes that the oldest account has gone.
func (b *Broker) home(s *session) {
	b.homing -= s.pulling[0].bytes
	s.homing -= s.pulling[0].bytes
	s.pulling[0] = nil
	s.pulling = s.pulling[1:]
}

// keepNothing forgets what waits for a session.
func (b *Broker) keepNothing(s *session) {
	b.homing -= s.homing
	s.queue, s.bytes, s.pulling, s.homing = s.queue[:0], 0, nil, 0
}

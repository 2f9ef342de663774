package broker

import (
	"time"

	"ddcos/protocol"
)

// What changes tables is asked in a moment and costs the loop much: who comes, joins,
// watches, shows a state, and goes. A session may do so little of it that none is a flood,
// but it can be another session each time. So all of it together has one part in lineShare
// of the loop's time, beyond the first tableBurst; then it waits in line.
const tableBurst = 2 * time.Millisecond

// tables is the account of that work.
type tables struct {
	owes   time.Duration // until when it has had its share
	putOff uint64        // times that a session had to wait
}

// changesTables tells whether a frame is of that work.
func changesTables(k protocol.Kind) bool {
	switch k {
	case protocol.KindHello, protocol.KindJoin, protocol.KindLeave, protocol.KindWatch, protocol.KindState,
		protocol.KindForget, protocol.KindWill, protocol.KindBye:
		return true
	}
	return false
}

// carries tells whether a frame is of what a broker is for: for that the others need the loop.
func carries(k protocol.Kind) bool {
	switch k {
	case protocol.KindCall, protocol.KindReply, protocol.KindReceipt, protocol.KindPublish, protocol.KindOffer, protocol.KindBid:
		return true
	}
	return false
}

// spend is what some of it has cost.
func (t *tables) spend(now, cost time.Duration) {
	t.owes = owing(t.owes, now, cost, tableBurst, lineShare)
}

// owing is until when somebody has had one part in share of the time, who had until owes
// and now spends cost; no more than two bursts ahead are held against anybody.
func owing(owes, now, cost, burst, share time.Duration) time.Duration {
	return min(max(owes, now)+cost*share, now+2*burst*share)
}

// tablesWait tells whether what changes tables has to wait: also where others wait with it
// already, or for what was changed before.
func (b *Broker) tablesWait() bool {
	l := &b.backlog
	return len(l.line) > l.floods || len(l.views) > 0 || b.tables.spent(b.clock)
}

// spent tells whether that work has had its share.
func (t *tables) spent(now time.Duration) bool { return t.owes-now > tableBurst*lineShare }

// takeTimed is take, on account of the tables if it is theirs. It notes who asks for what
// it may not have, which costs as much and may be asked for again and again.
func (b *Broker) takeTimed(s *session, f protocol.Frame) {
	if !changesTables(f.Kind) {
		before := b.rooms.Throttled()
		if b.take(s, f); b.rooms.Throttled() != before {
			s.kind |= denied
		}
		return
	}
	began, failed := b.now(), b.failed
	if b.take(s, f); b.failed != failed {
		s.kind |= denied
	}
	now := b.now()
	b.tables.spend(now, now-began)
}

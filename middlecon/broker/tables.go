package broker

import (
	"time"

	"github.com/panjf2000/gnet/v2"

	"ddcos/protocol"
)

// What changes tables is asked in a moment and costs the loop much: who comes, joins,
// watches, shows a state, and goes. A session may do so little of it that none is a flood,
// but it can be another session each time. So all of it together has one part in tableShare
// of the loop's time, beyond the first tableBurst; then it waits in line, of which the loop
// takes a slice at a time and rests as from floods.
const (
	tableShare = 10
	tableBurst = 2 * time.Millisecond
)

// lineMost bounds what a session that is in line may send meanwhile: with more, what it
// asks is done at once, and held against it as any flood.
const lineMost = 2 * readBytes

// tables is the account of that work, and the line.
type tables struct {
	owes  time.Duration // until when it has had its share
	line  []*session    // first come, first served; some that are not in it any more
	at    time.Duration // when the next slice may pass
	turns uint64        // as in lane
	posts bool          // the next slice is a letter

	putOff uint64 // times that a session had to wait
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
	t.owes = owing(t.owes, now, cost, tableShare, tableBurst)
}

// owing is until when somebody has had one part in share of the time, who had until owes
// and now spends cost; no more than two bursts ahead are held against anybody.
func owing(owes, now, cost, share, burst time.Duration) time.Duration {
	return min(max(owes, now)+cost*share, now+2*burst*share)
}

// spent tells whether that work has to wait.
func (t *tables) spent(now time.Duration) bool {
	return len(t.line) > 0 || t.owes-now > tableBurst*tableShare
}

// takeTimed is take, on account of the tables if it is theirs.
func (b *Broker) takeTimed(s *session, f protocol.Frame) {
	if !changesTables(f.Kind) {
		b.take(s, f)
		return
	}
	began := b.now()
	b.take(s, f)
	now := b.now()
	b.tables.spend(now, now-began)
}

// queueUp lets a session wait in line with what it asks.
func (b *Broker) queueUp(s *session) {
	b.hear(s)
	s.kind |= inLine
	b.tables.line = append(b.tables.line, s)
	b.callLine()
}

// callLine has the next slice pass when its time has come.
func (b *Broker) callLine() {
	t := &b.tables
	if len(t.line) > 0 && !t.posts && b.clock >= t.at {
		t.posts = true
		b.mailbox.post(b.passLine)
	}
}

// passLine is a slice of the line: a turn for each of the first.
func (b *Broker) passLine() {
	t, began := &b.tables, b.now()
	for len(t.line) > 0 && b.now()-began <= sliceTime {
		s := t.line[0]
		t.line[0] = nil
		t.line = t.line[1:]
		if !s.is(inLine) {
			continue
		}
		s.kind &^= inLine
		if c, ok := s.conn.(gnet.Conn); ok && !s.closed {
			b.passOne(s, c)
		}
	}
	now := b.now()
	t.at, t.posts = now, false
	if t.turns != b.turns {
		t.turns = b.turns
		t.at += min(restShare*(now-began), restMost)
	}
	b.clock = now
	b.callLine()
	b.arm()
}

// passOne is the turn of one that was in line.
func (b *Broker) passOne(s *session, c gnet.Conn) {
	more := false
	b.contain(func() {
		b.lookBack()
		b.feel()
		more = b.read(s, c, readSlice)
		b.settle()
	}, func() {
		b.unkeep(s)
		more = false
		_ = c.Close()
	})
	if more {
		b.queueUp(s)
	}
}

// leaveLine has what a session asked for done that ends and is in line.
func (b *Broker) leaveLine(s *session, c gnet.Conn) {
	if !s.is(inLine) || b.working {
		return
	}
	s.kind &^= inLine
	b.contain(func() {
		b.read(s, c, readWhole)
		b.settle()
	}, func() { b.unkeep(s) })
}

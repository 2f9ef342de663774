package broker

import (
	"math"
	"slices"
	"time"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// pollBlocked is how often a transport that is full is looked at again: gnet
// does not tell when it has become empty.
const pollBlocked = time.Millisecond

// pollEach keeps the looking at very many that are full a small part of the
// loop's time.
const pollEach = 2 * time.Microsecond

// endsTime is how long a turn may have taken that goes on ending sessions whose time
// is up: the others do not wait for all of them.
const endsTime = 50 * time.Microsecond

// endsMore tells whether a turn that has ended so many may end another.
func (b *Broker) endsMore(ended int) bool { return ended == 0 || b.now()-b.clock < endsTime }

// settle tells the rooms what happened, does what they say and writes what is
// to be written, until nothing is left to do. It ends every turn of the loop.
func (b *Broker) settle() {
	if b.working {
		return
	}
	b.working = true
	b.unblock()
	b.closeLingering()
	b.listenAll()
	b.watchAll()
	b.pace()
	if !b.behind {
		b.tell(room.Tick{})
	}
	for len(b.dirty) > 0 {
		b.flush()
		b.catchUp()
	}
	b.working, b.memory, b.viewed = false, b.memory[:0], viewed{}
	b.carried.Store(b.turns)
	b.drained()
	b.callLine()
	b.callHeld()
	b.callLater()
	b.arm()
}

// tell lets one event happen to the rooms and does what they say, and then
// what follows from that.
func (b *Broker) tell(e room.Event) {
	b.statsMeta = nil
	for _, effect := range b.rooms.Step(b.clock, e) {
		b.do(effect)
	}
	b.catchUp()
}

// catchUp tells the rooms what happened while something else was done.
func (b *Broker) catchUp() {
	for b.told < len(b.events) { // effects add events
		e := b.events[b.told]
		b.events[b.told] = nil
		b.told++
		for _, effect := range b.rooms.Step(b.clock, e) {
			b.do(effect)
		}
	}
	b.events, b.told = b.events[:0], 0
}

// flush hands every dirty session's frames to its transport.
func (b *Broker) flush() {
	b.flushing, b.dirty = b.dirty, b.flushing
	for b.flushed = 0; b.flushed < len(b.flushing); b.flushed++ {
		if b.flushed%yieldLook == yieldLook-1 {
			b.yield(b.now())
		}
		s := b.flushing[b.flushed]
		if b.postpones(s) {
			continue
		}
		s.dirty = false
		b.later.writes(s)
		b.write(s)
	}
	clear(b.flushing)
	b.flushing = b.flushing[:0]
}

// unflush leaves those that flush has not come to for the next turn, and tells at which
// session it ended too early, or nil.
func (b *Broker) unflush() (at *session) {
	if len(b.flushing) > 0 {
		at = b.flushing[b.flushed]
		b.dirty = append(b.dirty, b.flushing[b.flushed+1:]...)
		clear(b.flushing)
		b.flushing = b.flushing[:0]
	}
	return at
}

// write joins what waits for one session into few system calls, unless its
// transport still holds bytes: what waits here is known not to be sent.
func (b *Broker) write(s *session) {
	defer b.measure(s)
	if s.cut {
		s.own()
		return
	}
	for !s.closed && !s.closing {
		if s.conn.OutboundBuffered() > 0 {
			if !s.blocked {
				s.blocked = true
				b.blocked = append(b.blocked, s)
			}
			s.own()
			return
		}
		b.pull(s)
		if len(s.queue) == 0 {
			break
		}
		b.hand(s)
	}
	if s.closing && !s.closed && !s.parted {
		if len(s.queue) > 0 {
			b.hand(s) // one last frame: nobody waits for it to be read
		}
		if !s.closed {
			b.part(s)
		}
	}
	b.queues.release(s)
}

// joinBytes is how much leaves in one system call at most.
const joinBytes = protocol.MaxFrame

// hand gives as much of the queue to the transport as may leave at once.
func (b *Broker) hand(s *session) {
	n, bytes, most := 0, 0, joinBytes
	if b.crowded() {
		most = 0
	}
	for n < len(s.queue) && (n == 0 || bytes+len(s.queue[n].frame) <= most) {
		bytes += len(s.queue[n].frame)
		n++
	}
	batch := s.queue[:n]
	s.queue, s.bytes = s.queue[n:], s.bytes-bytes
	for i := range batch {
		if q := &batch[i]; q.call != 0 {
			b.awaited++
			s.mayAnswer()
			// None is being done here, and the queue that they may add to goes on behind the batch.
			for _, effect := range b.rooms.Step(b.clock, room.Sent{Session: s.key(), Call: q.call, Bind: q.bind}) {
				b.do(effect)
			}
		}
	}
	b.keep(s, batch)
	out := batch[0].frame
	if n > 1 {
		b.joined = b.joined[:0]
		for i := range batch {
			b.joined = append(b.joined, batch[i].frame...)
		}
		out = b.joined
	}
	b.later.copies(len(out), s.conn)
	_, _ = s.conn.Write(out) // a failed one closes the session, and OnClose is told so
	clear(batch)
	if len(s.queue) == 0 && !s.closed {
		s.queue = batch[:0]
	}
}

// unblock looks again at sessions whose transport was full.
func (b *Broker) unblock() {
	if len(b.blocked) == 0 || b.clock < b.lookAt {
		return
	}
	b.lookAt = b.clock + max(pollBlocked, time.Duration(len(b.blocked))*pollEach)
	b.blocked = slices.DeleteFunc(b.blocked, func(s *session) bool {
		if !s.closed && s.conn.OutboundBuffered() > 0 {
			return false
		}
		s.blocked = false
		b.soil(s)
		return true
	})
}

// soil puts a session on the list of those to flush.
func (b *Broker) soil(s *session) {
	if !s.dirty && !s.closed {
		s.dirty = true
		b.dirty = append(b.dirty, s)
	}
}

// arm sets the timer for the next thing that needs the loop without a frame. One
// that fires too early does no harm, and setting it at every turn would cost more.
//
// Between turns nobody is left with something to send or to be read and without somebody
// who wakes the loop for it. A session with frames to flush waits for callLater's letter or
// the timer; one in line for passLine's letter or the timer; one that is blocked, paced,
// lingering or looked at for the timer alone; and while the loop is behind, readAgain stands
// for the timer. So whoever adds to any of these when the turn has settled, or in no turn,
// arms; and by a clock of now, since what seems overdue by an old one looks like an absence
// of the loop. The tests look at all of this whenever a broker ends.
func (b *Broker) arm() {
	if b.behind {
		return // readAgain will
	}
	at, ok := b.rooms.Next()
	if len(b.pinged) > 0 {
		if look := b.pinged[0].look; !ok || look < at {
			at, ok = look, true
		}
	}
	if look, due := b.wheel.at(); due && (!ok || look < at) {
		at, ok = look, true
	}
	if len(b.paced) > 0 && (!ok || b.pacedAt < at) {
		at, ok = b.pacedAt, true
	}
	if l := &b.backlog; l.waits() && (!ok || l.at < at) {
		at, ok = l.at, true
	}
	if l := &b.later; l.waits() && (!ok || l.at < at) {
		at, ok = l.at, true
	}
	if look := b.fair.began + fairTime; b.fair.holds() && !b.fair.posts && (!ok || look < at) {
		at, ok = look, true
	}
	if len(b.blocked) > 0 {
		if !ok || b.lookAt < at {
			at, ok = b.lookAt, true
		}
	}
	if len(b.lingering) > 0 {
		if end := b.lingering[0].until; !ok || end < at {
			at, ok = end, true
		}
	}
	if at = max(at, b.clock); ok && at < b.armed { // what is overdue is due now
		b.armed = at
		b.timer.Reset(max(0, at-b.now()))
	}
}

// never is later than any time that the timer is set for.
const never = time.Duration(math.MaxInt64)

// due runs when the timer has fired; settle sets it again.
func (b *Broker) due() {
	b.lookBack()
	if !b.behind {
		b.armed = never
	}
	b.settle()
}

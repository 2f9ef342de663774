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

// settle tells the rooms what happened, does what they say and writes what is
// to be written, until nothing is left to do. It ends every turn of the loop.
func (b *Broker) settle() {
	if b.working {
		return
	}
	b.working = true
	b.unblock()
	b.hailOrClose()
	b.listenAll()
	b.watchAll()
	if !b.behind {
		b.tell(room.Tick{})
	}
	for len(b.dirty) > 0 {
		b.flush()
		b.catchUp()
	}
	b.working = false
	b.arm()
}

// tell lets one event happen to the rooms and does what they say, and then
// what follows from that.
func (b *Broker) tell(e room.Event) {
	for _, effect := range b.rooms.Step(b.now(), e) {
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
		for _, effect := range b.rooms.Step(b.now(), e) {
			b.do(effect)
		}
	}
	b.events, b.told = b.events[:0], 0
}

// flush hands every dirty session's frames to its transport.
func (b *Broker) flush() {
	dirty := b.dirty
	b.dirty = nil
	for _, s := range dirty {
		s.dirty = false
		b.write(s)
	}
	clear(dirty)
	if b.dirty == nil {
		b.dirty = dirty[:0]
	}
}

// write joins what waits for one session into one system call, unless its
// transport still holds bytes: what waits here is known not to be sent.
func (b *Broker) write(s *session) {
	for !s.closed && !s.closing {
		if s.conn.OutboundBuffered() > 0 {
			if !s.blocked {
				s.blocked = true
				b.blocked = append(b.blocked, s)
			}
			return
		}
		b.pull(s)
		if len(s.queue) == 0 {
			break
		}
		b.hand(s)
	}
	if s.closing && !s.closed {
		b.hand(s) // one last frame: nobody waits for it to be read
		if !s.closed {
			_ = s.conn.Close() // OnClose does the rest
		}
	}
}

// hand gives the whole queue to the transport.
func (b *Broker) hand(s *session) {
	queue := s.queue
	s.queue, s.bytes = nil, 0
	for _, q := range queue {
		if q.call != 0 {
			// None is being done here, and the queue that they may add to is not this one.
			for _, effect := range b.rooms.Step(b.now(), room.Sent{Session: s.key(), Call: q.call, Bind: q.bind}) {
				b.do(effect)
			}
		}
	}
	// A failed write closes the session, and OnClose is told so.
	if len(queue) == 1 {
		_, _ = s.conn.Write(queue[0].frame)
	} else {
		b.scratch = b.scratch[:0]
		for _, q := range queue {
			b.scratch = append(b.scratch, q.frame)
		}
		_, _ = s.conn.Writev(b.scratch)
		clear(b.scratch)
	}
	if !s.closed && s.queue == nil {
		clear(queue)
		s.queue = queue[:0]
	}
}

// pull lets the oldest account flow into the session's queue as far as there is room.
func (b *Broker) pull(s *session) {
	for len(s.pulling) > 0 && !s.full(protocol.MaxFrame, b.options.QueueBytes) {
		f, last := s.pulling[0].next()
		s.push(queued{frame: f})
		if last {
			s.pulling = slices.Delete(s.pulling, 0, 1)
		}
	}
}

// unblock looks again at sessions whose transport was full.
func (b *Broker) unblock() {
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

// hailOrClose closes sessions that did not say Hello in time.
func (b *Broker) hailOrClose() {
	now := time.Now()
	n := 0
	for _, s := range b.unhailed {
		if !s.welcomed && !s.closed && now.Before(s.deadline) {
			break
		}
		if !s.welcomed && !s.closing {
			b.end(s, protocol.CodeHelloTimeout, "no hello")
		}
		n++
	}
	b.unhailed = slices.Delete(b.unhailed, 0, n)
}

// arm sets the timer for the next thing that needs the loop without a frame. One
// that fires too early does no harm, and setting it at every turn would cost more.
func (b *Broker) arm() {
	if b.behind {
		return // readAgain will
	}
	at, ok := b.rooms.Next()
	if len(b.unhailed) > 0 {
		if hello := b.unhailed[0].deadline.Sub(b.started); !ok || hello < at {
			at, ok = hello, true
		}
	}
	if len(b.pinged) > 0 {
		if look := b.pinged[0].ping.look; !ok || look < at {
			at, ok = look, true
		}
	}
	if look, any := b.wheel.at(); any && (!ok || look < at) {
		at, ok = look, true
	}
	if len(b.blocked) > 0 {
		if again := b.now() + pollBlocked; !ok || again < at {
			at, ok = again, true
		}
	}
	if ok && at < b.armed {
		b.armed = at
		b.timer.Reset(max(0, at-b.now()))
	}
}

// never is later than any time that the timer is set for.
const never = time.Duration(math.MaxInt64)

// due runs when the timer has fired; settle sets it again.
func (b *Broker) due() {
	b.lookBack()
	b.armed = never
	b.settle()
}

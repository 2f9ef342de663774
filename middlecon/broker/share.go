package broker

import "time"

// shares bounds what waits for sessions that do not read as fast as they are
// written to: the bytes in their queues and in their transports. A session whose
// transport is empty has nothing here: what it is sent leaves in this turn, or, where a long
// message has yet to be written to it, soon; then it is here with more than one queue full.
type shares struct {
	used    int           // bytes of all slow sessions, as far as was looked
	refused uint64        // frames, for want of room in their session's queue or in all
	counted time.Duration // when all were looked at
}

// A slow session may have as much waiting as this part of what is left for all:
// so nobody takes all of it, and the less is left the less anyone may add.
const sharePart = 64

// recountEvery bounds what looking at all sessions can cost.
const recountEvery = 100 * time.Millisecond

// overflows is full for a frame that is given up then, and counted.
func (b *Broker) overflows(s *session, more int) bool {
	full := b.full(s, more)
	if full {
		b.shares.refused++
	}
	return full
}

// full tells whether so many more bytes are beyond what may wait for a session;
// where they are not, they are about to be queued.
func (b *Broker) full(s *session, more int) bool {
	waits := s.bytes
	if s.shared > 0 || s.cut { // else its transport has taken all
		waits += s.conn.OutboundBuffered()
	}
	if s.cut {
		waits += s.keep().out.Bytes()
	}
	most := b.options.QueueBytes
	if s.is(unwritten) && !s.cut && waits == s.bytes { // that it waits is no fault of its own
		most *= laterQueues
	}
	if waits+more > most {
		return true
	}
	if s.shared == 0 && waits+more <= b.options.QueueBytes {
		return false
	}
	if waits+more > b.left()/sharePart {
		b.measure(s)
		return s.shared > 0
	}
	b.shares.used += more // measured when the turn ends
	s.shared += more
	return false
}

// left is how many bytes may still wait for all sessions. What transports have
// written meanwhile is only looked for when it may matter.
func (b *Broker) left() int {
	left := b.options.QueueBytesAll - b.shares.used
	if left > b.options.QueueBytesAll/2 || b.clock-b.shares.counted < recountEvery {
		return max(0, left)
	}
	b.shares.counted = b.clock
	for _, s := range b.byID.All() {
		b.measure(s)
	}
	return max(0, b.options.QueueBytesAll-b.shares.used)
}

// measure notes what a session has waiting.
func (b *Broker) measure(s *session) {
	waits := 0
	if !s.closed {
		if out := s.conn.OutboundBuffered(); out > 0 || s.cut || s.bytes > b.options.QueueBytes {
			waits = s.bytes + out
		}
	}
	b.shares.used += waits - s.shared
	s.shared = waits
}

// crowded tells that a transport is to get one frame at a time: what its kernel
// does not take it copies, and there is no room for much of that.
func (b *Broker) crowded() bool { return b.shares.used > b.options.QueueBytesAll/2 }

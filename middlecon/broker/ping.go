package broker

import (
	"time"

	"ddcos/protocol"
)

// A TCP session's process may be stuck behind a socket whose kernel answers: it is
// pinged. A Unix session is not: its process is of this host, whose operator sees it.

// A session is looked at so often within one PingEvery, and the turns of all are
// gathered so that the loop wakes so often at most between two looks at one.
const (
	looks = 3
	wakes = 10
)

// listenFor begins to ping a session, if it is one to be pinged, and tells how
// often in ms.
func (b *Broker) listenFor(s *session) uint32 {
	if !s.is(hidden) {
		return 0
	}
	every, now := b.options.PingEvery, b.now()
	s.heard = now
	if every <= 0 {
		return 0
	}
	s.look = b.turn(now)
	b.pinged = append(b.pinged, s)
	return uint32(every.Milliseconds())
}

// hear notes that a whole frame came; any is a sign of life.
func (b *Broker) hear(s *session) {
	if !s.is(hidden) {
		return
	}
	s.heard = b.clock
	s.kind &^= pinged
	if s.probe != nil {
		s.probe.heard = b.clock
	}
}

// listenAll looks at the sessions whose turn it is: they are in the order of
// their turns, because each is looked at equally often.
func (b *Broker) listenAll() {
	now, n := b.clock, 0
	for n < len(b.pinged) && b.pinged[n].look <= now {
		s := b.pinged[n]
		n++
		if s.closing {
			continue
		}
		b.askOrEnd(s, now-s.heard)
		s.look = b.turn(now)
		b.pinged = append(b.pinged, s)
	}
	clear(b.pinged[:n])
	b.pinged = b.pinged[n:]
}

// turn is when a session that is looked at now has its next turn.
func (b *Broker) turn(now time.Duration) time.Duration {
	apart := b.options.PingEvery / looks
	step := max(1, apart/wakes)
	return (now + apart).Truncate(step) + step
}

// askOrEnd pings a session that was silent for PingEvery, and ends it after two.
func (b *Broker) askOrEnd(s *session, silent time.Duration) {
	every := b.options.PingEvery
	switch {
	case silent >= 2*every:
		b.end(s, protocol.CodeUnresponsive, "no frame for "+silent.Round(time.Millisecond).String())
	case silent >= every && !s.is(pinged):
		s.kind |= pinged
		b.push(s, queued{frame: frame(protocol.Header{Kind: protocol.KindPing, Sequence: 1}, nil)})
	}
}

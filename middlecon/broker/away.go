package broker

import (
	"time"

	"ddcos/middlecon/room"
)

// A loop that comes so much later than its timer said was away: its process was
// stopped or starved, or one turn took long. What came meanwhile is in the
// sockets, and nobody may pay for the loop's absence.
const awayFor = 10 * time.Millisecond

// readAgainFor is how long the sockets are read after that before deadlines are
// dealt with. Work that is left for the loop then comes behind all sockets that
// were ready before.
const readAgainFor = time.Millisecond

// readSealed is so much longer for each TLS session: its own goroutine reads it.
const readSealed = 20 * time.Microsecond

// lookBack begins a turn of the loop. After an absence deadlines wait until each
// socket that has something was read once, and no silence is held against a
// session that could not be heard: nor is that of another absence before all was read.
func (b *Broker) lookBack() {
	away := b.clock - b.armed
	if away < awayFor {
		return
	}
	for _, s := range b.pinged {
		s.heard += away
	}
	wait := readAgainFor + time.Duration(b.sealed)*readSealed
	b.armed = b.clock + wait
	if b.behind {
		return
	}
	b.behind = true
	b.rooms.Step(b.clock, room.Behind{})
	b.post(func() {
		time.AfterFunc(wait, func() { b.post(b.readAgain) })
	})
}

// readAgain ends the absence.
func (b *Broker) readAgain() {
	b.lookBack()
	b.behind, b.armed = false, never
	b.settle()
}

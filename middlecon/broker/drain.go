package broker

import (
	"time"

	"ddcos/protocol"
)

// draining is a broker on its way out: what runs may finish within the grace,
// and nothing new begins.
type draining struct {
	done chan struct{} // closed when nothing runs any more
	over bool          // it is closed
}

const whyAway = "the broker is shutting down"

// drain announces the end and waits until nothing runs any more, or for the grace.
func (b *Broker) drain() {
	done := make(chan struct{})
	if !b.mailbox.reached(func() { b.contain(func() { b.goAway(done) }, func() {}) }) {
		return // without a loop there was no session
	}
	grace := time.NewTimer(b.options.Grace)
	defer grace.Stop()
	select {
	case <-done:
	case <-grace.C:
	}
	b.post(b.farewell)
	b.mailbox.drainBefore(farewellWithin)
}

// farewellWithin bounds how long the end waits for the loop to close all sessions.
const farewellWithin = time.Second

// goAway tells every session that this broker ends.
func (b *Broker) goAway(done chan struct{}) {
	b.draining = &draining{done: done}
	bye := frame(protocol.Header{Kind: protocol.KindGoAway}, protocol.GoAway{Text: whyAway, GraceMS: uint32(b.options.Grace.Milliseconds())})
	for _, s := range b.byID {
		if s.welcomed && !s.cut {
			b.push(s, queued{frame: bye})
		}
	}
	b.settle()
}

// drained looks whether anything runs still: a call or an offer, or an account
// that its caller has not read. It ends every turn.
func (b *Broker) drained() {
	if b.draining == nil || b.draining.over {
		return
	}
	if s := b.rooms.Stats(); s.InFlight+s.Offers.InFlight > 0 {
		return
	}
	for _, s := range b.byID {
		if s.cut {
			continue
		}
		if len(s.queue) > 0 || s.caller != nil && len(s.caller.pulling) > 0 {
			return
		}
	}
	b.draining.over = true
	close(b.draining.done)
}

// turnsAway refuses what would begin something while the broker drains.
func (b *Broker) turnsAway(s *session, f protocol.Frame) bool {
	if b.draining == nil {
		return false
	}
	switch f.Kind {
	case protocol.KindJoin, protocol.KindCall, protocol.KindOffer, protocol.KindWatch, protocol.KindPublish, protocol.KindWill:
		b.fail(s, f.Sequence, protocol.Errorf(protocol.CodeShuttingDown, whyAway))
		return true
	}
	return false
}

// farewell ends every session.
func (b *Broker) farewell() {
	for _, s := range b.byID {
		b.end(s, protocol.CodeShuttingDown, whyAway)
	}
	b.settle()
}

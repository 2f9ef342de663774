package broker

import (
	"slices"
	"strconv"
	"time"

	"ddcos/middlecon/policy"
	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// draining is a broker on its way out, in two phases. In the first what runs may
// finish, nothing new begins, and sessions that know another broker go there. In the
// second all that are left are ended.
type draining struct {
	done chan struct{} // closed when nothing is waited for any more
	over bool          // it is closed
}

const whyAway = "the broker is shutting down"

// moveShare is the part of the grace over which sessions spread their moving. What is
// left of it is for what they have in flight, and for those that find no broker at once.
const moveShare = 2

// drain announces the end and waits until nothing runs any more and all have moved
// that can, or for the grace.
func (b *Broker) drain() {
	within := time.Duration(b.endsBy.Load()) - b.now()
	done := make(chan struct{})
	if !b.mailbox.reached(func() { b.contain(func() { b.goAway(done, within) }, func() {}) }) {
		return // without a loop there was no session
	}
	grace := time.NewTimer(within)
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
func (b *Broker) goAway(done chan struct{}, within time.Duration) {
	within = max(within, 0).Round(time.Millisecond)
	b.draining = &draining{done: done}
	b.options.Log.Info("ending", "within", within, "sessions", b.byID.Len())
	bye := frame(protocol.Header{Kind: protocol.KindGoAway}, protocol.GoAway{
		Text: whyAway, GraceMS: uint32(within.Milliseconds()), MoveMS: uint32((within / moveShare).Milliseconds()),
	})
	for _, s := range b.byID.All() {
		if s.welcomed && !s.cut {
			b.push(s, queued{frame: bye})
		}
	}
	b.settle()
}

// drained looks whether anything is waited for still: a call or an offer, an account
// that its caller has not read, or a session that goes by itself. It ends every turn.
func (b *Broker) drained() {
	if b.draining == nil || b.draining.over {
		return
	}
	if s := b.rooms.Stats(); s.InFlight+s.Offers.InFlight > 0 {
		return
	}
	for _, s := range b.byID.All() {
		if s.cut {
			continue
		}
		if s.is(moves) || len(s.queue) > 0 || s.caller != nil && len(s.caller.pulling) > 0 {
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
	for _, s := range b.byID.All() {
		b.end(s, protocol.CodeShuttingDown, whyAway)
	}
	b.settle()
}

// Drain ends Serve as the end of its context does, within grace; false where it ends already.
func (b *Broker) Drain(grace time.Duration) bool {
	first := b.endsBy.CompareAndSwap(0, int64(b.now()+max(grace, 1)))
	if first {
		close(b.drains)
	}
	return first
}

// askedToDrain does what a process asked for that may.
func (b *Broker) askedToDrain(s *session, f protocol.Frame) error {
	var body protocol.Drain
	if err := protocol.DecodeRequest(f.Meta, &body); err != nil {
		return err
	}
	by := s.peer().Principal
	if !slices.Contains(b.managers, by) && !b.mayAsk(s, f.Sequence, asking{verb: policy.Drain}) {
		return nil
	}
	grace := time.Duration(body.GraceMS) * time.Millisecond
	if grace == 0 {
		grace = b.options.Grace
	}
	grace = min(grace, protocol.MaxDeadline)
	s.kind &^= moves // it waits for the end
	if b.Drain(grace) {
		b.options.Log.Info("draining", "grace", grace, "sessions", b.others(s), "principal", string(by), "pid", s.pid)
	} else {
		grace = max(0, time.Duration(b.endsBy.Load())-b.now())
	}
	b.push(s, queued{frame: frame(protocol.Header{Kind: protocol.KindDraining, Sequence: f.Sequence},
		protocol.Draining{Sessions: uint32(b.others(s)), GraceMS: uint32(grace.Milliseconds())})})
	return nil
}

// others counts the welcomed sessions beside one.
func (b *Broker) others(than *session) (n int) {
	for _, s := range b.byID.All() {
		if s != than && s.welcomed && !s.closing {
			n++
		}
	}
	return n
}

func uidPrincipal(uid int) room.Principal { return room.Principal(uidPrefix + strconv.Itoa(uid)) }

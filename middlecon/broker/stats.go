package broker

import (
	"context"
	"slices"
	"time"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// latency counts calls that were answered, or their members, by how long they took.
type latency struct {
	calls   [protocol.LatencyBuckets]uint64
	elapsed uint64 // µs in all
}

func (l *latency) observe(elapsed uint64) {
	l.calls[protocol.LatencyBucket(elapsed)]++
	l.elapsed += elapsed
}

// Stats are the broker's counts, all of one instant. It asks the loop, and so
// waits until the loop has time.
func (b *Broker) Stats(ctx context.Context) (protocol.Stats, error) {
	var s protocol.Stats
	done := make(chan struct{})
	if !b.mailbox.reached(func() { b.contain(func() { s = b.stats() }, func() {}); close(done) }) {
		return newStats(room.Stats{}), nil // without a loop there was no session yet
	}
	select {
	case <-done:
		return s, nil
	case <-ctx.Done():
		return protocol.Stats{}, ctx.Err() // s is the loop's still
	}
}

func newStats(r room.Stats) protocol.Stats {
	return protocol.Stats{
		Accepted: r.Accepted, Finished: r.Finished, Abandoned: r.Abandoned, Refused: r.Refused, InFlight: uint64(r.InFlight),
		Published: r.Published, Late: r.Late, Duplicate: r.Duplicate, Unknown: r.Unknown, Views: r.Views,
		Rooms: uint64(r.Rooms), Members: uint64(r.Members), Watches: uint64(r.Watches), Absent: uint64(r.Absent), Held: uint64(r.Held),
		OffersAccepted: r.Offers.Accepted, OffersFinished: r.Offers.Finished, OffersAbandoned: r.Offers.Abandoned,
		OffersRefused: r.Offers.Refused, OffersInFlight: uint64(r.Offers.InFlight), OffersBound: r.Bound,
		Bids: r.Bids, BidsLate: r.BidsLate, BidsDuplicate: r.BidsDuplicate, BidsUnknown: r.BidsUnknown,
		Overdrawn: r.Overdrawn, Throttled: r.Throttled, Entries: uint64(r.Entries),
		Parted: uint64(r.Parted), Resumed: r.Resumed, TakenOver: r.TakenOver, Expired: r.Expired, ResumesRefused: r.ResumesRefused,
		Wills: uint64(r.Wills), WillsSent: r.WillsSent,
		StatesSet: r.StatesSet, StatesRefused: r.StatesRefused,
		Outcomes: r.Outcomes[:], Latency: make([]uint64, protocol.LatencyBuckets), MemberLatency: make([]uint64, protocol.LatencyBuckets),
	}
}

// stats runs on the loop.
func (b *Broker) stats() protocol.Stats {
	s := newStats(b.rooms.Stats())
	s.UptimeMS = uint64(b.now().Milliseconds())
	s.Sessions = uint64(b.byID.Len()) - s.Parted
	s.Unacked = uint64(b.unacked)
	s.Queued = b.queuedBytes()
	s.HalfOpen, s.Floods, s.PutOff = b.halfOpen, b.flooded, b.tables.putOff
	s.Forbidden, s.Expelled = b.gate.refused, b.gate.expelled
	s.TLS, s.TLSRefused = uint64(b.sealed), b.refusals.count()
	if l := b.options.AccountLog; l != nil {
		s.Logged, s.LogDropped = l.counts()
	}
	s.QueueFull = b.shares.refused
	s.Begun, s.BegunEnded = uint64(b.begun.bytes), b.begun.ended
	s.Homing, s.Slow = uint64(max(0, b.homing)), uint64(max(0, b.shares.used))
	copy(s.Latency, b.latency.calls[:])
	s.ElapsedUS = b.latency.elapsed
	s.MemberLatency, s.MemberUS = slices.Clone(b.members.calls[:]), b.members.elapsed
	return s
}

// status answers one who asks for the stats. Who asks again before anything has happened
// is told the same.
func (b *Broker) status(sequence uint64) []byte {
	if b.statsMeta == nil {
		b.statsMeta = protocol.Encode(b.stats())
	}
	h := protocol.Header{Kind: protocol.KindStats, Sequence: sequence}
	f, err := protocol.AppendFrame(make([]byte, 0, protocol.HeaderSize+len(b.statsMeta)), h, b.statsMeta, nil)
	if err != nil {
		panic("broker: " + err.Error())
	}
	return f
}

// countQueuesEvery bounds what asking for stats can cost: all sessions are looked at.
const countQueuesEvery = 100 * time.Millisecond

// queuedBytes is what waits for all sessions, as it was within countQueuesEvery.
func (b *Broker) queuedBytes() uint64 {
	if now := b.now(); b.queuedAt == 0 || now-b.queuedAt >= countQueuesEvery {
		b.queued, b.queuedAt = 0, now
		for _, s := range b.byID.All() {
			b.queued += uint64(s.bytes + s.conn.OutboundBuffered())
		}
	}
	return b.queued
}

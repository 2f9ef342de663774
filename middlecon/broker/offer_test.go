package broker

import (
	"context"
	"testing"
	"time"

	"ddcos/protocol"
)

// offer sends an offer to all members of a room.
func (r *raw) offer(sequence uint64, body protocol.Offer, deadline time.Duration, payload string) {
	r.t.Helper()
	r.send(protocol.Header{Kind: protocol.KindOffer, Sequence: sequence, Budget: uint32(deadline.Microseconds())}, body, []byte(payload))
}

func (r *raw) bid(room uint32, offer, cost uint64) {
	r.t.Helper()
	r.send(protocol.Header{Kind: protocol.KindBid, Sequence: offer, Room: room}, protocol.Bid{Cost: cost}, nil)
}

func (r *raw) reply(room uint32, call uint64, outcome protocol.Outcome, text string) {
	r.t.Helper()
	r.send(protocol.Header{Kind: protocol.KindReply, Sequence: call, Room: room, Outcome: outcome}, nil, []byte(text))
}

// An offer on the wire: all are offered it, one is bound, its bidders are told,
// and neither a loser's reply nor a stranger's bid does anything.
func TestOfferOnTheWire(t *testing.T) {
	b := start(t, nil)
	one, two, caller, stranger := welcome(t, b, "unix"), welcome(t, b, "tcp"), welcome(t, b, "unix"), welcome(t, b, "tcp")
	room := one.join("r", "one")
	two.join("r", "two")
	stranger.join("other", "s")
	caller.offer(5, protocol.Offer{Room: "r"}, patience, "job")
	var body protocol.Deliver
	f := one.expect(protocol.KindOffered, &body)
	if string(f.Payload) != "job" || f.Room != room || body.View != 2 || f.Budget != uint32(patience.Microseconds()) {
		t.Errorf("offered %+v %q", f.Header, f.Payload)
	}
	two.expect(protocol.KindOffered, nil)
	stranger.bid(room, f.Sequence, 0)
	stranger.lives()
	two.reply(room, f.Sequence, protocol.OK, "not bound")
	two.bid(room, f.Sequence, 3)
	if bind := two.expect(protocol.KindBind, nil); bind.Sequence != f.Sequence || bind.Room != room || bind.Budget == 0 || bind.Budget > f.Budget {
		t.Errorf("bind %+v", bind.Header)
	}
	var bound protocol.Bound
	if h := caller.expect(protocol.KindBound, &bound); h.Sequence != 5 || h.Member == 0 || bound.Name != "two" || bound.Host != "127.0.0.1" {
		t.Errorf("bound %+v %+v", h.Header, bound)
	}
	one.bid(room, f.Sequence, 0)
	one.reply(room, f.Sequence, protocol.OK, "loser")
	if c := one.expect(protocol.KindCancel, nil); c.Sequence != f.Sequence || c.Room != room {
		t.Errorf("cancel %+v", c.Header)
	}
	one.lives()
	two.reply(room, f.Sequence, protocol.OK, "done")
	entries, sum := caller.account()
	if len(entries) != 2 || entries[0].Outcome != protocol.Cancelled || entries[1].Outcome != protocol.OK || string(entries[1].Reply) != "done" ||
		!sum.Met || sum.Bound != entries[1].Member || sum.Bids != 1 || sum.Late != 1 {
		t.Errorf("%+v, %+v", entries, sum)
	}
	two.bid(room, f.Sequence, 0)
	two.lives()
	s, err := b.Stats(context.Background())
	if err != nil || s.OffersAccepted != 1 || s.OffersFinished != 1 || s.OffersBound != 1 || s.Bids != 1 || s.BidsLate != 2 || s.BidsUnknown != 1 || s.Unknown != 2 || s.Accepted != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	m := scrape(t, b)
	if m["middlecon_offers_accepted_total"] != 1 || m["middlecon_offers_bound_total"] != 1 || m["middlecon_bids_late_total"] != 2 || m["middlecon_call_seconds_count"] != 0 {
		t.Errorf("metrics %v", m)
	}
}

// The bind of a member that does not read waits in our queue, is taken back when
// it is lost, and the next that has bid gets its own.
func TestBindGoesToTheNext(t *testing.T) {
	b := start(t, func(o *Options) { o.QueueBytes = 4 << 20 })
	stuck, next, caller := welcome(t, b, "unix"), welcome(t, b, "unix"), welcome(t, b, "unix")
	room := stuck.join("r", "stuck")
	next.join("r", "next")
	caller.offer(1, protocol.Offer{Room: "r"}, patience, "job")
	offer := stuck.expect(protocol.KindOffered, nil).Sequence
	next.expect(protocol.KindOffered, nil)
	for range 10 { // more than a socket takes, and less than a queue
		caller.send(protocol.Header{Kind: protocol.KindPublish, Sequence: 2}, protocol.Publish{Room: "r", To: "stuck"}, make([]byte, 60<<10))
		caller.expect(protocol.KindPublished, nil)
	}
	stuck.bid(room, offer, 0)
	next.bid(room, offer, 0)
	next.lives() // no bind before it
	_ = stuck.c.Close()
	next.expect(protocol.KindBind, nil)
	var bound protocol.Bound
	if caller.expect(protocol.KindBound, &bound); bound.Name != "next" {
		t.Errorf("bound %+v", bound)
	}
	next.reply(room, offer, protocol.OK, "")
	entries, sum := caller.account()
	if entries[0].Outcome != protocol.NotSent || entries[1].Outcome != protocol.OK || sum.Bids != 2 {
		t.Errorf("%+v, %+v", entries, sum)
	}
}

// What is broken ends its session, and what is wrong only its request.
func TestOfferRefused(t *testing.T) {
	b := start(t, nil)
	r := welcome(t, b, "tcp")
	for want, body := range map[protocol.Code]protocol.Offer{
		protocol.CodeBadName:     {},
		protocol.CodeBadDeadline: {Room: "r", WindowUS: 2_000_000},
		protocol.CodeBadLabel:    {Room: "r", Labels: map[string]string{"": ""}},
		protocol.CodeBadState:    {Room: "r", State: map[string]string{"": ""}},
	} {
		r.offer(3, body, time.Second, "")
		if f := r.expect(protocol.KindError, nil); f.Code != want || f.Sequence != 3 {
			t.Errorf("%+v: %v of %d, want %v", body, f.Code, f.Sequence, want)
		}
	}
	r.offer(4, protocol.Offer{Room: "r"}, time.Second, string(make([]byte, protocol.MaxPayload+1)))
	if f := r.expect(protocol.KindError, nil); f.Code != protocol.CodeFrameTooLarge || f.Sequence != 4 {
		t.Errorf("a payload too large: %v of %d", f.Code, f.Sequence)
	}
	r.lives()
	for _, kind := range []protocol.Kind{protocol.KindOffer, protocol.KindBid} {
		bad := welcome(t, b, "unix")
		bad.write(bytesOf(protocol.Header{Kind: kind, Sequence: 1}, []int{1}, nil))
		if code := bad.ended(); code != protocol.CodeMalformed {
			t.Errorf("a broken %s: ended with %v", kind, code)
		}
	}
	for _, kind := range []protocol.Kind{protocol.KindOffered, protocol.KindBind, protocol.KindBound} {
		bad := welcome(t, b, "unix")
		bad.write(bytesOf(protocol.Header{Kind: kind, Sequence: 1}, protocol.Bound{}, nil))
		if code := bad.ended(); code != protocol.CodeUnexpected {
			t.Errorf("%s from a process: ended with %v", kind, code)
		}
	}
}

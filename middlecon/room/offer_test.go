package room

import (
	"testing"
	"time"
)

func TestOffer(t *testing.T) {
	const two = `
		join 1 ann         -> joined 1 room=1 view=1
		join 2 bob         -> joined 2 room=1 view=2
		offer 9            -> offered 1 to 1,2
		sent 1 1
		sent 2 1
	`
	for name, text := range map[string]string{
		"the first bid is bound, the others are told, and its reply is the end": two + `
			bid 2 1            -> bind 1 to 2 for 1s
			bid 1 1
			sent 2 1 bind      -> withdraw 1 from 1; bound 9 seq=1 bob 000001.2 h2 2
			reply 2 1 ok done  -> finished 9 seq=1 view=2/2 met ann=not_bound bob=ok:done bound=000001.2 bids=2`,
		"who had not bid is cancelled": two + `
			bid 2 1            -> bind 1 to 2 for 1s
			sent 2 1 bind      -> withdraw 1 from 1; bound 9 seq=1 bob 000001.2 h2 2
			bid 1 1
			bid 1 1
			reply 2 1 ok       -> finished 9 seq=1 view=2/2 met ann=cancelled bob=ok bound=000001.2 bids=1 late=1 duplicate=1`,
		"all decline": two + `
			reply 1 1 refused busy
			reply 2 1 refused  -> finished 9 seq=1 view=2/2 ann=refused:busy bob=refused`,
		"nobody bids": two + `
			receipt 1 1
			@1s tick           -> withdraw 1 from 1,2; finished 9 seq=1 view=2/2 ann=timeout bob=no_receipt`,
		"nobody is there": `
			offer 9            -> finished 9 seq=1 view=0/0`,
		"the bound one is lost": two + `
			bid 2 1            -> bind 1 to 2 for 1s
			bid 1 1
			sent 2 1 bind      -> withdraw 1 from 1; bound 9 seq=1 bob 000001.2 h2 2
			lost 2             -> finished 9 seq=1 view=2/2 ann=not_bound bob=lost_after_send bound=000001.2 bids=2`,
		"it is lost before a byte of its bind is gone": two + `
			bid 2 1            -> bind 1 to 2 for 1s
			bid 1 1
			@20ms lost 2       -> bind 1 to 1 for 980ms
			sent 1 1 bind      -> bound 9 seq=1 ann 000001.1 h1 1
			reply 1 1 app_error no -> finished 9 seq=1 view=2/2 ann=app_error:no bob=not_sent bound=000001.1 bids=2`,
		"its queue is full": two + `
			bid 2 1            -> bind 1 to 2 for 1s
			bid 1 1
			overflow 2 1
			overflow 2 1 bind  -> bind 1 to 1 for 1s
			overflow 2 1 bind
			sent 2 1 bind
			sent 1 1 bind      -> bound 9 seq=1 ann 000001.1 h1 1
			overflow 1 1 bind
			reply 1 1 ok       -> finished 9 seq=1 view=2/2 met ann=ok bob=overflow bound=000001.1 bids=2`,
		"it leaves before it is bound": two + `
			bid 2 1            -> bind 1 to 2 for 1s
			leave 2            -> withdraw 1 from 2; left 2 room=1
			bid 1 1            -> bind 1 to 1 for 1s
			sent 1 1 bind      -> bound 9 seq=1 ann 000001.1 h1 1
			leave 1            -> withdraw 1 from 1; finished 9 seq=1 view=2/2 ann=left bob=left bound=000001.1 bids=2; left 1 room=1`,
		"it declines after all, and the next is bound": two + `
			bid 1 1            -> bind 1 to 1 for 1s
			bid 2 1
			reply 1 1 refused so more -> withdraw 1 from 1; bind 1 to 2 for 1s
			reply 1 1 refused rry
			sent 1 1 bind
			sent 2 1 bind      -> bound 9 seq=1 bob 000001.2 h2 2
			reply 2 1 refused full -> finished 9 seq=1 view=2/2 ann=refused:sorry bob=refused:full bound=000001.2 bids=2`,
		"nobody else's reply is believed": two + `
			reply 1 1 ok fake
			bid 1 1            -> bind 1 to 1 for 1s
			reply 1 1 ok early
			bid 2 1
			sent 1 1 bind      -> withdraw 1 from 2; bound 9 seq=1 ann 000001.1 h1 1
			reply 2 1 ok loser
			bid 3 1
			reply 1 1 ok true  -> finished 9 seq=1 view=2/2 met ann=ok:true bob=not_bound bound=000001.1 bids=2`,
		"the deadline comes before the bind is gone": two + `
			bid 1 1            -> bind 1 to 1 for 1s
			@1s tick           -> withdraw 1 from 1,2; finished 9 seq=1 view=2/2 ann=not_bound bob=no_receipt bids=1`,
		"and after it": two + `
			receipt 1 1
			bid 1 1            -> bind 1 to 1 for 1s
			sent 1 1 bind      -> withdraw 1 from 2; bound 9 seq=1 ann 000001.1 h1 1
			@1s tick           -> withdraw 1 from 1; finished 9 seq=1 view=2/2 ann=no_receipt bob=cancelled bound=000001.1 bids=1`,
		"it was received, and no reply came": two + `
			bid 1 1            -> bind 1 to 1 for 1s
			sent 1 1 bind      -> withdraw 1 from 2; bound 9 seq=1 ann 000001.1 h1 1
			receipt 1 1
			@1s tick           -> withdraw 1 from 1; finished 9 seq=1 view=2/2 ann=timeout bob=cancelled bound=000001.1 bids=1`,
		"the caller cancels, before and after": two + `
			bid 1 1            -> bind 1 to 1 for 1s
			cancel 9 1         -> withdraw 1 from 1,2; finished 9 seq=1 view=2/2 ann=not_bound bob=cancelled bids=1
			sent 1 1 bind
			offer 9            -> offered 2 to 1,2
			bid 1 2            -> bind 2 to 1 for 1s
			sent 1 2 bind      -> withdraw 2 from 2; bound 9 seq=1 ann 000001.1 h1 1
			cancel 9 1         -> withdraw 2 from 1; finished 9 seq=1 view=2/2 ann=cancelled bob=cancelled bound=000001.1 bids=1`,
		"the caller is lost": two + `
			bid 1 1            -> bind 1 to 1 for 1s
			sent 1 1 bind      -> withdraw 1 from 2; bound 9 seq=1 ann 000001.1 h1 1
			lost 9             -> withdraw 1 from 1; abandoned 9 seq=1 view=2/2 ann=cancelled bob=cancelled bound=000001.1 bids=1
			reply 1 1 ok`,
		"a call takes no bids": two + `
			call 9 seq=2       -> deliver 2 to 1,2
			bid 1 2
			bid 1 1 room=7
			@1s tick           -> withdraw 1 from 1,2; finished 9 seq=1 view=2/2 ann=no_receipt bob=no_receipt; withdraw 2 from 1,2; finished 9 seq=2 view=2/2 ann=not_sent bob=not_sent`,
	} {
		t.Run(name, func(t *testing.T) { runHistory(t, DefaultLimits(), text) })
	}
}

func TestOfferWindow(t *testing.T) {
	const three = `
		join 1 ann         -> joined 1 room=1 view=1
		join 2 bob         -> joined 2 room=1 view=2
		join 3 cid         -> joined 3 room=1 view=3
		offer 9 window=100ms -> offered 1 to 1,2,3
	`
	for name, text := range map[string]string{
		"the least cost is bound, of equal ones the first": three + `
			bid 1 1 cost=7
			bid 3 1 cost=5
			@99ms bid 2 1 cost=5 -> bind 1 to 3 for 901ms
			sent 3 1 bind      -> withdraw 1 from 1,2; bound 9 seq=1 cid 000001.3 h3 3
			reply 3 1 ok       -> finished 9 seq=1 view=3/3 met ann=not_bound bob=not_bound cid=ok bound=000001.3 bids=3`,
		"when the window ends": three + `
			bid 1 1 cost=7
			bid 3 1 cost=5
			@100ms tick        -> bind 1 to 3 for 900ms
			bid 2 1 cost=1
			overflow 3 1 bind  -> bind 1 to 2 for 900ms
			overflow 2 1 bind  -> bind 1 to 1 for 900ms`,
		"when nobody is left who could bid": three + `
			bid 1 1 cost=7
			bid 3 1 cost=9
			reply 2 1 refused  -> bind 1 to 1 for 1s`,
		"when who has not bid is lost": three + `
			bid 1 1 cost=7
			bid 3 1 cost=9
			lost 2             -> bind 1 to 1 for 1s`,
		"where nobody has bid the first one later": three + `
			@100ms tick
			bid 2 1 cost=9     -> bind 1 to 2 for 900ms`,
		"no bid is bound after the end": three + `
			bid 1 1 cost=7
			@1s tick           -> withdraw 1 from 1,2,3; finished 9 seq=1 view=3/3 ann=not_bound bob=not_sent cid=not_sent bids=1`,
		"one who is lost at its end is not bound": three + `
			bid 1 1 cost=7
			bid 2 1 cost=8
			@100ms lost 1      -> bind 1 to 2 for 900ms`,
		"it leaves time for the work": `
			offer 9 window=1s for=1s -> failed 9 bad_deadline
			offer 9 window=1s for=2ms -> failed 9 bad_deadline
			offer 9 for=1us      -> failed 9 bad_deadline`,
		"an offer waits for members": `
			join 1 ann           -> joined 1 room=1 view=1
			offer 9 wait=2/5s window=100ms
			@1s join 2 bob       -> joined 2 room=1 view=2; offered 1 to 1,2
			bid 2 1
			@1100ms tick         -> bind 1 to 2 for 900ms`,
	} {
		t.Run(name, func(t *testing.T) { runHistory(t, DefaultLimits(), text) })
	}
}

func TestOfferStats(t *testing.T) {
	r := runHistory(t, DefaultLimits(), `
		join 1 ann         -> joined 1 room=1 view=1
		join 2 bob         -> joined 2 room=1 view=2
		offer 9            -> offered 1 to 1,2
		offer 9 seq=2      -> offered 2 to 1,2
		offer 9 seq=3 wait=3/1s
		offer 9 seq=2      -> failed 9 duplicate
		call 9 seq=4       -> deliver 3 to 1,2
		bid 1 1            -> bind 1 to 1 for 1s
		bid 1 1
		sent 1 1 bind      -> withdraw 1 from 2; bound 9 seq=1 ann 000001.1 h1 1
		bid 2 1
		reply 1 1 ok       -> finished 9 seq=1 view=2/2 met ann=ok bob=cancelled bound=000001.1 bids=1 late=1 duplicate=1
		bid 2 1
		bid 5 2
		bid 1 77
		reply 2 2 ok
		reply 2 2 ok more`)
	got, want := r.Stats(), Counts{Accepted: 3, Finished: 1, Refused: 1, InFlight: 2}
	if got.Offers != want || got.Counts != (Counts{Accepted: 1, InFlight: 1}) {
		t.Errorf("offers %+v, want %+v; calls %+v", got.Offers, want, got.Counts)
	}
	if got.Bound != 1 || got.Bids != 1 || got.BidsDuplicate != 1 || got.BidsLate != 2 || got.BidsUnknown != 2 || got.Unknown != 1 {
		t.Errorf("bound %d, bids %d, duplicate %d, late %d, unknown %d; replies unknown %d", got.Bound, got.Bids, got.BidsDuplicate, got.BidsLate, got.BidsUnknown, got.Unknown)
	}
	for _, e := range r.Step(time.Second, Lost{Session: 9}) {
		if _, ok := e.(Finished); ok {
			t.Error("a lost caller is told")
		}
	}
	if s := r.Stats(); s.Offers.InFlight != 0 || s.Offers.Abandoned != 2 || s.Abandoned != 1 {
		t.Errorf("when their caller is lost: %+v, %+v", s.Offers, s.Counts)
	}
}

package room

import (
	"testing"
	"time"

	"ddcos/protocol"
)

const annAndBob = `
	join 1 ann -> joined 1 room=1 view=1
	join 2 bob -> joined 2 room=1 view=2
`

// A credit comes back when the account is home, not when the call is over; who
// goes on without one is ended.
func TestCredits(t *testing.T) {
	limits := DefaultLimits()
	limits.SessionCalls, limits.Overdraws = 2, 2
	r := runHistory(t, limits, annAndBob+`
		call 9 seq=1 in=x    -> finished 9 seq=1 view=0/0 met
		call 9 seq=1         -> deliver 1 to 1,2
		cancel 9 1           -> withdraw 1 from 1,2; finished 9 seq=1 view=2/2 ann=cancelled bob=cancelled
		call 9 seq=2         -> failed 9 too_many_calls
		call 9 seq=2         -> failed 9 too_many_calls
		offer 9 seq=2        -> failed 9 too_many_calls; evict 9 too_many_calls
		home 9
		call 9 seq=2         -> deliver 2 to 1,2
		call 9 seq=3         -> failed 9 too_many_calls
		lost 9               -> withdraw 2 from 1,2; abandoned 9 seq=2 view=2/2 ann=cancelled bob=cancelled`)
	if s := r.Stats(); s.InFlight != 0 || s.Entries != 0 || s.Overdrawn != 4 {
		t.Errorf("%+v", s)
	}
}

// What all accounts have selected is bounded; a call that waited is told so too.
func TestEntries(t *testing.T) {
	limits := DefaultLimits()
	limits.Entries = 5
	r := runHistory(t, limits, annAndBob+`
		call 6 seq=1 wait=3/1s
		call 9 seq=1         -> deliver 1 to 1,2
		call 8 seq=1         -> deliver 2 to 1,2
		call 7 seq=1         -> failed 7 too_many_calls
		call 7 seq=1 to=ann  -> deliver 3 to 1
		join 3 eve           -> joined 3 room=1 view=3; failed 6 too_many_calls
		cancel 7 1           -> withdraw 3 from 1; finished 7 seq=1 view=2/2 ann=cancelled
		call 6 seq=1 to=eve  -> deliver 4 to 3`)
	if s := r.Stats(); s.Entries != 5 || s.Accepted != s.Finished+uint64(s.InFlight) {
		t.Errorf("%+v", s)
	}
}

// Deliveries of whatever verb are on one principal's account; one that is in debt
// waits, and is told for how long.
func TestDeliveries(t *testing.T) {
	limits := DefaultLimits()
	limits.Deliveries, limits.DeliveryBurst = 1, 5
	const history = annAndBob + `
		publish 5            -> message 1 by 5 to 1,2
		publish 5            -> message 2 by 5 to 1,2
		publish 5            -> message 3 by 5 to 1,2
		publish 5            -> failed 5 too_many_deliveries
		call 6               -> failed 6 too_many_deliveries
		offer 6              -> failed 6 too_many_deliveries
		@999ms publish 6     -> failed 6 too_many_deliveries
		@1001ms publish 6    -> message 4 by 6 to 1,2
		@2001ms publish 6    -> failed 6 too_many_deliveries`
	r := runHistory(t, limits, history)
	if s := r.Stats(); s.Throttled != 5 || s.Published != 4 {
		t.Errorf("%+v", s)
	}
	again := Publish{Session: 5, Peer: Peer{Principal: "p"}, Body: protocol.Publish{Room: "r"}}
	failed, ok := r.Step(2001*time.Millisecond, again)[0].(Failed)
	if !ok || failed.Err.Wait <= 0 || failed.Err.Wait > 2*time.Second {
		t.Fatalf("%+v", failed)
	}
	if _, ok := r.Step(2001*time.Millisecond+failed.Err.Wait, again)[0].(Message); !ok {
		t.Errorf("after the %v that it was told to wait it is refused again", failed.Err.Wait)
	}
	again.Peer.Principal = "q"
	if _, ok := r.Step(0, again)[0].(Message); !ok {
		t.Error("one principal's debts are another's")
	}
}

// Who owes is known before it may cause no more, until it has paid; and so is that all owe
// for whom there is no place.
func TestOwes(t *testing.T) {
	limits := DefaultLimits()
	limits.Deliveries, limits.DeliveryBurst, limits.Principals = 1000, 100, 2
	r := New(1, limits)
	r.now = time.Hour
	owes := func(p Principal, want bool) {
		t.Helper()
		if r.Owes(p) != want {
			t.Errorf("%q owes: %v, want %v", p, !want, want)
		}
	}
	r.spend("a", 10)
	owes("a", false)
	r.spend("a", 1)
	owes("a", true)
	if r.afford("a") != nil {
		t.Error("who owes a little is refused")
	}
	owes("b", false)
	r.spend("b", 1)
	r.spend("c", 50)
	owes("b", false)
	owes("c", true)
	owes("d", true)
	r.now += time.Millisecond
	owes("a", false)
	if n := len(r.budget.paid); n != 3 {
		t.Errorf("%d principals after asking, want 3", n)
	}
	r.limits.Deliveries = 0
	owes("c", false)
}

// The table of principals is bounded: newcomers share a count until somebody has
// paid.
func TestPrincipals(t *testing.T) {
	limits := DefaultLimits()
	limits.Deliveries, limits.DeliveryBurst, limits.Principals = 1, 1, 2
	r := New(1, limits)
	now := time.Hour
	for _, spent := range []Principal{"a", "b", "c", "d"} {
		r.now = now
		r.spend(spent, 1)
	}
	if n := len(r.budget.paid); n != 3 { // the shared one is the third
		t.Errorf("%d principals", n)
	}
	if r.afford("e") == nil {
		t.Error("what others spent together is not shared")
	}
	if r.now += sweepEvery; r.afford("e") != nil || r.afford("a") != nil {
		t.Error("who has paid is still in debt")
	}
	if r.spend("e", 1); len(r.budget.paid) > 3 {
		t.Errorf("%d principals", len(r.budget.paid))
	}
}

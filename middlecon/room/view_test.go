package room

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"ddcos/protocol"
)

func TestWatch(t *testing.T) {
	for name, text := range map[string]string{
		"the full view first, then each change": `
			join 1 ann           -> joined 1 room=1 view=1
			watch 5 seq=3        -> view 5 seq=3 view=1/1 full +ann
			join 2 bob           -> joined 2 room=1 view=2; view 5 seq=3 view=2/2 +bob
			watch 6              -> view 6 seq=1 view=2/2 full +ann +bob
			leave 1              -> left 1 room=1; view 5 seq=3 view=3/1 -ann; view 6 seq=1 view=3/1 -ann
			lost 2               -> view 5 seq=3 view=4/0 -bob:reset; view 6 seq=1 view=4/0 -bob:reset
			watch 7              -> view 7 seq=1 view=4/0 full absent=bob`,
		"once is once": `
			join 1 ann           -> joined 1 room=1 view=1
			watch 5 once         -> view 5 seq=1 view=1/1 full +ann
			join 2 bob           -> joined 2 room=1 view=2
			watch 5 once         -> view 5 seq=1 view=2/2 full +ann +bob`,
		"a room that is not there yet": `
			watch 5              -> view 5 seq=1 view=0/0 full
			join 1 ann           -> joined 1 room=1 view=1; view 5 seq=1 view=1/1 +ann`,
		"a cancelled watch is silent": `
			watch 5 seq=1        -> view 5 seq=1 view=0/0 full
			watch 5 seq=2        -> view 5 seq=2 view=0/0 full
			cancel 5 1
			join 1 ann           -> joined 1 room=1 view=1; view 5 seq=2 view=1/1 +ann`,
		"so is that of a lost session, also about its own loss": `
			join 5 eve           -> joined 5 room=1 view=1
			watch 5              -> view 5 seq=1 view=1/1 full +eve
			watch 6              -> view 6 seq=1 view=1/1 full +eve
			lost 5               -> view 6 seq=1 view=2/0 -eve:reset
			join 1 ann           -> joined 1 room=1 view=3; view 6 seq=1 view=3/1 +ann`,
		"a session that watches where it joins and leaves sees itself": `
			watch 1              -> view 1 seq=1 view=0/0 full
			join 1 ann           -> joined 1 room=1 view=1; view 1 seq=1 view=1/1 +ann
			leave 1              -> left 1 room=1; view 1 seq=1 view=2/0 -ann`,
	} {
		t.Run(name, func(t *testing.T) { runHistory(t, DefaultLimits(), text) })
	}
}

func TestRoomsComeAndGo(t *testing.T) {
	for name, text := range map[string]string{
		"the number is new, and the views of a name only rise": `
			join 1 ann           -> joined 1 room=1 view=1
			leave 1              -> left 1 room=1
			watch 5 once         -> view 5 seq=1 view=0/0 full
			join 1 ann           -> joined 1 room=2 view=3
			leave 1 room=1       -> failed 1 not_member`,
		"a watch keeps a room": `
			watch 5              -> view 5 seq=1 view=0/0 full
			join 1 ann           -> joined 1 room=1 view=1; view 5 seq=1 view=1/1 +ann
			leave 1              -> left 1 room=1; view 5 seq=1 view=2/0 -ann
			join 1 ann           -> joined 1 room=1 view=3; view 5 seq=1 view=3/1 +ann`,
		"the lost keep it, until they are forgotten": `
			join 1 ann           -> joined 1 room=1 view=1
			lost 1
			join 2 bob           -> joined 2 room=1 view=3
			leave 2              -> left 2 room=1
			@24h join 2 bob      -> joined 2 room=2 view=5`,
		"a call ends with the last member, and so does the room": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			leave 2              -> left 2 room=1
			call 9               -> deliver 1 to 1
			leave 1              -> withdraw 1 from 1; finished 9 seq=1 view=3/1 ann=left; left 1 room=1
			join 2 bob           -> joined 2 room=2 view=5`,
	} {
		t.Run(name, func(t *testing.T) { runHistory(t, DefaultLimits(), text) })
	}
}

func TestAbsent(t *testing.T) {
	limits := DefaultLimits()
	limits.Absent, limits.AbsentFor = 2, time.Minute
	for name, text := range map[string]string{
		"by name, until the name is back": `
			join 1 zoe           -> joined 1 room=1 view=1
			join 2 ann           -> joined 2 room=1 view=2
			join 3 eve           -> joined 3 room=1 view=3
			lost 1
			lost 2
			call 9               -> deliver 1 to 3
			join 4 zoe           -> joined 4 room=1 view=6
			reply 3 1 ok         -> finished 9 seq=1 view=5/1 met eve=ok absent=ann absent=zoe
			watch 5 once         -> view 5 seq=1 view=6/2 full +eve +zoe absent=ann`,
		"who leaves is not absent": `
			join 1 ann           -> joined 1 room=1 view=1
			watch 5              -> view 5 seq=1 view=1/1 full +ann
			leave 1              -> left 1 room=1; view 5 seq=1 view=2/0 -ann
			call 9               -> finished 9 seq=1 view=2/0 met`,
		"a room of which everyone is lost": `
			join 1 ann           -> joined 1 room=1 view=1
			lost 1
			call 9               -> finished 9 seq=1 view=2/0 met absent=ann`,
		"those that the labels would have selected": `
			join 1 ann rack=1    -> joined 1 room=1 view=1
			join 2 bob rack=2    -> joined 2 room=1 view=2
			lost 1
			lost 2
			call 9 rack=2        -> finished 9 seq=1 view=4/0 met absent=bob`,
		"the longest lost makes way": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			join 3 eve           -> joined 3 room=1 view=3
			@1s lost 3
			@2s lost 1
			@3s lost 2
			watch 5 once         -> view 5 seq=1 view=6/0 full absent=ann absent=bob`,
		"each for its time": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			watch 5              -> view 5 seq=1 view=2/2 full +ann +bob
			@1s lost 1           -> view 5 seq=1 view=3/1 -ann:reset
			@2s lost 2           -> view 5 seq=1 view=4/0 -bob:reset
			@60.9s watch 6 once  -> view 6 seq=1 view=4/0 full absent=ann absent=bob
			@61s watch 6 once    -> view 6 seq=1 view=4/0 full absent=bob
			@62s watch 6 once    -> view 6 seq=1 view=4/0 full`,
	} {
		t.Run(name, func(t *testing.T) { runHistory(t, limits, text) })
	}
}

// What is told of a member comes from its peer, never from what it said.
func TestWhatIsTold(t *testing.T) {
	r := New(0xabc, DefaultLimits())
	labels := map[string]string{"rack": "7"}
	joined := r.Step(0, Join{Session: 1, Sequence: 3, Peer: Peer{Host: "h1", PID: 42}, Body: protocol.Join{Room: "r", Name: "ann", Labels: labels}})[0].(Joined)
	if joined.Member != protocol.NewMemberID(0xabc, 1) || joined.Sequence != 3 {
		t.Errorf("joined %+v", joined)
	}
	view := r.Step(0, Watch{Session: 5, Body: protocol.Watch{Room: "r"}})[0].(View).Change
	if m := view.Joined[0]; view.Room != "r" || m.ID != joined.Member || m.Host != "h1" || m.PID != 42 || m.Labels["rack"] != "7" {
		t.Errorf("view %+v", view)
	}
	deliver := r.Step(0, Call{
		Session: 9, Peer: Peer{Host: "h9", PID: 9}, Budget: time.Second,
		Body: protocol.Call{Room: "r"}, Payload: []byte("payload"),
	})[0].(Deliver)
	want := protocol.Deliver{View: 1, Host: "h9", PID: 9}
	if deliver.Body != want || string(deliver.Payload) != "payload" || deliver.Budget != time.Second || deliver.Room != joined.Room {
		t.Errorf("deliver %+v", deliver)
	}
	effects := r.Step(time.Millisecond, Lost{Session: 1, Why: "connection reset"})
	if e := effects[0].(Finished).Entries[0]; e.Member != joined.Member || e.Host != "h1" || e.PID != 42 {
		t.Errorf("entry %+v", e)
	}
	gone := protocol.Gone{ID: joined.Member, Name: "ann", Reason: protocol.ReasonLost, Text: "connection reset"}
	if got := effects[1].(View).Change.Gone[0]; got != gone {
		t.Errorf("gone %+v, want %+v", got, gone)
	}
	view = r.Step(2*time.Second, Watch{Session: 6, Body: protocol.Watch{Room: "r", Once: true}})[0].(View).Change
	absent := protocol.Absent{ID: joined.Member, Name: "ann", Host: "h1", PID: 42, AgoMS: 1999, Reason: "connection reset"}
	if view.Absent[0] != absent {
		t.Errorf("absent %+v, want %+v", view.Absent[0], absent)
	}
}

func TestNext(t *testing.T) {
	limits := DefaultLimits()
	limits.AbsentFor = 500 * time.Millisecond
	r := New(1, limits)
	next := func(when string, want time.Duration, wantOK bool) {
		t.Helper()
		if at, ok := r.Next(); at != want || ok != wantOK {
			t.Errorf("%s: %v %v, want %v %v", when, at, ok, want, wantOK)
		}
	}
	next("nothing", 0, false)
	join := func(s SessionID, name string) {
		r.Step(0, Join{Session: s, Body: protocol.Join{Room: "r", Name: name}})
	}
	join(1, "ann")
	join(2, "bob")
	r.Step(0, Call{Session: 9, Sequence: 1, Budget: 2 * time.Second, Body: protocol.Call{Room: "r"}})
	next("one call", 2*time.Second, true)
	r.Step(0, Call{Session: 9, Sequence: 2, Budget: time.Second, Body: protocol.Call{Room: "r"}})
	next("a shorter one", time.Second, true)
	r.Step(100*time.Millisecond, Lost{Session: 1})
	next("a lost member", 600*time.Millisecond, true)
	r.Step(600*time.Millisecond, Tick{})
	next("it is forgotten", time.Second, true)
	r.Step(time.Second, Tick{})
	next("the shorter call is over", 2*time.Second, true)
	r.Step(time.Second, Cancel{Session: 9, Sequence: 1})
	next("all is over", 0, false)
}

// A room's number is not that of another that there is, and not 0, when the numbers have
// gone round.
func TestNumbersWrap(t *testing.T) {
	r := New(1, DefaultLimits())
	join := func(s SessionID, name string) uint32 {
		return r.Step(0, Join{Session: s, Body: protocol.Join{Room: name, Name: "m"}})[0].(Joined).Room
	}
	if first, second := join(1, "first"), join(2, "second"); first != 1 || second != 2 {
		t.Fatalf("numbers %d and %d", first, second)
	}
	r.Step(0, Leave{Session: 2, Room: 2})
	r.lastRoom = math.MaxUint32 - 1
	var got []uint32
	for i := range 4 {
		got = append(got, join(SessionID(10+i), fmt.Sprint("r", i)))
	}
	if want := []uint32{math.MaxUint32, 2, 3, 4}; !slices.Equal(got, want) { // 0 is none, and 1 is there still
		t.Errorf("numbers %d, want %d", got, want)
	}
	r.Step(0, Leave{Session: 10, Room: math.MaxUint32})
	if r.numbers[math.MaxUint32] != nil || len(r.numbers) != 4 {
		t.Errorf("rooms of %d numbers", len(r.numbers))
	}
}

package room

import (
	"slices"
	"testing"
	"time"

	"ddcos/protocol"
)

func TestHeld(t *testing.T) {
	r := New(1, DefaultLimits())
	r.Step(0, Join{Session: 1, Body: protocol.Join{Room: "b", Name: "n"}})
	r.Step(0, Join{Session: 1, Body: protocol.Join{Room: "a", Name: "n"}})
	r.Step(0, Watch{Session: 1, Sequence: 7, Body: protocol.Watch{Room: "c"}})
	r.Step(0, Watch{Session: 1, Sequence: 8, Body: protocol.Watch{Room: "c", Once: true}})
	r.Step(0, Call{Session: 1, Sequence: 9, Budget: time.Second, Body: protocol.Call{Room: "b"}})
	r.Step(0, Will{Session: 1, Sequence: 10, Body: protocol.Will{Room: "w"}})
	want := []Holding{{Room: "b", Number: 1}, {Room: "a", Number: 2}, {Room: "c", Sequence: 7}, {Room: "w", Will: true}}
	if got := r.Held(1); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := r.Held(2); got != nil {
		t.Errorf("nobody holds %v", got)
	}
	for _, c := range []struct {
		session SessionID
		number  uint32
		want    string
	}{{1, 1, "b"}, {1, 2, "a"}, {1, 3, ""}, {1, 99, ""}, {2, 1, ""}} {
		if got, ok := r.NameOf(c.session, c.number); got != c.want || ok != (c.want != "") {
			t.Errorf("room %d of session %d: %q, %v", c.number, c.session, got, ok)
		}
	}
	r.Step(0, Join{Session: 2, Body: protocol.Join{Room: "b", Name: "m"}})
	for room, want := range map[string]int{"a": 1, "b": 2, "c": 0, "unknown": 0} {
		if got := r.Size(room); got != want {
			t.Errorf("room %s has %d members, want %d", room, got, want)
		}
	}
	r.Step(0, Leave{Session: 2, Room: 1})
	if got := r.Size("b"); got != 1 {
		t.Errorf("when one has left it has %d", got)
	}
}

// An expelled member has left: its calls are settled so, and others see why.
func TestExpel(t *testing.T) {
	r := New(1, DefaultLimits())
	r.Step(0, Join{Session: 1, Body: protocol.Join{Room: "r", Name: "n"}})
	r.Step(0, Watch{Session: 2, Sequence: 1, Body: protocol.Watch{Room: "r"}})
	r.Step(0, Call{Session: 2, Sequence: 2, Budget: time.Second, Body: protocol.Call{Room: "r"}})
	why := protocol.Errorf(protocol.CodeForbidden, "no more")
	effects := slices.Clone(r.Step(0, Expel{Session: 1, Room: 1, Err: why}))
	told, left, shown := false, false, false
	for _, e := range effects {
		switch e := e.(type) {
		case Expelled:
			told = e == Expelled{Session: 1, Room: 1, Err: why}
		case Finished:
			left = e.Entries[0].Outcome == protocol.Left
		case View:
			gone := e.Change.Gone
			shown = len(gone) == 1 && gone[0].Reason == protocol.ReasonLeft && gone[0].Text == "forbidden: no more"
		}
	}
	if !told || !left || !shown {
		t.Errorf("told %v, left %v, shown %v: %v", told, left, shown, effects)
	}
	if effects := r.Step(0, Expel{Session: 1, Room: 1, Err: why}); len(effects) > 0 {
		t.Errorf("expelled twice: %v", effects)
	}
}

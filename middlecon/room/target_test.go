package room

import (
	"testing"
	"time"

	"ddcos/protocol"
)

func TestCallToOne(t *testing.T) {
	const three = `
			join 1 ann rack=1    -> joined 1 room=1 view=1
			join 2 bob rack=2    -> joined 2 room=1 view=2
			join 3 eve           -> joined 3 room=1 view=3
	`
	for name, text := range map[string]string{
		"by name": `
			call 9 to=bob need=1 -> deliver 1 to 2
			reply 1 1 ok forged
			reply 2 1 ok yes     -> finished 9 seq=1 view=3/3 met bob=ok:yes`,
		"by id": `
			call 9 member=3      -> deliver 1 to 3
			reply 3 1 ok         -> finished 9 seq=1 view=3/3 met eve=ok`,
		"by both, which must be the same member's": `
			call 9 member=3 to=eve -> deliver 1 to 3
			call 8 member=3 to=bob -> failed 8 no_such_member`,
		"with labels, which it must have": `
			call 9 to=bob rack=2 -> deliver 1 to 2
			call 8 to=bob rack=1 -> failed 8 no_such_member`,
		"nobody of that name or id is told at once": `
			call 9 to=zoe        -> failed 9 no_such_member
			call 9 member=4      -> failed 9 no_such_member
			call 9 member=0 to=ann in=x -> failed 9 no_such_member`,
		"one that was lost is absent, and no success": `
			lost 2
			call 9 to=bob need=1 -> finished 9 seq=1 view=4/2 absent=bob
			call 9 member=2 need=1 -> finished 9 seq=1 view=4/2 absent=bob`,
		"one that is back is itself again, under a new id": `
			lost 2
			join 4 bob           -> joined 4 room=1 view=5
			call 9 member=2      -> failed 9 no_such_member
			call 9 to=bob        -> deliver 1 to 4`,
		"one that left is nobody": `
			leave 2              -> left 2 room=1
			call 9 to=bob        -> failed 9 no_such_member
			call 9 member=2      -> failed 9 no_such_member
			call 9 member=3      -> deliver 1 to 3`,
	} {
		t.Run(name, func(t *testing.T) { runHistory(t, DefaultLimits(), three+text) })
	}
}

// A member is found by its id among any number of holes.
func TestByID(t *testing.T) {
	r := roomOf(t, 100)
	for i := SessionID(1); i <= 100; i++ {
		if i%7 != 0 && i < 60 {
			r.Step(0, Leave{Session: i, Room: 1})
		}
	}
	for i := range uint64(102) {
		effects := r.Step(0, Call{
			Session: 0, Sequence: i + 1, Budget: time.Minute, Member: protocol.NewMemberID(1, i),
			Body: protocol.Call{Room: "room"},
		})
		deliver, ok := effects[0].(Deliver)
		switch there := i > 0 && i <= 100 && (i%7 == 0 || i >= 60); {
		case i == 0:
			r.Step(0, Cancel{Session: 0, Sequence: 1}) // no id: a call to all
		case ok != there || ok && (len(deliver.To) != 1 || deliver.To[0] != SessionID(i)):
			t.Errorf("member %d: %+v", i, effects[0])
		}
	}
}

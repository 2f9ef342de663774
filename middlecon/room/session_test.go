package room

import (
	"testing"
	"time"

	"ddcos/protocol"
)

func TestLostAndLeft(t *testing.T) {
	for name, text := range map[string]string{
		"a loss settles at once, by whether a byte was sent": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			join 3 eve           -> joined 3 room=1 view=3
			call 9               -> deliver 1 to 1,2,3
			sent 2 1
			receipt 3 1
			lost 1
			lost 2
			@5ms lost 3          -> finished 9 seq=1 view=3/3 ann=not_sent bob=lost_after_send eve=lost_after_send`,
		"a reply that came before the loss stays": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			call 9               -> deliver 1 to 1,2
			reply 1 1 ok yes
			reply 2 1 ok half more
			lost 1
			lost 2               -> finished 9 seq=1 view=2/2 ann=ok:yes bob=lost_after_send`,
		"one who leaves has left, however far it came": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			call 9               -> deliver 1 to 1,2
			sent 2 1
			leave 1              -> withdraw 1 from 1; left 1 room=1
			leave 2              -> withdraw 1 from 2; finished 9 seq=1 view=2/2 ann=left bob=left; left 2 room=1`,
		"one who leaves a room stays in the calls to another": `
			join 1 ann           -> joined 1 room=1 view=1
			join 1 ann in=x      -> joined 1 room=2 view=1
			call 9 seq=1         -> deliver 1 to 1
			call 9 seq=2 in=x    -> deliver 2 to 1
			call 9 seq=3         -> deliver 3 to 1
			leave 1 room=1       -> withdraw 1 from 1; finished 9 seq=1 view=1/1 ann=left; withdraw 3 from 1; finished 9 seq=3 view=1/1 ann=left; left 1 room=1
			reply 1 2 ok room=2  -> finished 9 seq=2 view=1/1 met ann=ok`,
		"a lost caller's calls end, and nobody is told but the members": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			call 2               -> deliver 1 to 1,2
			call 9               -> deliver 2 to 1,2
			reply 1 2 ok
			lost 2               -> withdraw 1 from 1; abandoned 2 seq=1 view=2/2 ann=cancelled bob=cancelled; finished 9 seq=1 view=2/2 ann=ok bob=not_sent
			reply 1 1 ok`,
		"a lost caller who waited for itself alone": `
			join 1 ann           -> joined 1 room=1 view=1
			call 1               -> deliver 1 to 1
			lost 1               -> abandoned 1 seq=1 view=1/1 ann=cancelled
			@9s tick`,
		"a cancelled call is answered": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			call 9 seq=4         -> deliver 1 to 1,2
			sent 1 1
			reply 2 1 ok
			cancel 8 4
			cancel 9 3
			cancel 9 4           -> withdraw 1 from 1; finished 9 seq=4 view=2/2 ann=cancelled bob=ok
			cancel 9 4
			call 9 seq=4         -> deliver 2 to 1,2`,
		"a session that asked for nothing is lost without a trace": `
			lost 1
			lost 1
			cancel 1 1
			sent 1 1
			overflow 1 1
			receipt 1 1`,
	} {
		t.Run(name, func(t *testing.T) { runHistory(t, DefaultLimits(), text) })
	}
}

func TestRefusals(t *testing.T) {
	limits := DefaultLimits()
	limits.Rooms, limits.Members, limits.SessionRooms = 3, 2, 2
	limits.SessionCalls, limits.SessionWatches, limits.Calls = 2, 1, 3
	const two = `
		join 1 ann -> joined 1 room=1 view=1
		join 2 bob -> joined 2 room=1 view=2
	`
	for name, text := range map[string]string{
		"a name": two + `
			leave 2              -> left 2 room=1
			join 3 ann           -> failed 3 name_taken
			join 1 eve           -> failed 1 already_member
			join 1 ann           -> failed 1 already_member
			join 3 a` + "\u202e" + `b -> failed 3 bad_name
			join 3 bob in=` + "\x01" + ` -> failed 3 bad_name
			join 3 bob           -> joined 3 room=1 view=4`,
		"labels": two + `
			leave 2              -> left 2 room=1
			join 3 eve =x        -> failed 3 bad_label
			join 3 eve a=` + "\x7f" + ` -> failed 3 bad_label
			call 3 =x            -> failed 3 bad_label`,
		"a room full": two + `
			join 3 eve           -> failed 3 too_many_members`,
		"rooms of a session, rooms of the broker": two + `
			join 1 ann in=x      -> joined 1 room=2 view=1
			join 1 ann in=y      -> failed 1 too_many_rooms
			join 3 ann in=y      -> joined 3 room=3 view=1
			join 4 ann in=z      -> failed 4 too_many_rooms
			watch 4 in=z         -> failed 4 too_many_rooms
			watch 4 in=z once    -> view 4 seq=1 view=0/0 full
			call 4 in=z          -> finished 4 seq=1 view=0/0 met`,
		"a room that it is not in": two + `
			leave 3              -> failed 3 not_member
			leave 1 room=2       -> failed 1 not_member
			leave 1              -> left 1 room=1
			leave 1              -> failed 1 not_member`,
		"a deadline": two + `
			call 9 for=999us     -> failed 9 bad_deadline
			call 9 for=-1s       -> failed 9 bad_deadline
			call 9 for=5m1s      -> failed 9 bad_deadline
			call 9 for=9999h     -> failed 9 bad_deadline
			call 9 for=5m        -> deliver 1 to 1,2
			call 9 for=1ms seq=2 -> deliver 2 to 1,2`,
		"a sequence in use": two + `
			call 9 seq=1         -> deliver 1 to 1,2
			call 9 seq=1         -> failed 9 duplicate
			watch 9 seq=1        -> failed 9 duplicate
			watch 9 seq=2        -> view 9 seq=2 view=2/2 full +ann +bob
			call 9 seq=2         -> failed 9 duplicate
			call 8 seq=1         -> deliver 2 to 1,2`,
		"calls of a session, calls of the broker": two + `
			call 9 seq=1         -> deliver 1 to 1,2
			call 9 seq=2         -> deliver 2 to 1,2
			call 9 seq=3         -> failed 9 too_many_calls
			call 8               -> deliver 3 to 1,2
			call 7               -> failed 7 too_many_calls
			cancel 9 1           -> withdraw 1 from 1,2; finished 9 seq=1 view=2/2 ann=cancelled bob=cancelled
			call 9 seq=3         -> failed 9 too_many_calls
			home 9
			call 9 seq=3         -> deliver 4 to 1,2`,
		"watches of a session": two + `
			watch 9 seq=1        -> view 9 seq=1 view=2/2 full +ann +bob
			watch 9 seq=2 once   -> view 9 seq=2 view=2/2 full +ann +bob
			watch 9 seq=2        -> failed 9 too_many_watches
			call 9 seq=2         -> deliver 1 to 1,2
			cancel 9 1
			watch 9 seq=3        -> view 9 seq=3 view=2/2 full +ann +bob`,
	} {
		t.Run(name, func(t *testing.T) { runHistory(t, limits, text) })
	}
}

// Every bad rule on the wire is refused, also one that ParseRule cannot make.
func TestRefusedRule(t *testing.T) {
	r := New(1, DefaultLimits())
	for _, call := range badRules() {
		if got := describe(r.Step(0, call)[0]); got != "failed 9 bad_rule" {
			t.Errorf("%+v: %s", call.Body, got)
		}
	}
	if s := r.Stats(); s.Refused != uint64(len(badRules())) || s.Accepted != 0 {
		t.Errorf("refused %d, accepted %d", s.Refused, s.Accepted)
	}
}

func badRules() []Call {
	return []Call{
		{Session: 9, Budget: time.Second, Body: protocol.Call{Room: "r", Rule: protocol.RuleShare, N: 101}},
		{Session: 9, Budget: time.Second, Body: protocol.Call{Room: "r", Rule: protocol.RuleLabel + 1}},
		{Session: 9, Budget: time.Second, Body: protocol.Call{Room: "r", Rule: 255, N: 1}},
	}
}

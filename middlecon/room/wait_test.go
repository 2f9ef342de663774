package room

import (
	"strings"
	"testing"
	"time"

	"ddcos/protocol"
)

func TestRuleByLabel(t *testing.T) {
	const three = `
			join 1 ann rack=1    -> joined 1 room=1 view=1
			join 2 bob rack=2    -> joined 2 room=1 view=2
			join 3 eve rack=1    -> joined 3 room=1 view=3
	`
	for name, text := range map[string]string{
		"those with it are enough, and the others are cancelled": `
			call 9 need=rack=1   -> deliver 1 to 1,2,3
			reply 1 1 ok
			reply 3 1 ok         -> withdraw 1 from 2; finished 9 seq=1 view=3/3 met ann=ok bob=cancelled eve=ok`,
		"each of them, and nobody else instead": `
			call 9 need=rack=1   -> deliver 1 to 1,2,3
			reply 2 1 ok
			reply 3 1 ok
			reply 1 1 app_error  -> finished 9 seq=1 view=3/3 ann=app_error bob=ok eve=ok`,
		"a label that nobody has is not met": `
			call 9 need=rack=3   -> deliver 1 to 1,2,3
			reply 1 1 ok
			reply 2 1 ok
			reply 3 1 ok         -> finished 9 seq=1 view=3/3 ann=ok bob=ok eve=ok
			call 9 need=rack=3 in=x -> finished 9 seq=1 view=0/0`,
		"the first cancels the rest": `
			call 9 need=first    -> deliver 1 to 1,2,3
			reply 2 1 app_error
			reply 3 1 ok         -> withdraw 1 from 1; finished 9 seq=1 view=3/3 met ann=cancelled bob=app_error eve=ok`,
	} {
		t.Run(name, func(t *testing.T) { runHistory(t, DefaultLimits(), three+text) })
	}
}

func TestWait(t *testing.T) {
	for name, text := range map[string]string{
		"until enough are there": `
			call 9 wait=2/5s
			@1s join 1 ann       -> joined 1 room=1 view=1
			@2s join 2 bob       -> joined 2 room=1 view=2; deliver 1 to 1,2
			@3s tick             -> withdraw 1 from 1,2; finished 9 seq=1 view=2/2 waited=2s ann=not_sent bob=not_sent`,
		"enough are there": `
			join 1 ann           -> joined 1 room=1 view=1
			call 9 wait=1/5s     -> deliver 1 to 1`,
		"until the time is over, for those that are there": `
			join 1 ann           -> joined 1 room=1 view=1
			call 9 wait=2/5s
			@4999ms tick
			@5s tick             -> deliver 1 to 1
			@5.1s reply 1 1 ok   -> finished 9 seq=1 view=1/1 met waited=5s ann=ok`,
		"for those that it selects": `
			call 9 wait=1/5s rack=1
			join 1 ann rack=2    -> joined 1 room=1 view=1
			join 2 bob rack=1    -> joined 2 room=1 view=2; deliver 1 to 2`,
		"who is gone again is not there": `
			call 9 wait=2/5s
			join 1 ann           -> joined 1 room=1 view=1
			lost 1
			join 2 bob           -> joined 2 room=1 view=3
			join 1 ann           -> joined 1 room=1 view=4; deliver 1 to 2,1`,
		"for one by its name": `
			call 9 wait=1/5s to=bob
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2; deliver 1 to 2`,
		"nobody comes": `
			call 9 wait=1/5s need=1
			@5s tick             -> finished 9 seq=1 view=0/0 waited=5s
			watch 5 once         -> view 5 seq=1 view=0/0 full`,
		"a later call may overtake it, and they have their places in the order": `
			join 1 ann           -> joined 1 room=1 view=1
			call 9 seq=1 wait=2/5s
			call 9 seq=2         -> deliver 1 to 1
			join 2 bob           -> joined 2 room=1 view=2; deliver 2 to 1,2`,
		"two that wait begin in the order of their acceptance": `
			call 9 seq=1 wait=1/5s
			call 8 seq=1 wait=1/4s
			join 1 ann           -> joined 1 room=1 view=1; deliver 1 to 1; deliver 2 to 1`,
		"cancelled, it selects nobody": `
			join 1 ann           -> joined 1 room=1 view=1
			call 9 wait=2/5s
			@1s cancel 9 1       -> finished 9 seq=1 view=0/0 waited=1s
			join 2 bob           -> joined 2 room=1 view=2`,
		"a caller that is lost waits no more": `
			call 9 wait=1/5s
			lost 9               -> abandoned 9 seq=1 view=0/0
			join 1 ann           -> joined 1 room=2 view=1`,
		"a sequence that waits is in use": `
			call 9 wait=1/5s
			call 9               -> failed 9 duplicate`,
		"the time to wait is bounded": `
			call 9 wait=1/301s   -> failed 9 bad_deadline`,
	} {
		t.Run(name, func(t *testing.T) {
			r := runHistory(t, DefaultLimits(), text)
			if s := r.Stats(); s.Accepted != s.Finished+uint64(s.InFlight) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// What waits is bounded in number and bytes, and lets its room go.
func TestWaitIsBounded(t *testing.T) {
	limits := DefaultLimits()
	limits.SessionCalls, limits.HeldBytes = 2, 100
	r := New(1, limits)
	call := func(s SessionID, sequence uint64, payload string) string {
		body := protocol.Call{Room: "r", Wait: 1, WaitUS: 1000}
		effects := r.Step(0, Call{Session: s, Sequence: sequence, Budget: time.Second, Body: body, Payload: []byte(payload)})
		if len(effects) == 0 {
			return ""
		}
		return describe(effects[0])
	}
	for i, test := range []struct {
		session SessionID
		payload string
		want    string
	}{
		{9, strings.Repeat("x", 60), ""},
		{9, strings.Repeat("x", 41), "failed 9 too_many_calls"},
		{9, strings.Repeat("x", 40), ""},
		{9, "", "failed 9 too_many_calls"},
		{8, "", ""},
	} {
		if got := call(test.session, uint64(i), test.payload); got != test.want {
			t.Errorf("call %d: %q, want %q", i, got, test.want)
		}
	}
	if s := r.Stats(); s.InFlight != 3 || s.Held != 100 || s.Rooms != 1 {
		t.Errorf("%+v", s)
	}
	r.Step(time.Millisecond, Tick{})
	if s := r.Stats(); s.InFlight != 0 || s.Held != 0 || s.Rooms != 0 || s.Finished != 3 {
		t.Errorf("%+v", s)
	}
}

func TestForget(t *testing.T) {
	for name, text := range map[string]string{
		"one by name": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			lost 1
			lost 2
			forget 5 ann         -> forgot 5 count=1
			forget 5 ann         -> failed 5 no_such_member
			call 9               -> finished 9 seq=1 view=4/0 met absent=bob`,
		"all": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			join 3 eve           -> joined 3 room=1 view=3
			lost 1
			lost 2
			forget 5             -> forgot 5 count=2
			watch 5 once         -> view 5 seq=1 view=5/1 full +eve`,
		"nobody was lost": `
			forget 5             -> forgot 5 count=0
			forget 5 ann         -> failed 5 no_such_member`,
		"the last takes the room along": `
			join 1 ann           -> joined 1 room=1 view=1
			lost 1
			forget 5             -> forgot 5 count=1
			watch 5 once         -> view 5 seq=1 view=0/0 full`,
	} {
		t.Run(name, func(t *testing.T) { runHistory(t, DefaultLimits(), text) })
	}
}

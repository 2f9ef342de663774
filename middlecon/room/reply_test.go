package room

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"ddcos/protocol"
)

func TestReply(t *testing.T) {
	const two = `
		join 1 ann -> joined 1 room=1 view=1
		join 2 bob -> joined 2 room=1 view=2
		call 9     -> deliver 1 to 1,2
	`
	for name, text := range map[string]string{
		"parts are put together": two + `
			reply 1 1 ok one, more
			reply 2 1 ok x more
			reply 1 1 ok two, more
			reply 1 1 ok more
			reply 1 1 ok three
			reply 2 1 ok       -> finished 9 seq=1 view=2/2 met ann=ok:one,two,three bob=ok:x`,
		"what fails on the way is a failure, without the half before it": two + `
			reply 1 1 ok half more
			reply 1 1 app_error disk_ more
			reply 1 1 app_error full
			reply 2 1 ok       -> finished 9 seq=1 view=2/2 ann=app_error:disk_full bob=ok`,
		"a second one is a duplicate, and changes nothing": two + `
			reply 1 1 ok first
			reply 1 1 ok second
			reply 1 1 app_error third
			reply 1 1 ok fourth more
			reply 2 1 ok       -> finished 9 seq=1 view=2/2 met ann=ok:first bob=ok duplicate=2`,
		"after any other outcome it is late": two + `
			overflow 1 1
			reply 1 1 ok x
			reply 2 1 ok       -> finished 9 seq=1 view=2/2 ann=overflow bob=ok late=1`,
		"also of one who left and came back": two + `
			leave 1            -> withdraw 1 from 1; left 1 room=1
			reply 1 1 ok x
			join 1 ann         -> joined 1 room=1 view=4
			reply 1 1 ok y
			reply 2 1 ok       -> finished 9 seq=1 view=2/2 ann=left bob=ok late=2`,
		"another room's number, a stranger, and what no member says are nobody's": two + `
			join 3 eve in=x    -> joined 3 room=2 view=1
			reply 1 1 ok room=2
			receipt 1 1 room=2
			reply 3 1 ok
			reply 8 1 ok
			reply 1 1 timeout
			reply 1 77 ok
			reply 1 0 ok
			sent 1 1
			@1s tick           -> withdraw 1 from 1,2; finished 9 seq=1 view=2/2 ann=no_receipt bob=not_sent`,
	} {
		t.Run(name, func(t *testing.T) { runHistory(t, DefaultLimits(), text) })
	}
}

func TestStrayReplies(t *testing.T) {
	r := runHistory(t, DefaultLimits(), `
		join 1 ann         -> joined 1 room=1 view=1
		call 9             -> deliver 1 to 1
		reply 8 1 ok
		reply 1 1 ok room=3
		reply 1 2 ok
		reply 1 1 ok       -> finished 9 seq=1 view=1/1 met ann=ok
		reply 1 1 ok
		reply 1 1 ok more
		reply 1 1 timeout
		reply 1 2 ok`)
	if s := r.Stats(); s.Unknown != 4 || s.Late != 2 || s.Duplicate != 0 {
		t.Errorf("unknown %d, late %d, duplicate %d; want 4, 2, 0", s.Unknown, s.Late, s.Duplicate)
	}
}

// The parts of a reply that is too large are dropped, and its member told.
func TestReplyTooLarge(t *testing.T) {
	limits := DefaultLimits()
	limits.ReplyBytes, limits.AccountBytes, limits.HeldBytes = 10, 15, 25
	r := runHistory(t, limits, `
		join 1 ann             -> joined 1 room=1 view=1
		join 2 bob             -> joined 2 room=1 view=2
		call 9 seq=1           -> deliver 1 to 1,2
		reply 1 1 ok 1234567890 more
		reply 1 1 ok x         -> withdraw 1 from 1
		reply 1 1 ok more
		reply 1 1 ok
		reply 2 1 ok 1234567890 -> finished 9 seq=1 view=2/2 ann=app_error:reply_too_large: more than the 10 bytes of one member bob=ok:1234567890 late=1
		call 9 seq=1           -> deliver 2 to 1,2
		reply 1 2 ok 1234567890
		reply 2 2 ok 123456    -> withdraw 2 from 2; finished 9 seq=1 view=2/2 ann=ok:1234567890 bob=app_error:reply_too_large: more than the 15 bytes of one call
		call 9 seq=1           -> deliver 3 to 1,2
		call 9 seq=2           -> deliver 4 to 1,2
		reply 1 3 ok 1234567890
		reply 2 3 ok 12345 more
		reply 1 4 ok 1234567890
		reply 2 4 ok 1         -> withdraw 4 from 2; finished 9 seq=2 view=2/2 ann=ok:1234567890 bob=app_error:reply_too_large: more than the 25 bytes of all calls in flight
		reply 2 3 ok           -> finished 9 seq=1 view=2/2 met ann=ok:1234567890 bob=ok:12345`)
	if held := r.Stats().Held; held != 0 {
		t.Errorf("%d bytes are held, and no call is in flight", held)
	}
}

// An error's text is cut to its limit and made UTF-8, also where a character
// lies across two parts.
func TestErrorText(t *testing.T) {
	long := strings.Repeat("é", protocol.MaxErrorText)
	for name, c := range map[string]struct {
		parts []string
		want  string
	}{
		"none":              {[]string{""}, ""},
		"short":             {[]string{"no ", "disk"}, "no disk"},
		"across two parts":  {[]string{"caf\xc3", "\xa9"}, "café"},
		"no UTF-8":          {[]string{"a\xff\xfeb"}, "a\uFFFDb"},
		"long":              {[]string{long}, long[:protocol.MaxErrorText]},
		"long, in parts":    {[]string{long[:301], long[301:]}, long[:protocol.MaxErrorText]},
		"long and no UTF-8": {[]string{strings.Repeat("\xffa", 300)}, strings.Repeat("\uFFFDa", 128)},
	} {
		t.Run(name, func(t *testing.T) {
			r := roomOf(t, 1)
			r.Step(0, Call{Session: 9, Budget: time.Second, Body: protocol.Call{Room: "room"}})
			var effects []Effect
			for i, part := range c.parts {
				effects = r.Step(0, Reply{Session: 1, Call: 1, Room: 1, Outcome: protocol.AppError, Part: []byte(part), More: i+1 < len(c.parts)})
			}
			got := effects[0].(Finished).Entries[0]
			if got.Error != c.want || got.Reply != nil || !utf8.ValidString(got.Error) {
				t.Errorf("error %q, reply %q; want error %q", got.Error, got.Reply, c.want)
			}
		})
	}
}

// Replies share memory while a call runs; none may reach into another.
func TestRepliesKeepApart(t *testing.T) {
	const members = 300
	r := roomOf(t, members)
	r.Step(0, Call{Session: 999, Budget: time.Second, Body: protocol.Call{Room: "room"}})
	part := make([]byte, 0, 4096)
	var effects []Effect
	for more := range 2 {
		for i := 1; i <= members; i++ {
			part = fmt.Appendf(part[:0], "<%d:%s>", i, strings.Repeat("x", i*7%2000))
			effects = r.Step(0, Reply{Session: SessionID(i), Call: 1, Room: 1, Outcome: protocol.OK, Part: part, More: more == 0})
		}
	}
	account := effects[0].(Finished).Account
	for i := range account.Entries {
		want := fmt.Sprintf("<%d:%s>", i+1, strings.Repeat("x", (i+1)*7%2000))
		if got := string(account.Entries[i].Reply); got != want+want {
			t.Fatalf("member %d: %.40q", i+1, got)
		}
		account.Entries[i].Reply = append(account.Entries[i].Reply, "behind"...) // must not spill into the next
	}
	if got := string(account.Entries[1].Reply); !strings.HasPrefix(got, "<2:") {
		t.Errorf("the second reply was written over: %.40q", got)
	}
}

func TestLatency(t *testing.T) {
	r := roomOf(t, 2)
	r.Step(time.Second, Call{Session: 9, Budget: time.Second, Body: protocol.Call{Room: "room"}})
	r.Step(time.Second+1500*time.Microsecond, Reply{Session: 2, Call: 1, Room: 1, Outcome: protocol.OK})
	effects := r.Step(time.Second+2900*time.Microsecond, Reply{Session: 1, Call: 1, Room: 1, Outcome: protocol.OK})
	a := effects[0].(Finished).Account
	if a.Entries[0].LatencyUS != 2900 || a.Entries[1].LatencyUS != 1500 || a.Summary.ElapsedUS != 2900 {
		t.Errorf("latencies %d and %d, elapsed %d; want 2900, 1500, 2900", a.Entries[0].LatencyUS, a.Entries[1].LatencyUS, a.Summary.ElapsedUS)
	}
}

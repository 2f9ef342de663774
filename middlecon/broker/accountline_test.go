package broker

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"ddcos/protocol"
)

// Calls of each kind and outcome are told as their callers were told them.
func TestAccountLogOfCalls(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, _ := opened(t, path, "r*")
	b := start(t, func(o *Options) { o.AccountLog = l })
	one, two, caller := welcome(t, b, "unix"), welcome(t, b, "tcp"), welcome(t, b, "unix")
	room := one.join("r", "one")
	two.join("r", "two")
	began := time.Now()
	outcomes := func(sequence uint64, first, second func(call uint64)) {
		caller.call(sequence, "r", time.Minute, []byte("secret"))
		first(one.expect(protocol.KindDeliver, nil).Sequence)
		second(two.expect(protocol.KindDeliver, nil).Sequence)
		caller.account()
	}
	reply := func(r *raw, outcome protocol.Outcome) func(uint64) {
		return func(call uint64) { r.reply(room, call, outcome, "secret") }
	}
	outcomes(1, reply(one, protocol.OK), reply(two, protocol.OK))
	outcomes(2, reply(one, protocol.AppError), reply(two, protocol.Refused))
	caller.call(3, "r", 3*time.Second, nil) // as long as a receipt may take on a busy machine
	one.send(protocol.Header{Kind: protocol.KindReceipt, Sequence: one.expect(protocol.KindDeliver, nil).Sequence, Room: room}, nil, nil)
	two.expect(protocol.KindDeliver, nil)
	caller.account()
	one.expect(protocol.KindCancel, nil)
	two.expect(protocol.KindCancel, nil)
	caller.send(protocol.Header{Kind: protocol.KindCall, Sequence: 4, Budget: 1e6}, protocol.Call{Room: "r", To: "one"}, nil)
	one.reply(room, one.expect(protocol.KindDeliver, nil).Sequence, protocol.OK, "")
	caller.account()
	caller.offer(5, protocol.Offer{Room: "r"}, time.Minute, "secret")
	job := one.expect(protocol.KindOffered, nil).Sequence
	two.expect(protocol.KindOffered, nil)
	two.bid(room, job, 1)
	two.expect(protocol.KindBind, nil)
	two.reply(room, job, protocol.OK, "secret")
	caller.expect(protocol.KindBound, nil)
	caller.account()
	one.expect(protocol.KindCancel, nil)
	two.call(6, "other", time.Minute, nil) // nobody, and not to be logged
	two.account()
	one.call(7, "r", time.Minute, nil) // by a member, whose other member is lost
	two.expect(protocol.KindDeliver, nil)
	_ = two.c.Close()
	one.reply(room, one.expect(protocol.KindDeliver, nil).Sequence, protocol.OK, "")
	one.account()
	caller.call(8, "r", time.Minute, nil)
	one.expect(protocol.KindDeliver, nil)
	_ = caller.c.Close()
	l.awaitWritten(t, 7)

	lines := linesOf(t, path)
	want := []struct {
		kind, outcomes, notOK string
		met                   bool
	}{
		{"call", "map[ok:2]", "[]", true},
		{"call", "map[app_error:1 refused:1]", "[one:app_error two:refused]", false},
		{"call", "map[no_receipt:1 timeout:1]", "[one:timeout two:no_receipt]", false},
		{"send", "map[ok:1]", "[]", true},
		{"offer", "map[cancelled:1 ok:1]", "[one:cancelled]", true},
		{"call", "map[lost_after_send:1 ok:1]", "[two:lost_after_send]", false},
		{"call", "map[cancelled:1]", "[one:cancelled]", false},
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %+v", len(lines), lines)
	}
	uid := uint32(os.Getuid())
	for i, line := range lines {
		notOK := []string{}
		for _, m := range line.NotOK {
			notOK = append(notOK, m.Name+":"+m.Outcome)
		}
		if line.Kind != want[i].kind || fmt.Sprint(line.Outcomes) != want[i].outcomes || fmt.Sprint(notOK) != want[i].notOK || line.Met != want[i].met {
			t.Errorf("%d: %+v", i, line)
		}
		who := callerLine{Software: "test", Host: "here", PID: int32(os.Getpid()), UID: &uid}
		if i == 5 {
			who.Name = "one"
		}
		at, err := time.Parse(time.RFC3339Nano, line.Time)
		if !reflect.DeepEqual(line.Caller, who) || err != nil || at.Before(began) || at.After(time.Now()) || line.Room != "r" || line.Abandoned != (i == 6) || i < 6 && (line.View != 2 || line.ViewSize != 2) {
			t.Errorf("%d: %+v, %v", i, line, err)
		}
	}
	if b := lines[4].Bound; b == nil || b.Name != "two" || b.Host != "127.0.0.1" || b.Outcome != "ok" || lines[4].Rule != "1" {
		t.Errorf("bound %+v, rule %s", b, lines[4].Rule)
	}
	if lines[3].Selected != 1 || lines[2].ElapsedUS < 3_000_000 || lines[6].Absent != 1 {
		t.Errorf("%+v", lines)
	}
	m := scrape(t, b)
	if m["middlecon_account_log_lines_total"] != 7 || m["middlecon_account_log_dropped_total"] != 0 {
		t.Errorf("%v lines, %v dropped", m["middlecon_account_log_lines_total"], m["middlecon_account_log_dropped_total"])
	}
}

// So are the outcomes of members that had no part in it.
func TestAccountLogOfTheUnreached(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, _ := opened(t, path)
	b := start(t, func(o *Options) { o.AccountLog, o.QueueBytes = l, 160<<10 })
	one, two, caller := welcome(t, b, "unix"), welcome(t, b, "unix"), welcome(t, b, "unix")
	room := one.join("r", "one")
	two.join("r", "two")

	caller.call(1, "r", time.Minute, nil) // one leaves
	reply := two.expect(protocol.KindDeliver, nil).Sequence
	one.expect(protocol.KindDeliver, nil)
	one.send(protocol.Header{Kind: protocol.KindLeave, Sequence: 9, Room: room}, nil, nil)
	one.expect(protocol.KindCancel, nil)
	one.expect(protocol.KindLeft, nil)
	two.reply(room, reply, protocol.OK, "")
	caller.account()

	one.join("r", "one") // who bids first is bound
	caller.offer(2, protocol.Offer{Room: "r", WindowUS: 30_000_000}, time.Minute, "")
	job := one.expect(protocol.KindOffered, nil).Sequence
	two.expect(protocol.KindOffered, nil)
	two.bid(room, job, 2)
	one.bid(room, job, 1)
	one.expect(protocol.KindBind, nil)
	two.expect(protocol.KindCancel, nil)
	one.reply(room, job, protocol.OK, "")
	caller.expect(protocol.KindBound, nil)
	caller.account()

	_ = two.c.Close() // one reads nothing from here on
	big := make([]byte, 60<<10)
	seen := map[protocol.Outcome]int{}
	const calls = 12
	for i := range uint64(calls) {
		caller.call(10+i, "r", 2*time.Second, big)
	}
	for range calls {
		entries, _ := caller.account()
		for _, e := range entries {
			seen[e.Outcome]++
		}
	}
	l.awaitWritten(t, 2+calls)
	lines := linesOf(t, path)
	for i, want := range []string{"map[left:1 ok:1]", "map[not_bound:1 ok:1]"} {
		if got := fmt.Sprint(lines[i].Outcomes); got != want {
			t.Errorf("line %d: %s, want %s", i, got, want)
		}
	}
	told := map[string]int{}
	for _, line := range lines[2:] {
		for o, n := range line.Outcomes {
			told[o] += n
		}
	}
	for o, n := range seen {
		if told[o.String()] != n {
			t.Errorf("%d %v; the log has %d", n, o, told[o.String()])
		}
	}
	if seen[protocol.NotSent] == 0 || seen[protocol.Overflow] == 0 {
		t.Errorf("the queue was never full, or nothing waited in it: %v", seen)
	}
}

// A call that waited and found no room has a line as well, which says so.
func TestAccountLogOfNoRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, _ := opened(t, path)
	b := start(t, func(o *Options) { o.AccountLog, o.Limits.Entries = l, 1 })
	one, caller := welcome(t, b, "unix"), welcome(t, b, "unix")
	one.join("r", "one")
	caller.send(protocol.Header{Kind: protocol.KindCall, Sequence: 3, Budget: 1e6}, protocol.Call{Room: "r", Wait: 2, WaitUS: 60e6}, nil)
	caller.lives()
	welcome(t, b, "unix").join("r", "two")
	if f := caller.expect(protocol.KindError, nil); f.Code != protocol.CodeTooManyCalls || f.Sequence != 3 {
		t.Errorf("%v of %d", f.Code, f.Sequence)
	}
	l.awaitWritten(t, 1)
	if w := linesOf(t, path)[0]; w.Error != "too_many_calls" || w.Met || w.Abandoned || w.Kind != "call" || w.Selected != 0 || w.WaitedUS == 0 || len(w.Outcomes) > 0 || w.Caller.Host != "here" {
		t.Errorf("%+v", w)
	}
	if s := statsOf(caller); s.Accepted != 1 || s.Finished != 1 || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}

// A log that nobody reads, and one that takes nothing, cost a call nothing.
func TestAccountLogStallsNoCall(t *testing.T) {
	l, _ := opened(t, "/dev/full")
	b := start(t, func(o *Options) { o.AccountLog = l })
	member, caller := welcome(t, b, "unix"), welcome(t, b, "unix")
	room := member.join("r", "m")
	const calls = 300
	for i := range uint64(calls) {
		caller.call(i+1, "r", time.Minute, nil)
		member.reply(room, member.expect(protocol.KindDeliver, nil).Sequence, protocol.OK, "")
		if _, sum := caller.account(); !sum.Met {
			t.Fatalf("%+v", sum)
		}
	}
	until(t, "all lines are dropped", func() bool { _, d := l.counts(); return d == calls })
	if m := scrape(t, b); m["middlecon_account_log_dropped_total"] != calls {
		t.Errorf("%v dropped", m["middlecon_account_log_dropped_total"])
	}
}

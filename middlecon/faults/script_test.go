package faults

import (
	"encoding/binary"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// outcomeOf is one member's in an account.
func outcomeOf(entries []Entry, name string) protocol.Outcome {
	for _, e := range entries {
		if e.Name == name {
			return e.Outcome
		}
	}
	return protocol.Pending
}

// goCall makes one call aside; its end comes by the channel.
func (c *caller) goCall(a ask) <-chan Account {
	done := make(chan Account, 1)
	go func() {
		defer close(done)
		if got, err := c.call(a); err == nil {
			done <- accountOf(got)
		}
	}()
	return done
}

// TestRepliesThatMustNotCount (fault 15): after the deadline, again and again,
// to a call that never was, and for a call of another. None changes an
// account; each is counted.
func TestRepliesThatMustNotCount(t *testing.T) {
	w := begin(t, setup{})
	w.baseline()
	w.members(plan{Names: names("well", 2)})
	r := connectRaw(t, w.broker.socket, 0).welcome().join("r")
	last := connectRaw(t, w.broker.socket, 0).welcome().join("last") // no call is over before it replies, or its deadline
	w.sick("r", "last")
	w.awaitSize(4)
	c := w.caller("c")

	late := c.goCall(ask{deadline: 3 * time.Second})
	first := r.delivered()
	last.delivered()
	a := <-late
	if outcomeOf(a.Entries, "r") != protocol.NoReceipt {
		t.Errorf("no reply: %v", a)
	}
	starved := uint64(0) // of those that are well: they may be late as well
	for _, name := range names("well", 2) {
		if outcomeOf(a.Entries, name) != protocol.OK {
			starved++
		}
	}
	r.reply(first, protocol.OK, Reply("r", Key{"c", 1}, Digest(first.Payload), 0))
	w.noted(r, first.Payload, Began)

	second := c.goCall(ask{})
	f, held := r.delivered(), last.delivered()
	text := w.answer(r, f)
	const again = 500
	for range 1 + again {
		r.reply(f, protocol.OK, text)
	}
	r.reply(f, protocol.Refused, []byte("after all"))
	spoiler := connectRaw(t, w.broker.socket, 0).welcome().join("spoiler") // of a later view
	w.sick("spoiler")
	spoiler.reply(f, protocol.OK, []byte("for another"))
	f.Sequence += 1000
	r.reply(f, protocol.OK, []byte("to nothing"))
	await(t, "all are counted", func() bool {
		s := w.sample(false)
		return s.Late >= 1 && s.Late <= 1+starved && s.Duplicate == again+1 && s.Unknown == 2
	})
	last.reply(held, protocol.OK, w.answer(last, held))
	if a := <-second; outcomeOf(a.Entries, "r") != protocol.OK || len(a.Entries) != 4 || a.Duplicate != again+1 {
		t.Errorf("duplicates: %v", a)
	}
	_, _, _ = r.c.Close(), spoiler.c.Close(), last.c.Close()
	w.awaitSize(2)
	w.finish()
}

// TestResetInMidFrame (fault 13): a member ends, by RST and by FIN, in the
// middle of its reply. Half a reply is none: its effect is unknown.
func TestResetInMidFrame(t *testing.T) {
	w := begin(t, setup{})
	w.members(plan{Names: names("well", 2)})
	c := w.caller("c")
	for name, end := range map[string]func(*raw){
		"rst": (*raw).reset,
		"fin": func(r *raw) { _ = r.c.Close() },
	} {
		w.sick(name)
		r := connectRaw(t, w.broker.tcp, 0).welcome().join(name)
		w.awaitSize(3)
		done := c.goCall(ask{})
		f := r.delivered()
		whole := encode(t, protocol.Header{Kind: protocol.KindReply, Sequence: f.Sequence, Room: f.Room, Outcome: protocol.OK}, nil, w.answer(r, f))
		r.write(whole[:len(whole)-1])
		end(r)
		if a := <-done; outcomeOf(a.Entries, name) != protocol.LostAfterSend {
			t.Errorf("%s in the middle of a reply: %v", name, a)
		}
		w.awaitSize(2)
	}
	w.finish()
}

// TestNotSentToTheByte (fault 13): a member that does not read is reset while
// messages wait for it. Of those that it saw a byte of none is not_sent, and
// those behind are.
func TestNotSentToTheByte(t *testing.T) {
	w := begin(t, setup{})
	w.members(plan{Names: names("well", 2)})
	w.sick("r")
	r := connectRaw(t, w.broker.tcp, 4096).welcome().join("r")
	w.awaitSize(3)
	const fill, calls, seen = 60_000, 120, 100_000 // more than kernel and queue hold
	var done []<-chan Account
	for i, c := range w.callersOn("c", calls) {
		done = append(done, c.goCall(ask{fill: fill}))
		w.awaitSteps(Effect, 2*(i+1)) // or it would be too much for the others, too
	}
	for len(r.buf) < seen {
		if err := r.some(seen - len(r.buf)); err != nil {
			t.Fatal(err)
		}
	}
	r.reset()
	for rest := r.buf; len(rest) > protocol.HeaderSize+400; {
		size := protocol.Need(rest)
		meta := int(binary.BigEndian.Uint16(rest[32:])) // its length: SPEC.md, frames
		w.noted(r, Payload(keyOf(t, rest[protocol.HeaderSize+meta:]), nil, fill), Began)
		rest = rest[min(size, len(rest)):]
	}
	found := map[protocol.Outcome]int{}
	for _, d := range done {
		a := <-d
		found[outcomeOf(a.Entries, "r")]++
	}
	if found[protocol.NotSent] == 0 || found[protocol.Overflow] == 0 || found[protocol.LostAfterSend] < 2 {
		t.Errorf("of %d messages: %v", calls, found)
	}
	w.awaitSize(2)
	w.finish()
}

// TestSlowReaders (fault 14): one member never reads, one reads a byte now and
// then. Calls that need the others end with these; what was not handed over by
// then is taken back, and the broker's queues and memory are bounded.
func TestSlowReaders(t *testing.T) {
	w := begin(t, setup{})
	w.members(plan{Names: names("well", 4)})
	w.sick("never", "slow")
	connectRaw(t, w.broker.socket, 0).welcome().join("never")
	slow := connectRaw(t, w.broker.tcp, 4096).welcome().join("slow")
	w.awaitSize(6)
	w.h.Queued = 9 * 256 << 10
	ending := make(chan struct{})
	go func() {
		for one := make([]byte, 1); ; {
			select {
			case <-ending:
				return
			case <-time.After(50 * time.Millisecond):
				_, _ = slow.c.Read(one)
			}
		}
	}()
	c := w.caller("c")
	before := w.broker.resident(t)
	four := protocol.Rule{Kind: protocol.RuleAtLeast, N: 4}
	for range 200 {
		a := c.must(ask{fill: 60_000, options: middlecon.CallOptions{Need: four}})
		if n := a.Counts(); !a.Met || n[protocol.OK] != 4 || n[protocol.Cancelled] != 2 {
			t.Fatalf("two do not read: %v", n)
		}
		w.sample(false)
	}
	a := c.must(ask{fill: 60_000, deadline: 5 * time.Second})
	close(ending)
	if o := outcomeOf(accountOf(a).Entries, "never"); o != protocol.NotSent {
		t.Errorf("who never reads is %v", o)
	}
	if grown := w.broker.resident(t) - before; grown > 64<<20 {
		t.Errorf("the broker grew by %d bytes", grown)
	}
	w.finish()
}

// keyOf is the key of a message that has begun to come.
func keyOf(t *testing.T, begun []byte) Key {
	t.Helper()
	key, _, err := ParsePayload(begun, "r")
	if err != nil {
		t.Fatalf("no message begins with %q: %v", begun[:min(len(begun), 100)], err)
	}
	return key
}

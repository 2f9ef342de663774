package room

import (
	"fmt"
	"slices"
	"strings"

	"ddcos/protocol"
)

// account compares a finished call with what is known of it.
func (m *model) account(c *modelCall, a *Account) {
	sum := a.Summary
	want := protocol.Summary{
		Room: c.room, View: c.view, ViewSize: uint32(c.size), Selected: uint32(len(c.slots)),
		Rule: c.rule.Kind, N: c.rule.N, Key: c.rule.Key, Value: c.rule.Value, Met: c.met(),
		ElapsedUS: uint64((m.now - c.start).Microseconds()), WaitedUS: uint64((c.start - c.accepted).Microseconds()),
		Late: c.late, Duplicate: c.duplicate,
	}
	if o := c.offer; o != nil {
		want.Bids = o.bids
		if o.bound != nil {
			want.Bound = o.bound.id
		}
	}
	if c.waiting {
		want.ElapsedUS, want.WaitedUS = 0, uint64((m.now - c.accepted).Microseconds())
	}
	if sum != want {
		m.fail("total", "call %d: summary %+v, want %+v", c.id, sum, want)
	}
	one := c.asked.Member != 0 || c.asked.Body.To != ""
	if a.Caller != c.asked.Peer || a.Offer != (c.offer != nil) || a.One != one || a.Streamed != c.streamed {
		m.fail("identity", "call %d: an account of %+v, offer %v, one %v, streamed %v", c.id, a.Caller, a.Offer, a.One, a.Streamed)
	}
	if !slices.Equal(a.Absent, c.absent) {
		m.fail("total", "call %d: absent %v, want %v", c.id, a.Absent, c.absent)
	}
	if len(a.Entries) != len(c.slots) {
		m.fail("total", "call %d: %d entries, want %d", c.id, len(a.Entries), len(c.slots))
		return
	}
	for i, s := range c.slots {
		m.entry(s, a, i)
	}
}

// replyOf is an entry's whole reply.
func replyOf(a *Account, i int) string { return string(a.Reply(i, 0, a.ReplyBytes(i), nil)) }

// entry compares one member's outcome with what happened to it.
func (m *model) entry(s *modelSlot, a *Account, i int) {
	got := a.Entries[i]
	which := fmt.Sprintf("call %d, %s (%v)", s.call.id, s.name, s.id)
	if got.Member != s.id || got.Name != s.name || got.Host != s.peer.Host || got.PID != s.peer.PID {
		m.fail("no phantom", "%s: entry %+v", which, got)
	}
	if got.Outcome != s.outcome {
		m.fail("unique and final", "%s: %v, want %v", which, got.Outcome, s.outcome)
	}
	reply := ""
	if s.outcome == protocol.OK {
		reply = string(s.parts)
	}
	if told := replyOf(a, i); told != reply || !strings.HasPrefix(got.Error, s.text) || (s.text == "" && got.Error != "") {
		m.fail("identity", "%s: reply %q, error %q; want %q, %q", which, told, got.Error, reply, s.text)
	}
	if want := uint64((s.at - s.call.start).Microseconds()); got.LatencyUS != want {
		m.fail("deadline", "%s: after %d µs, want %d", which, got.LatencyUS, want)
	}
}

package room

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ddcos/protocol"
)

// modelCall is one call in flight as the model knows it.
type modelCall struct {
	id        CallID
	caller    SessionID
	sequence  uint64
	room      string
	rule      protocol.Rule
	start     time.Duration
	deadline  time.Duration
	view      uint64
	size      int
	slots     []*modelSlot
	absent    []string
	late      uint32
	duplicate uint32
}

// modelSlot is one selected member: what happened to it, and the outcome that
// the first decisive event gave it.
type modelSlot struct {
	*modelMember
	call     *modelCall
	sent     bool
	received bool
	said     protocol.Outcome // of the parts so far
	parts    []byte
	outcome  protocol.Outcome
	text     string
	replied  bool
	at       time.Duration
}

func (c *modelCall) slotOf(s SessionID) *modelSlot {
	for _, o := range c.slots {
		if o.session == s {
			return o
		}
	}
	return nil
}

// slot finds a session's slot in a call in flight.
func (m *model) slot(s SessionID, id CallID) *modelSlot {
	if m.gone[s] {
		return nil
	}
	for _, c := range m.calls {
		if c.id == id {
			return c.slotOf(s)
		}
	}
	return nil
}

// settle gives the slot its outcome unless it has one.
func (s *modelSlot) settle(m *model, o protocol.Outcome) {
	if s.outcome != 0 {
		return
	}
	s.outcome, s.at = o, m.now
	if o != protocol.OK {
		s.parts = nil
	}
	m.stats.Outcomes[o]++
	bySelf := s.replied || o == protocol.Overflow || m.gone[s.session]
	if !bySelf {
		m.want.withdrawn[fmt.Sprintf("%d %d", s.call.id, s.session)]++
	}
}

// conclude ends the call if everyone is settled or the rule is met.
func (m *model) conclude(c *modelCall) {
	pending := slices.ContainsFunc(c.slots, func(s *modelSlot) bool { return s.outcome == 0 })
	needed := c.rule.Needed(len(c.slots))
	if !pending || (needed > 0 && c.count(protocol.OK) >= needed) {
		m.end(c)
	}
}

func (c *modelCall) count(o protocol.Outcome) int {
	n := 0
	for _, s := range c.slots {
		if s.outcome == o {
			n++
		}
	}
	return n
}

// end finishes a call, if it is in flight: once.
func (m *model) end(c *modelCall) {
	at := slices.Index(m.calls, c)
	if at < 0 {
		return
	}
	for _, s := range c.slots {
		s.settle(m, protocol.Cancelled)
	}
	m.calls = slices.Delete(m.calls, at, at+1)
	m.stats.Finished++
	if m.gone[c.caller] {
		m.stats.Abandoned++
	} else {
		key := fmt.Sprintf("%d %d", c.caller, c.sequence)
		m.want.finished[key] = append(m.want.finished[key], c)
	}
}

func (m *model) accept(e Call, effects []Effect) {
	if code := m.refuseCall(e); code != 0 {
		m.stats.Refused++
		m.refuse(e.Session, code)
		return
	}
	m.stats.Accepted++
	c := &modelCall{
		caller: e.Session, sequence: e.Sequence, room: e.Body.Room, start: m.now, deadline: m.now + e.Budget,
		rule: protocol.Rule{Kind: e.Body.Rule, N: e.Body.N},
	}
	if in := m.rooms[e.Body.Room]; in != nil {
		c.view, c.size = in.view, len(m.in(e.Body.Room))
	}
	var to []SessionID
	for _, o := range m.in(e.Body.Room) {
		if o.isFor(e) {
			c.slots = append(c.slots, &modelSlot{modelMember: o, call: c})
			to = append(to, o.session)
		}
	}
	for _, a := range m.absent {
		if a.isFor(e) {
			c.absent = append(c.absent, a.name)
		}
	}
	slices.Sort(c.absent)
	m.calls = append(m.calls, c)
	if len(c.slots) == 0 {
		m.end(c)
		return
	}
	m.lastCall++
	c.id = m.lastCall
	m.want.answers = append(m.want.answers, fmt.Sprintf("deliver %d to %s", c.id, sessions(to)))
	if deliver, ok := effects[len(effects)-1].(Deliver); ok {
		want := protocol.Deliver{View: c.view, Host: e.Peer.Host, PID: e.Peer.PID}
		if deliver.Body != want || deliver.Room != m.number(c.room) || deliver.Budget != e.Budget {
			m.fail("identity", "deliver %+v, want %+v", deliver, want)
		}
	}
}

// isFor tells whether the call means that member.
func (o *modelMember) isFor(e Call) bool {
	switch {
	case o.room != e.Body.Room, e.Member != 0 && o.id != e.Member, e.Body.To != "" && o.name != e.Body.To:
		return false
	}
	return carries(o.labels, e.Body.Labels)
}

// carries tells whether have has all of want.
func carries(have, want map[string]string) bool {
	both := 0
	for k, v := range want {
		if w, ok := have[k]; ok && w == v {
			both++
		}
	}
	return both == len(want)
}

func (m *model) refuseCall(e Call) protocol.Code {
	mine := slices.DeleteFunc(slices.Clone(m.calls), func(c *modelCall) bool { return c.caller != e.Session })
	switch {
	case e.Body.Rule == protocol.RuleShare && e.Body.N > 100:
		return protocol.CodeBadRule
	case e.Budget < protocol.MinDeadline || e.Budget > protocol.MaxDeadline:
		return protocol.CodeBadDeadline
	case m.inUse(e.Session, e.Sequence):
		return protocol.CodeDuplicate
	case len(mine) >= m.limits.SessionCalls, len(m.calls) >= m.limits.Calls:
		return protocol.CodeTooManyCalls
	case e.Member == 0 && e.Body.To == "",
		slices.ContainsFunc(m.members, func(o *modelMember) bool { return o.isFor(e) }),
		slices.ContainsFunc(m.absent, func(a *modelAbsent) bool { return a.isFor(e) }):
		return 0
	}
	return protocol.CodeNoSuchMember
}

func (m *model) overflow(e Overflow) {
	if s := m.slot(e.Session, e.Call); s != nil && !s.sent && !s.received {
		s.settle(m, protocol.Overflow)
		m.conclude(s.call)
	}
}

func (m *model) reply(e Reply) {
	s := m.slot(e.Session, e.Call)
	if s == nil || m.number(s.call.room) != e.Room || !e.Outcome.FromMember() {
		m.stray(e)
		return
	}
	if s.outcome != 0 {
		switch {
		case e.More:
		case s.replied:
			s.call.duplicate++
			m.stats.Duplicate++
		default:
			s.call.late++
			m.stats.Late++
		}
		return
	}
	s.received = true
	if s.said != e.Outcome {
		s.said, s.parts = e.Outcome, nil
	}
	if e.Outcome == protocol.OK && m.tooLarge(s, len(e.Part)) {
		s.text = "reply_too_large"
		s.settle(m, protocol.AppError)
		m.conclude(s.call)
		return
	}
	s.parts = append(s.parts, e.Part...)
	if e.More {
		return
	}
	s.replied = true
	if e.Outcome != protocol.OK {
		s.text = string(s.parts)
	}
	s.settle(m, e.Outcome)
	m.conclude(s.call)
}

func (m *model) stray(e Reply) {
	running := slices.ContainsFunc(m.calls, func(c *modelCall) bool { return c.id == e.Call })
	switch {
	case e.More:
	case !running && e.Call >= 1 && e.Call <= m.lastCall:
		m.stats.Late++
	default:
		m.stats.Unknown++
	}
}

func (m *model) tooLarge(s *modelSlot, part int) bool {
	return len(s.parts)+part > m.limits.ReplyBytes ||
		s.call.held()+part > m.limits.AccountBytes ||
		m.held()+part > m.limits.HeldBytes
}

func (c *modelCall) held() int {
	n := 0
	for _, s := range c.slots {
		n += len(s.parts)
	}
	return n
}

func (m *model) held() int {
	n := 0
	for _, c := range m.calls {
		n += c.held()
	}
	return n
}

// account compares a finished call with what is known of it.
func (m *model) account(c *modelCall, a *Account) {
	sum := a.Summary
	want := protocol.Summary{
		Room: c.room, View: c.view, ViewSize: uint32(c.size), Selected: uint32(len(c.slots)), Rule: c.rule.Kind, N: c.rule.N,
		Met: c.count(protocol.OK) >= c.rule.Needed(len(c.slots)), ElapsedUS: uint64((m.now - c.start).Microseconds()),
		Late: c.late, Duplicate: c.duplicate,
	}
	if sum != want {
		m.fail("total", "call %d: summary %+v, want %+v", c.id, sum, want)
	}
	var absent []string
	for _, gone := range a.Absent {
		absent = append(absent, gone.Name)
	}
	if !slices.Equal(absent, c.absent) {
		m.fail("total", "call %d: absent %q, want %q", c.id, absent, c.absent)
	}
	if len(a.Entries) != len(c.slots) {
		m.fail("total", "call %d: %d entries, want %d", c.id, len(a.Entries), len(c.slots))
		return
	}
	for i, got := range a.Entries {
		m.entry(c.slots[i], got)
	}
}

// entry compares one member's outcome with what happened to it.
func (m *model) entry(s *modelSlot, got protocol.Entry) {
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
	if string(got.Reply) != reply || !strings.HasPrefix(got.Error, s.text) || (s.text == "" && got.Error != "") {
		m.fail("identity", "%s: reply %q, error %q; want %q, %q", which, got.Reply, got.Error, reply, s.text)
	}
	if want := uint64((s.at - s.call.start).Microseconds()); got.LatencyUS != want {
		m.fail("deadline", "%s: after %d µs, want %d", which, got.LatencyUS, want)
	}
}

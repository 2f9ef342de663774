package room

import (
	"fmt"
	"slices"
	"time"

	"ddcos/protocol"
)

// modelCall is one call in flight as the model knows it.
type modelCall struct {
	id        CallID
	asked     Call
	waiting   bool          // for members; deadline is then of the waiting
	accepted  time.Duration // start is when the view was fixed
	caller    SessionID
	sequence  uint64
	room      string
	rule      protocol.Rule
	start     time.Duration
	deadline  time.Duration
	view      uint64
	size      int
	slots     []*modelSlot
	absent    []protocol.Absent
	order     []uint32 // of slots, as far as the caller was told
	came      string   // of the bound member's reply, likewise
	streamed  bool     // it was told by a Settled
	late      uint32
	duplicate uint32
	offer     *modelOffer // nil: it is a call
	turn      int         // among those of one deadline
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
	bid      bool
	cost     uint64
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
	if of := s.call.offer; of != nil && of.binding == s {
		of.binding = nil
	}
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
	if c.waiting {
		return
	}
	pending := slices.ContainsFunc(c.slots, func(s *modelSlot) bool { return s.outcome == 0 })
	if !pending || (c.needed() > 0 && c.met()) {
		m.end(c)
		return
	}
	m.bindNext(c)
}

// needed is how many members have to answer ok.
func (c *modelCall) needed() int {
	n := len(c.slots)
	switch c.rule.Kind {
	case protocol.RuleAtLeast:
		return int(c.rule.N)
	case protocol.RuleShare:
		return (n*int(c.rule.N) + 99) / 100
	case protocol.RuleLabel:
		return max(1, len(slices.DeleteFunc(slices.Clone(c.slots), func(s *modelSlot) bool { return !s.counts() })))
	}
	return n
}

func (s *modelSlot) counts() bool {
	rule := s.call.rule
	return rule.Kind != protocol.RuleLabel || carries(s.labels, map[string]string{rule.Key: rule.Value})
}

func (c *modelCall) met() bool {
	ok := 0
	for _, s := range c.slots {
		if s.outcome == protocol.OK && s.counts() {
			ok++
		}
	}
	return !c.waiting && ok >= c.needed()
}

// end finishes a call, if it is in flight: once.
func (m *model) end(c *modelCall) {
	at := slices.Index(m.calls, c)
	if at < 0 {
		return
	}
	for _, s := range c.slots {
		if s.bids() {
			s.settle(m, protocol.NotBound)
		}
		s.settle(m, protocol.Cancelled)
	}
	m.calls = slices.Delete(m.calls, at, at+1)
	counts := m.counts(c.offer)
	counts.Finished++
	if m.gone[c.caller] {
		counts.Abandoned++
		m.want.abandoned = append(m.want.abandoned, c)
	} else {
		key := fmt.Sprintf("%d %d", c.caller, c.sequence)
		m.want.finished[key] = append(m.want.finished[key], c)
		m.homes = append(m.homes, modelHome{session: c.caller, of: c})
	}
}

func (m *model) accept(e Call, o *modelOffer, effects []Effect) {
	counts := m.counts(o)
	code := o.refuse(e.Budget)
	if code == 0 {
		code = m.refuseCall(e)
	}
	if code != 0 {
		counts.Refused++
		m.refuse(e.Session, code)
		m.evict(e.Session)
		return
	}
	counts.Accepted++
	m.overdrawn[e.Session] = 0
	c := &modelCall{
		offer: o, turn: m.turn(),
		asked: e, caller: e.Session, sequence: e.Sequence, room: e.Body.Room, rule: e.Body.When(), accepted: m.now,
	}
	m.calls = append(m.calls, c)
	if m.waits(e) {
		c.waiting, c.deadline = true, m.now+time.Duration(e.Body.WaitUS)*time.Microsecond
		if m.rooms[c.room] == nil {
			m.open(c.room, m.lastView)
		}
		return
	}
	m.begin(c, effects)
}

// begin fixes the view, as it is now.
func (m *model) begin(c *modelCall, effects []Effect) {
	e := c.asked
	if c.waiting && !m.spacious(e) {
		m.giveBack(c)
		return
	}
	c.waiting, c.start, c.deadline, c.turn = false, m.now, m.now+e.Budget, m.turn()
	if c.offer != nil && c.offer.window > 0 {
		c.offer.collects, c.deadline = true, m.now+c.offer.window
	}
	if in := m.rooms[c.room]; in != nil {
		c.view, c.size = in.view, len(m.in(c.room))
	}
	var to []SessionID
	for _, o := range m.in(c.room) {
		if o.isFor(e) {
			c.slots = append(c.slots, &modelSlot{modelMember: o, call: c})
			to = append(to, o.session)
		}
	}
	c.absent = m.missing(func(o *modelMember) bool { return o.isFor(e) })
	m.spend(e.Peer.Principal, len(to))
	if len(c.slots) == 0 {
		m.end(c)
		return
	}
	m.lastCall++
	c.id = m.lastCall
	m.want.answers = append(m.want.answers, fmt.Sprintf("%s %d to %s", verb(c.offer != nil), c.id, sessions(to)))
	for _, effect := range effects {
		if deliver, ok := effect.(Deliver); ok && deliver.Call == c.id {
			want := protocol.Deliver{View: c.view, Host: e.Peer.Host, PID: e.Peer.PID, Principal: string(e.Peer.Principal), Roles: e.Peer.Roles}
			if deliver.Body != want || deliver.Room != m.number(c.room) || deliver.Budget != e.Budget || string(deliver.Payload) != string(e.Payload) {
				m.fail("identity", "deliver %+v, want %+v", deliver, want)
			}
		}
	}
}

// isFor tells whether the call means that member.
func (o *modelMember) isFor(e Call) bool {
	switch {
	case o.room != e.Body.Room, e.Member != 0 && o.id != e.Member, e.Body.To != "" && o.name != e.Body.To:
		return false
	}
	return carries(o.labels, e.Body.Labels) && carries(o.state, e.Body.State)
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
	switch {
	case e.Body.Rule == protocol.RuleShare && e.Body.N > 100:
		return protocol.CodeBadRule
	case e.Budget < protocol.MinDeadline || e.Budget > protocol.MaxDeadline:
		return protocol.CodeBadDeadline
	case time.Duration(e.Body.WaitUS)*time.Microsecond > protocol.MaxDeadline:
		return protocol.CodeBadDeadline
	case m.inUse(e.Session, e.Sequence):
		return protocol.CodeDuplicate
	}
	if code := m.refuseTaken(e); code != 0 {
		return code
	}
	switch {
	case m.waits(e) && m.held()+len(e.Payload) > m.limits.HeldBytes:
		return protocol.CodeTooManyCalls
	case m.waits(e) && m.rooms[e.Body.Room] == nil && len(m.rooms) >= m.limits.Rooms:
		return protocol.CodeTooManyRooms
	case m.waits(e):
		return 0
	}
	return m.refuseTarget(e)
}

// refuseTarget refuses a call to one member that nobody is or was.
func (m *model) refuseTarget(e Call) protocol.Code {
	switch {
	case e.Member == 0 && e.Body.To == "",
		slices.ContainsFunc(m.members, func(o *modelMember) bool { return o.isFor(e) }),
		slices.ContainsFunc(m.absent, func(a *modelAbsent) bool { return a.isFor(e) }):
		return 0
	}
	return protocol.CodeNoSuchMember
}

func (m *model) overflow(e Overflow) {
	s := m.slot(e.Session, e.Call)
	if s != nil && (e.Bind && s.binding() || !e.Bind && !s.sent && !s.received && !s.bids()) {
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
	if e.Outcome != protocol.Refused && !s.mayHaveBegun() {
		m.stats.Unknown += uint64(map[bool]int{false: 1}[e.More])
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
	m.declines(s)
	m.answered++
	s.received = true
	if s.streams() && s.said != 0 && s.said != protocol.OK && e.Outcome == protocol.OK {
		s.text = "its reply went on after an error"
		s.settle(m, protocol.AppError)
		m.conclude(s.call)
		return
	}
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
	running := slices.ContainsFunc(m.calls, func(c *modelCall) bool { return !c.waiting && c.id == e.Call })
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
		if c.waiting {
			n += len(c.asked.Payload)
		}
	}
	return n
}

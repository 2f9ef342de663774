package room

import (
	"fmt"
	"slices"
	"time"

	"ddcos/protocol"
)

// model is the contract told a second time, from the outside: it sees events
// and effects only, keeps everything in the plainest way, and says after each
// step what the step must have done. The first difference is kept in failed.
type model struct {
	limits Limits
	now    time.Duration
	behind bool
	short  bool // of memory
	failed string

	members    []*modelMember // of all rooms, in the order of joining
	rooms      map[string]*modelRoom
	absent     []*modelAbsent // the longest lost first
	watches    []*modelWatch
	calls      []*modelCall // in flight, in the order of acceptance
	unread     []unread
	gone       map[SessionID]bool
	purses     map[SessionID]purse
	lastCall   CallID
	lastTurn   int
	lastMember protocol.MemberID
	lastView   uint64          // the highest of the rooms that are no more
	numbers    map[uint32]bool // of all rooms that ever were
	homes      []modelHome
	overdrawn  map[SessionID]int
	kept       map[SessionID]*modelKept
	debts      debts
	views      map[string]uint64 // the last view of each name, also of rooms that are no more

	stats Stats
	want  expected

	answered uint64 // replies, their parts, receipts and bids that were waited for

	voids uint64 // replies that came in part and do not count
}

type modelMember struct {
	id      protocol.MemberID
	session SessionID
	room    string
	name    string
	peer    Peer
	labels  map[string]string
	state   map[string]string
	version uint64
}

// modelRoom is there as long as somebody refers to it.
type modelRoom struct {
	number uint32
	view   uint64
}

type modelAbsent struct {
	*modelMember
	at  time.Duration
	why string
}

// modelWatch is what a watcher makes of what it is shown.
type modelWatch struct {
	session  SessionID
	sequence uint64
	room     string
	view     uint64
	members  []protocol.MemberID
}

// expected is what one step must do.
type expected struct {
	asked     uint64                  // the sequence of what is answered
	answers   []string                // Joined, LeftRoom, Failed, Deliver, as describe tells them
	withdrawn map[string]int          // "call session"
	finished  map[string][]*modelCall // "session sequence"; in one step, a sequence can end and be used again
	abandoned []*modelCall            // whose caller is lost
	givenBack []*modelCall            // that waited, and found no room
	changed   []string                // "room session sequence" of who is shown a change
	states    []*modelMember          // who has another state, or has parted or come back
	told      []*modelCall            // in part
	came      []protocol.Member
	left      []protocol.Gone
	ended     map[SessionID]bool // sessions that the rooms have lost by themselves
	full      string             // the room that a Watch must show
}

func newModel(limits Limits) *model {
	return &model{
		limits:  limits,
		rooms:   make(map[string]*modelRoom),
		gone:    make(map[SessionID]bool),
		purses:  make(map[SessionID]purse),
		views:   make(map[string]uint64),
		numbers: make(map[uint32]bool),

		overdrawn: make(map[SessionID]int),
		kept:      make(map[SessionID]*modelKept),
		debts:     debts{all: make(map[Principal]time.Duration)},
	}
}

func (m *model) fail(rule, format string, args ...any) {
	if m.failed == "" {
		m.failed = rule + ": " + fmt.Sprintf(format, args...)
	}
}

// step learns of one event and checks its effects.
func (m *model) step(now time.Duration, ev Event, effects []Effect) {
	m.now = max(m.now, now)
	m.want = expected{asked: asking(ev), withdrawn: make(map[string]int), finished: make(map[string][]*modelCall), ended: make(map[SessionID]bool)}
	switch e := ev.(type) {
	case Sent:
		if s := m.slot(e.Session, e.Call); s != nil && e.Bind {
			m.bindSent(s)
		} else if s != nil {
			s.sent = true
		}
	case Overflow:
		m.overflow(e)
	case Memory:
		m.short = e.Short
	default:
		if lost, ok := ev.(Lost); ok {
			m.gone[lost.Session] = true // nothing more is for it, not even what is due now
		}
		switch ev.(type) {
		case Behind:
			m.behind = true
		case Tick:
			m.behind = false
		}
		if !m.behind {
			m.timePasses(effects)
		}
		m.dropUnused()
		m.apply(ev, effects)
	}
	m.dropUnused()
	m.check(effects)
}

func (m *model) apply(ev Event, effects []Effect) {
	switch e := ev.(type) {
	case Join:
		m.join(e, effects)
	case Expel:
		m.expel(e)
	case Leave:
		m.leave(e)
	case Lost:
		m.lose(e)
	case Call:
		m.accept(e, nil, effects)
	case Offer:
		m.offer(e, effects)
	case Bid:
		m.bid(e)
	case Cancel:
		m.cancel(e)
	case Watch:
		m.watch(e, effects)
	case Receipt:
		if s := m.slot(e.Session, e.Call); s != nil && m.number(s.call.room) == e.Room {
			if s.waitedFor() {
				m.answered++
			}
			s.received = true
		}
	case Reply:
		m.reply(e)
	case Forget:
		m.forget(e)
	case Publish:
		m.publish(e, effects)
	case SetState:
		m.setState(e, effects)
	case Hold:
		m.hold(e)
	case Cut:
		m.cut(e)
	case Resume:
		m.resume(e)
	case Will:
		m.setWill(e)
	}
}

// timePasses ends the calls that are due and forgets who was lost long ago.
func (m *model) timePasses(effects []Effect) {
	for c := m.due(); c != nil; c = m.due() {
		m.timeIsUp(c, effects)
	}
	m.windowsEnd()
	m.absent = slices.DeleteFunc(m.absent, func(a *modelAbsent) bool { return m.now >= a.at+m.limits.AbsentFor })
}

func (m *model) in(room string) []*modelMember {
	return slices.DeleteFunc(slices.Clone(m.members), func(o *modelMember) bool { return o.room != room })
}

func (m *model) of(session SessionID) []*modelMember {
	return slices.DeleteFunc(slices.Clone(m.members), func(o *modelMember) bool { return o.session != session })
}

func (m *model) number(room string) uint32 {
	if in := m.rooms[room]; in != nil {
		return in.number
	}
	return 0
}

func (m *model) join(e Join, effects []Effect) {
	if code := m.refuseJoin(e); code != 0 {
		m.refuse(e.Session, code)
		return
	}
	if len(effects) == 0 {
		m.fail("join", "no effect")
		return
	}
	if o := m.named(e); o != nil {
		m.stats.TakenOver++
		m.loses(o.session, "its name was taken over")
		m.dropUnused()
	}
	joined, _ := lastJoined(effects)
	in := m.rooms[e.Body.Room]
	if in == nil {
		in = m.open(e.Body.Room, joined.View-1)
	}
	if in.number == 0 {
		if in.number = joined.Room; m.numbers[in.number] {
			m.fail("honest membership", "room number %d is given again", in.number)
		}
		m.numbers[in.number] = true
	}
	if joined.Member <= m.lastMember || joined.Member.Broker() != simBroker {
		m.fail("honest membership", "member %v comes after %v", joined.Member, m.lastMember)
	}
	m.lastMember = joined.Member
	o := &modelMember{
		id: joined.Member, session: e.Session, room: e.Body.Room,
		name: e.Body.Name, peer: e.Peer, labels: e.Body.Labels, state: e.Body.State, version: uint64(min(1, len(e.Body.State))),
	}
	m.members = append(m.members, o)
	m.want.came = append(m.want.came, m.shownAs(o))
	m.absent = slices.DeleteFunc(m.absent, func(a *modelAbsent) bool { return a.room == e.Body.Room && a.name == e.Body.Name })
	m.changed(e.Body.Room)
	m.want.answers = append(m.want.answers, fmt.Sprintf("joined %d room=%d view=%d", e.Session, in.number, in.view))
	m.enough(effects)
}

// open makes a room that begins at a view.
func (m *model) open(name string, view uint64) *modelRoom {
	if view < m.views[name] {
		m.fail("honest membership", "%s begins at view %d and had view %d", name, view, m.views[name])
	}
	in := &modelRoom{view: view}
	m.rooms[name] = in
	return in
}

func lastJoined(effects []Effect) (Joined, bool) {
	for _, e := range slices.Backward(effects) {
		if joined, ok := e.(Joined); ok {
			return joined, true
		}
	}
	return Joined{}, false
}

func (m *model) refuseJoin(e Join) protocol.Code {
	in := m.in(e.Body.Room)
	mine := m.of(e.Session)
	switch {
	case e.Body.Name == "":
		return protocol.CodeBadName
	case slices.ContainsFunc(mine, func(o *modelMember) bool { return o.room == e.Body.Room }):
		return protocol.CodeAlreadyMember
	case m.named(e) != nil && (!m.isParted(m.named(e).session) || m.kept[m.named(e).session].principal != e.Peer.Principal):
		return protocol.CodeNameTaken
	case m.named(e) == nil && len(in) >= m.limits.Members:
		return protocol.CodeTooManyMembers
	case len(mine) >= m.limits.SessionRooms:
		return protocol.CodeTooManyRooms
	case m.short:
		return protocol.CodeOverloaded
	case m.memberBytes()+weigh(e.Body.Name, e.Body.Labels, e.Body.State) > m.limits.MemberBytes:
		return protocol.CodeTooManyMembers
	case m.rooms[e.Body.Room] == nil && len(m.rooms) >= m.limits.Rooms:
		return protocol.CodeTooManyRooms
	}
	return 0
}

func (m *model) refuse(s SessionID, code protocol.Code) {
	m.want.answers = append(m.want.answers, fmt.Sprintf("failed %d %s", s, code))
}

func (m *model) changed(room string) {
	m.rooms[room].view++
	m.stats.Views++
	m.shows(room)
}

// shows wants everybody who watches a room now to be shown a change of it.
func (m *model) shows(room string) {
	for _, w := range m.watches {
		if w.room == room && !m.gone[w.session] {
			m.want.changed = append(m.want.changed, fmt.Sprintf("%s %d %d", room, w.session, w.sequence))
		}
	}
}

func (m *model) remove(o *modelMember, why protocol.Reason, text string) {
	m.want.left = append(m.want.left, protocol.Gone{ID: o.id, Name: o.name, Reason: why, Text: text})
	m.members = slices.DeleteFunc(m.members, func(other *modelMember) bool { return other == o })
	m.changed(o.room)
}

func (m *model) lose(e Lost) {
	if k := m.kept[e.Session]; k != nil {
		k.parted = false
	}
	m.watches = slices.DeleteFunc(m.watches, func(w *modelWatch) bool { return w.session == e.Session })
	for _, c := range slices.Clone(m.calls) {
		if c.caller == e.Session {
			m.end(c)
		}
	}
	m.homes = slices.DeleteFunc(m.homes, func(h modelHome) bool { return h.session == e.Session })
	for _, c := range m.byNumber() {
		s := c.slotOf(e.Session)
		if s != nil && (s.sent || s.received) && s.mayHaveBegun() {
			s.settle(m, protocol.LostAfterSend)
		} else if s != nil {
			s.settle(m, protocol.NotSent)
		}
		m.conclude(c)
	}
	if !e.Meant {
		m.lastWord(e.Session, e.Why)
	}
	delete(m.kept, e.Session)
	for _, o := range m.of(e.Session) {
		m.remove(o, protocol.ReasonLost, e.Why)
		m.absent = append(m.absent, &modelAbsent{modelMember: o, at: m.now, why: e.Why})
		lost := func(a *modelAbsent) bool { return a.room == o.room }
		if n := len(m.absent) - len(slices.DeleteFunc(slices.Clone(m.absent), lost)); n > m.limits.Absent {
			first := slices.IndexFunc(m.absent, lost)
			m.absent = slices.Delete(m.absent, first, first+1)
		}
		for len(m.absent) > m.limits.AbsentAll || m.remembered() > m.limits.AbsentBytes {
			m.absent = m.absent[1:]
		}
	}
}

func (m *model) watch(e Watch, effects []Effect) {
	watches := slices.DeleteFunc(slices.Clone(m.watches), func(w *modelWatch) bool { return w.session != e.Session })
	switch {
	case m.inUse(e.Session, e.Sequence):
		m.refuse(e.Session, protocol.CodeDuplicate)
		return
	case e.Body.Once:
		m.want.full = e.Body.Room
		return
	case len(watches) >= m.limits.SessionWatches:
		m.refuse(e.Session, protocol.CodeTooManyWatches)
		return
	case m.rooms[e.Body.Room] == nil && len(m.rooms) >= m.limits.Rooms:
		m.refuse(e.Session, protocol.CodeTooManyRooms)
		return
	}
	m.want.full = e.Body.Room
	if m.rooms[e.Body.Room] == nil && len(effects) > 0 {
		shown, _ := effects[len(effects)-1].(View)
		m.open(e.Body.Room, shown.Change.View)
	}
	m.watches = append(m.watches, &modelWatch{session: e.Session, sequence: e.Sequence, room: e.Body.Room})
}

// inUse tells whether a call or watch of that session has the sequence.
func (m *model) inUse(s SessionID, sequence uint64) bool {
	return slices.ContainsFunc(m.watches, func(w *modelWatch) bool { return w.session == s && w.sequence == sequence }) ||
		slices.ContainsFunc(m.calls, func(c *modelCall) bool { return c.caller == s && c.sequence == sequence })
}

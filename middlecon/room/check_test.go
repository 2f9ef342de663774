package room

import (
	"cmp"
	"fmt"
	"slices"

	"ddcos/protocol"
)

// check compares what a step did with what it had to do.
func (m *model) check(effects []Effect) {
	var answers, changed []string
	withdrawn := make(map[string]int)
	over := make(map[CallID]bool)
	for _, e := range effects {
		m.answers(e)
		switch e := e.(type) {
		case Withdraw:
			if over[e.Call] {
				m.fail("early", "call %d is withdrawn after its account", e.Call)
			}
			for _, s := range e.From {
				withdrawn[fmt.Sprintf("%d %d", e.Call, s)]++
			}
		case Settled:
			m.partly(e, over)
		case Finished:
			m.finished(e, over)
		case Abandoned:
			m.want.abandoned = m.ended(m.want.abandoned, e.Account)
		case Failed:
			if answers = append(answers, describe(e)); e.Account != nil {
				m.want.givenBack = m.ended(m.want.givenBack, e.Account)
			}
		case View:
			if w := m.shown(e); w != "" {
				changed = append(changed, w)
			}
		default:
			answers = append(answers, describe(e))
		}
		if ended, ok := e.(Ended); ok {
			delete(m.want.ended, ended.Session)
		}
		if s := addressee(e); m.gone[s] && !m.want.ended[s] {
			m.fail("caller gone", "%s, and session %d is lost", describe(e), s)
		}
	}
	if !slices.Equal(answers, m.want.answers) {
		m.fail("answer", "%q, want %q", answers, m.want.answers)
	}
	for key, n := range m.want.withdrawn {
		if withdrawn[key] != n {
			m.fail("cancelled on the wire", "withdraw %s: %d times, want %d", key, withdrawn[key], n)
		}
		delete(withdrawn, key)
	}
	for key := range withdrawn {
		m.fail("cancelled on the wire", "withdraw %s for no reason", key)
	}
	for key, calls := range m.want.finished {
		if len(calls) > 0 {
			m.fail("early", "call %d is over and %s was not told", calls[0].id, key)
		}
	}
	for _, c := range slices.Concat(m.want.abandoned, m.want.givenBack) {
		m.fail("total", "call %d of %d, sequence %d, is over and its account was not told", c.id, c.caller, c.sequence)
	}
	if m.want.full != "" {
		m.fail("honest membership", "the watcher of %s was not shown the full view", m.want.full)
	}
	m.checkViews(changed)
	m.checkTold()
}

// addressee is the one session that an effect is for; 0 where there are more.
func addressee(e Effect) SessionID {
	switch e := e.(type) {
	case Joined:
		return e.Session
	case LeftRoom:
		return e.Session
	case Expelled:
		return e.Session
	case Failed:
		return e.Session
	case Settled:
		return e.Session
	case Finished:
		return e.Session
	case Evict:
		return e.Session
	case Forgot:
		return e.Session
	case Message:
		return e.Session
	case Bind:
		return e.To
	case Bound:
		return e.Session
	case Stated:
		return e.Session
	case View:
		return e.Session
	case Willed:
		return e.Session
	case Resumed:
		return e.Session
	}
	return 0
}

func (m *model) finished(e Finished, over map[CallID]bool) {
	key := fmt.Sprintf("%d %d", e.Session, e.Sequence)
	calls := m.want.finished[key]
	if len(calls) == 0 {
		m.fail("unique and final", "an account for %s that nobody waits for: %s", key, describe(e))
		return
	}
	c := calls[0]
	m.want.finished[key] = calls[1:]
	over[c.id] = true
	m.account(c, e.Account)
	m.order(c, e.Account)
	if len(e.Order) != len(c.slots) {
		m.fail("total", "call %d: %d of %d entries in the order of settling", c.id, len(e.Order), len(c.slots))
	}
	if _, coming := e.Coming(); coming {
		m.fail("unique and final", "call %d is over, and a reply comes", c.id)
	}
	m.unread = append(m.unread, unread{e.Account, describeAccount(e.Account)})
}

// ended is an account like others which goes nowhere, because its caller is gone or
// there was no room for it. It takes its call off those that have ended so.
func (m *model) ended(calls []*modelCall, a *Account) []*modelCall {
	i := slices.IndexFunc(calls, func(c *modelCall) bool { return c.caller == a.Session && c.sequence == a.Sequence })
	if i < 0 {
		m.fail("total", "an account of %d that did not end so: %s", a.Session, describeAccount(a))
		return calls
	}
	m.account(calls[i], a)
	return slices.Delete(calls, i, i+1)
}

// shown lets a watcher apply what it is shown, and returns the key of a change.
func (m *model) shown(e View) string {
	if e.Change.Full {
		if e.Change.Room != m.want.full {
			m.fail("honest membership", "%s was not asked for", describe(e))
		}
		m.want.full = ""
		m.fullView(e)
		return ""
	}
	i := slices.IndexFunc(m.watches, func(w *modelWatch) bool { return w.session == e.Session && w.sequence == e.Sequence })
	if key := fmt.Sprintf("%s %d %d", e.Change.Room, e.Session, e.Sequence); i < 0 && slices.Contains(m.want.changed, key) {
		return key // a watch that ended in this step, after this change
	}
	if i < 0 || m.watches[i].room != e.Change.Room {
		m.fail("honest membership", "%s to no watcher", describe(e))
		return ""
	}
	w := m.watches[i]
	if changed := e.Change.Changed; len(changed) > 0 {
		m.shownState(*e.Change, w.view)
	} else if e.Change.View != w.view+1 || len(e.Change.Joined)+len(e.Change.Gone) != 1 {
		m.fail("honest membership", "%s after view %d", describe(e), w.view)
	}
	for _, g := range e.Change.Gone {
		if !slices.Contains(m.want.left, g) {
			m.fail("honest membership", "%+v is shown, and left are %+v", g, m.want.left)
		}
	}
	for _, o := range e.Change.Joined {
		if !slices.ContainsFunc(m.want.came, func(came protocol.Member) bool { return fmt.Sprint(o) == fmt.Sprint(came) }) {
			m.fail("honest membership", "%+v is shown, and came are %+v", o, m.want.came)
		}
	}
	w.view = e.Change.View
	for _, g := range e.Change.Gone {
		w.members = slices.DeleteFunc(w.members, func(id protocol.MemberID) bool { return id == g.ID })
	}
	for _, o := range e.Change.Joined {
		w.members = append(w.members, o.ID)
	}
	if int(e.Change.Size) != len(w.members) {
		m.fail("honest membership", "%s, and the watcher has %d members", describe(e), len(w.members))
	}
	return fmt.Sprintf("%s %d %d", e.Change.Room, e.Session, e.Sequence)
}

// shownAs is a member as a watcher is shown it.
func (m *model) shownAs(o *modelMember) protocol.Member {
	return protocol.Member{
		ID: o.id, Name: o.name, Host: o.peer.Host, PID: o.peer.PID, Labels: o.labels, Version: o.version, State: o.state, Parted: m.isParted(o.session),
	}
}

// missing are those who were lost, by name.
func (m *model) missing(fits func(*modelMember) bool) []protocol.Absent {
	var all []protocol.Absent
	for _, a := range m.absent {
		if fits(a.modelMember) {
			all = append(all, protocol.Absent{ID: a.id, Name: a.name, Host: a.peer.Host, PID: a.peer.PID, AgoMS: uint64((m.now - a.at).Milliseconds()), Reason: a.why})
		}
	}
	slices.SortFunc(all, func(a, b protocol.Absent) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// fullView compares the whole list with the model's, and starts a watcher from it.
func (m *model) fullView(e View) {
	v := e.Change
	var ids []protocol.MemberID
	for _, o := range v.Joined {
		ids = append(ids, o.ID)
	}
	var want []protocol.Member
	for _, o := range m.in(v.Room) {
		want = append(want, m.shownAs(o))
	}
	absent := m.missing(func(o *modelMember) bool { return o.room == v.Room })
	var view uint64
	if in := m.rooms[v.Room]; in != nil {
		view = in.view
	}
	if fmt.Sprint(v.Joined) != fmt.Sprint(want) || !slices.Equal(v.Absent, absent) || v.View != view || int(v.Size) != len(want) {
		m.fail("honest membership", "%s: members %v, want %v in view %d; absent %v, want %v", describe(e), v.Joined, want, view, v.Absent, absent)
	}
	for _, w := range m.watches {
		if w.session == e.Session && w.sequence == e.Sequence {
			w.view, w.members = v.View, ids
		}
	}
}

// checkViews wants one change a watcher of each room that changed, and every
// watcher to have what a new one would be shown.
func (m *model) checkViews(changed []string) {
	want := m.want.changed
	slices.Sort(want)
	slices.Sort(changed)
	if !slices.Equal(changed, want) {
		m.fail("honest membership", "changes shown: %q, want %q", changed, want)
	}
	for _, w := range m.watches {
		var ids []protocol.MemberID
		for _, o := range m.in(w.room) {
			ids = append(ids, o.id)
		}
		if !slices.Equal(w.members, ids) || w.view != m.rooms[w.room].view {
			m.fail("honest membership", "session %d sees %v in view %d, and %s has %v", w.session, w.members, w.view, w.room, ids)
		}
	}
}

// checkStats compares the counts, and the time of the next deadline.
func (m *model) checkStats(r *Rooms) {
	for _, c := range m.calls {
		m.counts(c.offer).InFlight++
	}
	want := m.stats
	m.stats.InFlight, m.stats.Offers.InFlight = 0, 0
	want.Rooms, want.Members = len(m.rooms), len(m.members)
	want.Watches, want.Absent, want.Held = len(m.watches), len(m.absent), m.held()
	want.Entries, want.Parted = m.entries(), len(m.parted())
	for _, k := range m.kept {
		want.Wills += min(1, willBytes(k.will))
	}
	got := r.Stats()
	if got != want {
		m.fail("conservation", "%+v, want %+v", got, want)
	}
	if got.Accepted != got.Finished+uint64(got.InFlight) {
		m.fail("conservation", "accepted %d, finished %d, in flight %d", got.Accepted, got.Finished, got.InFlight)
	}
	if o := got.Offers; o.Accepted != o.Finished+uint64(o.InFlight) {
		m.fail("conservation", "of offers accepted %d, finished %d, in flight %d", o.Accepted, o.Finished, o.InFlight)
	}
	at, ok := r.Next()
	wantAt, wantOK := m.now, false
	for _, c := range m.calls {
		if !wantOK || c.deadline < wantAt {
			wantAt, wantOK = c.deadline, true
		}
	}
	for _, s := range m.parted() {
		if part := m.kept[s].at(); !wantOK || part < wantAt {
			wantAt, wantOK = part, true
		}
	}
	for _, a := range m.absent {
		if forget := a.at + m.limits.AbsentFor; !wantOK || forget < wantAt {
			wantAt, wantOK = forget, true
		}
	}
	if ok != wantOK || (ok && at != wantAt) {
		m.fail("deadline", "next %v %v, want %v %v", at, ok, wantAt, wantOK)
	}
}

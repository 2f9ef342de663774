package room

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ddcos/protocol"
)

// modelKept is what the model knows of a session that outlives its connection.
type modelKept struct {
	principal Principal
	window    time.Duration
	parted    bool
	until     time.Duration
	why       string
	will      *Will // as it was asked for
	due       time.Duration
}

func (m *model) keep(s SessionID) *modelKept {
	if m.kept[s] == nil {
		m.kept[s] = &modelKept{}
	}
	return m.kept[s]
}

func (m *model) isParted(s SessionID) bool { return m.kept[s] != nil && m.kept[s].parted }

// parted are the sessions that are, by their numbers.
func (m *model) parted() []SessionID {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(m.kept)), func(s SessionID) bool { return !m.kept[s].parted })
}

func (m *model) hold(e Hold) {
	k := m.keep(e.Session)
	k.principal, k.window = e.Principal, e.Window
}

func (m *model) cut(e Cut) {
	k := m.kept[e.Session]
	if k == nil || k.window == 0 || len(m.parted()) >= m.limits.Parted {
		m.loses(e.Session, e.Why)
		return
	}
	k.parted, k.until, k.why = true, m.now+k.window, e.Why
	if k.will != nil {
		k.due = m.now + time.Duration(k.will.Body.DelayMS)*time.Millisecond
	}
	for _, c := range m.byNumber() {
		if s := c.slotOf(e.Session); s != nil && c.offer != nil && !s.mayHaveBegun() {
			s.settle(m, protocol.NotSent)
			m.conclude(c)
		}
	}
	m.showParted(e.Session)
}

func (m *model) showParted(s SessionID) {
	for _, o := range m.of(s) {
		m.want.states = append(m.want.states, o)
		m.shows(o.room)
	}
}

// loses is a loss by the rooms' own doing.
func (m *model) loses(s SessionID, why string) {
	m.want.answers = append(m.want.answers, fmt.Sprintf("ended %d %s", s, why))
	m.gone[s], m.want.ended[s] = true, true
	m.lose(Lost{Session: s, Why: why})
}

func (m *model) resume(e Resume) {
	k := m.kept[e.Session]
	var code protocol.Code
	switch {
	case m.gone[e.Session], k == nil, k.window == 0:
	case k.principal != e.Principal:
		code = protocol.CodeNotResumed
	case !e.Whole:
		m.loses(e.Session, "it was resumed, and frames are missing")
	default:
		m.stats.Resumed++
		was := k.parted
		k.parted = false
		m.want.answers = append(m.want.answers, fmt.Sprintf("resumed %d by %d took=%v will=%v", e.Session, e.By, !was, k.will != nil))
		if was {
			m.showParted(e.Session)
		} else {
			m.stats.TakenOver++
		}
		return
	}
	m.stats.ResumesRefused++
	m.want.answers = append(m.want.answers, fmt.Sprintf("not resumed %d code=%d", e.By, code))
}

// at is when something is to be done about a parted session.
func (k *modelKept) at() time.Duration {
	if k.will != nil {
		return min(k.due, k.until)
	}
	return k.until
}

// windowsEnd publishes wills that are due and loses who did not come back.
func (m *model) windowsEnd() {
	for {
		first := SessionID(0)
		for _, s := range m.parted() {
			if m.kept[s].at() <= m.now && (first == 0 || m.kept[s].at() < m.kept[first].at()) {
				first = s
			}
		}
		if first == 0 {
			return
		}
		if k := m.kept[first]; k.until <= m.now {
			m.stats.Expired++
			m.loses(first, k.why)
		} else {
			m.lastWord(first, k.why)
		}
	}
}

func (m *model) setWill(e Will) {
	k := m.keep(e.Session)
	more := willBytes(&e) - willBytes(k.will)
	code := protocol.Code(0)
	switch {
	case e.Body.Room == "":
	case time.Duration(e.Body.DelayMS)*time.Millisecond > protocol.MaxDeadline:
		code = protocol.CodeBadDeadline
	case len(e.Payload) > protocol.MaxWill:
		code = protocol.CodeFrameTooLarge
	case m.broke(e.Peer.Principal):
		m.stats.Throttled++
		code = protocol.CodeTooManyDeliveries
	case m.short && more > 0:
		code = protocol.CodeOverloaded
	case m.memberBytes()+more > m.limits.MemberBytes:
		code = protocol.CodeTooManyMembers
	}
	if code != 0 {
		m.refuse(e.Session, code)
		return
	}
	if k.will = &e; e.Body.Room == "" {
		k.will = nil
	}
	m.want.answers = append(m.want.answers, fmt.Sprintf("willed %d seq=%d", e.Session, e.Sequence))
}

// willBytes are what a will takes of memory.
func willBytes(e *Will) int {
	if e == nil || e.Body.Room == "" {
		return 0
	}
	return weigh(e.Body.Room+e.Body.To, e.Body.Labels, e.Body.State) + len(e.Payload)
}

// lastWord wants a session's will published, if it has one: this once.
func (m *model) lastWord(s SessionID, why string) {
	k := m.kept[s]
	if k == nil || k.will == nil {
		return
	}
	e := k.will
	k.will = nil
	m.stats.WillsSent++
	in := m.rooms[e.Body.Room]
	if in == nil {
		return
	}
	as := Call{Member: e.Member, Body: protocol.Call{Room: e.Body.Room, Labels: e.Body.Labels, State: e.Body.State, To: e.Body.To}}
	w := LastWord{Of: s, Payload: e.Payload, Body: protocol.LastWord{
		Room: e.Body.Room, View: in.view, Host: e.Peer.Host, PID: e.Peer.PID, Reason: why,
	}}
	for _, o := range m.in(e.Body.Room) {
		switch {
		case o.session == s:
			w.Body.Member, w.Body.Name = o.id, o.name
		case o.isFor(as):
			w.To = append(w.To, o.session)
		}
	}
	for _, watch := range m.watches {
		if watch.room == e.Body.Room && watch.session != s && !m.gone[watch.session] {
			w.Watching = append(w.Watching, Watching{watch.session, watch.sequence})
		}
	}
	m.spend(e.Peer.Principal, len(w.To)+len(w.Watching))
	if len(w.To) > 0 {
		m.lastCall++
		w.Number, w.Room = m.lastCall, in.number
	}
	if len(w.To)+len(w.Watching) > 0 {
		m.want.answers = append(m.want.answers, describe(w))
	}
}

// describeKept tells the effects that are about sessions.
func describeKept(e Effect) string {
	switch e := e.(type) {
	case Willed:
		return fmt.Sprintf("willed %d seq=%d", e.Session, e.Sequence)
	case LastWord:
		text := fmt.Sprintf("last word %d of %d to %s watching %v room=%d %+v %q", e.Number, e.Of, sessions(e.To), e.Watching, e.Room, e.Body, e.Payload)
		return strings.Join(strings.Fields(text), " ")
	case Resumed:
		return fmt.Sprintf("resumed %d by %d took=%v will=%v", e.Session, e.By, e.TookOver, e.Will)
	case NotResumed:
		code := protocol.Code(0)
		if e.Err != nil {
			code = e.Err.Code
		}
		return fmt.Sprintf("not resumed %d code=%d", e.By, code)
	case Ended:
		return fmt.Sprintf("ended %d %s", e.Session, e.Why)
	}
	return fmt.Sprintf("%T", e)
}

// named is the member that has the name already.
func (m *model) named(e Join) *modelMember {
	for _, o := range m.in(e.Body.Room) {
		if o.name == e.Body.Name {
			return o
		}
	}
	return nil
}

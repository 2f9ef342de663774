package room

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"ddcos/protocol"
)

// setState wants the member's new state shown under the view that is.
func (m *model) setState(e SetState, effects []Effect) {
	for _, o := range m.of(e.Session) {
		if m.number(o.room) != e.Room {
			continue
		}
		if len(e.Body.State) > protocol.MaxLabels {
			m.refuse(e.Session, protocol.CodeBadState)
			return
		}
		if !m.earned(e.Session) {
			m.stats.StatesRefused++
			m.refuse(e.Session, protocol.CodeTooManyChanges)
			return
		}
		if m.short && weighPairs(e.Body.State) > weighPairs(o.state) {
			m.refuse(e.Session, protocol.CodeOverloaded)
			return
		}
		if m.memberBytes()-weighPairs(o.state)+weighPairs(e.Body.State) > m.limits.MemberBytes {
			m.refuse(e.Session, protocol.CodeTooManyMembers)
			return
		}
		m.stats.StatesSet++
		o.state = e.Body.State
		o.version++
		m.want.states = append(m.want.states, o)
		m.shows(o.room)
		m.want.answers = append(m.want.answers, fmt.Sprintf("stated %d version=%d", e.Session, o.version))
		m.enough(effects)
		return
	}
	m.refuse(e.Session, protocol.CodeNotMember)
}

// purse is the time that a session has saved up to set states with.
type purse struct {
	saved time.Duration
	at    time.Duration
}

// earned takes the price of one state out of a session's purse, if it is there.
func (m *model) earned(s SessionID) bool {
	p, ok := m.purses[s]
	most := time.Duration(m.limits.StateBurst) * m.limits.StateEvery
	if !ok {
		p.saved = most
	}
	p = purse{saved: min(most, p.saved+m.now-p.at), at: m.now}
	enough := p.saved >= m.limits.StateEvery
	if enough {
		p.saved -= m.limits.StateEvery
	}
	m.purses[s] = p
	return enough
}

// shownState holds what a watcher is shown of a state against what was set.
func (m *model) shownState(v protocol.ViewChunk, view uint64) {
	c := v.Changed[0]
	i := slices.IndexFunc(m.want.states, func(o *modelMember) bool { return o.id == c.ID })
	if i < 0 {
		m.fail("honest membership", "%+v shown, of whom nothing has changed", c)
		return
	}
	o := m.want.states[i]
	if c.Parted != m.isParted(o.session) || v.View != view || len(v.Changed) != 1 || len(v.Joined)+len(v.Gone) != 0 ||
		c.ID != o.id || c.Name != o.name || c.Version != o.version || !maps.Equal(c.State, o.state) {
		m.fail("honest membership", "state %+v shown in view %d, want %+v in view %d", v.Changed, v.View, o, view)
	}
}

func (w *world) state() map[string]string {
	switch w.IntN(4) {
	case 0:
		return map[string]string{"ready": "yes"}
	case 1:
		return map[string]string{"ready": "no", "load": fmt.Sprint(w.IntN(3))}
	}
	return nil
}

func (w *world) setState() SetState {
	s, room := w.membership()
	e := SetState{Session: s, Sequence: w.sequence(), Room: room, Body: protocol.State{State: w.state()}}
	if w.IntN(20) == 0 {
		e.Body.State = make(map[string]string)
		for i := range protocol.MaxLabels + 1 {
			e.Body.State[fmt.Sprint(i)] = ""
		}
	}
	return e
}

func TestState(t *testing.T) {
	for name, text := range map[string]string{
		"it is shown under the view that is": `
			join 1 ann           -> joined 1 room=1 view=1
			watch 5              -> view 5 seq=1 view=1/1 full +ann
			state 1 ready=yes    -> stated 1 version=1; view 5 seq=1 view=1/1 ann#1=ready:yes
			state 1              -> stated 1 version=2; view 5 seq=1 view=1/1 ann#2=
			join 2 bob           -> joined 2 room=1 view=2; view 5 seq=1 view=2/2 +bob`,
		"calls select by it": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			state 2 ready=yes    -> stated 2 version=1
			call 9 state=ready:yes -> deliver 1 to 2
			publish 9 state=ready:yes -> message 2 by 9 to 2
			state 2 ready=no     -> stated 2 version=2
			reply 2 1 ok         -> finished 9 seq=1 view=2/2 met bob=ok
			call 9 state=ready:yes -> finished 9 seq=1 view=2/2 met`,
		"calls wait for it": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			call 9 wait=2/5s state=ready:yes
			state 1 ready=yes    -> stated 1 version=1
			state 1 ready=yes    -> stated 1 version=2
			state 1 ready=no     -> stated 1 version=3
			state 2 ready=yes    -> stated 2 version=1
			state 1 ready=yes    -> stated 1 version=4; deliver 1 to 1,2`,
		"only a member has one": `
			join 1 ann           -> joined 1 room=1 view=1
			state 2 ready=yes    -> failed 2 not_member
			leave 1              -> left 1 room=1
			state 1 ready=yes    -> failed 1 not_member`,
		"a session may set so many": `
			join 1 ann           -> joined 1 room=1 view=1
			join 1 ann in=x      -> joined 1 room=2 view=1
			join 2 bob           -> joined 2 room=1 view=2
			state 1 a=1          -> stated 1 version=1
			state 1 a=1 room=2   -> stated 1 version=1
			state 1 a=2          -> failed 1 too_many_changes
			state 2 a=1          -> stated 2 version=1
			@99ms state 1 a=2    -> failed 1 too_many_changes
			@100ms state 1 a=2   -> stated 1 version=2
			@100ms state 1 a=3   -> failed 1 too_many_changes
			@500ms state 1 a=3   -> stated 1 version=3
			@500ms state 1 a=4   -> stated 1 version=4
			@500ms state 1 a=5   -> failed 1 too_many_changes`,
	} {
		t.Run(name, func(t *testing.T) {
			limits := DefaultLimits()
			if name == "a session may set so many" {
				limits.StateBurst = 2
			}
			runHistory(t, limits, text)
		})
	}
}

// memberBytes is what all members take, and remembered what all take that were lost.
func (m *model) memberBytes() (bytes int) {
	for _, o := range m.members {
		bytes += weigh(o.name, o.labels, o.state)
	}
	for _, k := range m.kept {
		bytes += willBytes(k.will)
	}
	return bytes
}

func (m *model) remembered() (bytes int) {
	for _, a := range m.absent {
		bytes += weigh(a.name, a.labels, a.state)
	}
	return bytes
}

// dropUnused forgets rooms that nobody refers to, but not their last view.
func (m *model) dropUnused() {
	for name, in := range m.rooms {
		m.views[name] = in.view
		used := slices.ContainsFunc(m.members, func(o *modelMember) bool { return o.room == name }) ||
			slices.ContainsFunc(m.absent, func(a *modelAbsent) bool { return a.room == name }) ||
			slices.ContainsFunc(m.watches, func(w *modelWatch) bool { return w.room == name }) ||
			slices.ContainsFunc(m.calls, func(c *modelCall) bool { return c.room == name })
		if !used {
			m.lastView = max(m.lastView, in.view)
			delete(m.rooms, name)
		}
	}
}

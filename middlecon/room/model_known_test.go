package room

import (
	"slices"

	"ddcos/protocol"
)

// asking is the sequence of an event that is answered; 0 where it is not.
func asking(ev Event) uint64 {
	switch e := ev.(type) {
	case Join:
		return e.Sequence
	case Leave:
		return e.Sequence
	case Call:
		return e.Sequence
	case Offer:
		return e.Sequence
	case Publish:
		return e.Sequence
	case SetState:
		return e.Sequence
	case Forget:
		return e.Sequence
	case Will:
		return e.Sequence
	case Watch:
		return e.Sequence
	}
	return 0
}

// answers wants what an effect answers to be what was asked.
func (m *model) answers(e Effect) {
	want, got := m.want.asked, m.want.asked
	switch e := e.(type) {
	case Joined:
		got = e.Sequence
	case LeftRoom:
		got = e.Sequence
	case Stated:
		got = e.Sequence
	case Forgot:
		got = e.Sequence
	case Message:
		got = e.Sequence
	case Failed:
		if got = e.Sequence; e.Account != nil { // of a call that was asked for earlier
			want = e.Account.Sequence
		}
	}
	if got != want {
		m.fail("answer", "%s answers %d, and %d was asked", describe(e), got, want)
	}
}

// checkKnown holds what the rooms tell beside their effects, of one session and of the
// callers whose accounts go home, against what there is.
func (m *model) checkKnown(r *Rooms, s SessionID, effects []Effect) {
	var want []Holding
	for _, o := range m.of(s) {
		number := m.number(o.room)
		want = append(want, Holding{Room: o.room, Number: number})
		if name, ok := r.NameOf(s, number); !ok || name != o.room {
			m.fail("identity", "room %d of session %d is called %q", number, s, name)
		}
	}
	for _, w := range m.watches {
		if w.session == s {
			want = append(want, Holding{Room: w.room, Sequence: w.sequence})
		}
	}
	if k := m.kept[s]; k != nil && k.will != nil {
		want = append(want, Holding{Room: k.will.Body.Room, Will: true})
	}
	if got := r.Held(s); !slices.Equal(got, want) {
		m.fail("identity", "session %d holds %+v, want %+v", s, got, want)
	}
	if r.Answers() != m.answered {
		m.fail("conservation", "%d answers were waited for, want %d", r.Answers(), m.answered)
	}
	for _, e := range effects {
		f, ok := e.(Finished)
		if !ok || len(m.want.came) > 0 { // who comes now was not there when the call ended
			continue
		}
		name := ""
		if at := slices.IndexFunc(m.members, func(o *modelMember) bool { return o.session == f.Session && o.room == f.Summary.Room }); at >= 0 {
			name = m.members[at].name
		}
		if got := r.CallerName(f.Account); got != name {
			m.fail("identity", "the caller %d is called %q in %q, want %q", f.Session, got, f.Summary.Room, name)
		}
	}
}

// place is on whose count a principal's deliveries are: where there are too many others
// that owe, on the one that is nobody's.
func (m *model) place(p Principal) Principal {
	d := &m.debts
	_, known := d.all[p]
	if known || len(d.all) < m.limits.Principals {
		return p
	}
	if d.swept == 0 || m.now-d.swept >= sweepEvery {
		d.swept = m.now
		for p, owed := range d.all {
			if owed <= 0 {
				delete(d.all, p)
			}
		}
	}
	if len(d.all) < m.limits.Principals {
		return p
	}
	return others
}

// waitedFor tells whether a receipt is the first word of a member that is awaited.
func (s *modelSlot) waitedFor() bool {
	return s.outcome == protocol.Pending && !s.received && !s.bids()
}

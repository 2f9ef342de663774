package room

import (
	"slices"

	"ddcos/protocol"
)

// target says whom of a room a message is for: those that have all of it. The
// zero target fits everyone.
type target struct {
	room   string
	member protocol.MemberID // 0: any
	name   string            // empty: any
	labels map[string]string
	state  map[string]string
}

func targetOf(e Call) target {
	return target{room: e.Body.Room, member: e.Member, name: e.Body.To, labels: e.Body.Labels, state: e.Body.State}
}

// one tells whether a single member is named.
func (t *target) one() bool { return t.member != 0 || t.name != "" }

// check refuses what no room and no member can be called.
func (t *target) check() error {
	if err := protocol.CheckName(t.room); err != nil {
		return err
	}
	if t.name != "" {
		if err := protocol.CheckName(t.name); err != nil {
			return err
		}
	}
	if err := protocol.CheckLabels(t.labels); err != nil {
		return err
	}
	return protocol.CheckState(t.state)
}

func (t *target) fits(m *member) bool {
	return (t.member == 0 || t.member == m.id) && (t.name == "" || t.name == m.name) &&
		hasLabels(m.labels, t.labels) && hasLabels(m.state, t.state)
}

// choose appends the members that fit, in the view's order.
func (in *room) choose(chosen []*member, t *target) []*member {
	if t.one() {
		if m := in.find(t); m != nil && t.fits(m) {
			chosen = append(chosen, m)
		}
		return chosen
	}
	for _, m := range in.members {
		if m != nil && t.fits(m) {
			chosen = append(chosen, m)
		}
	}
	return chosen
}

// find gives the only member that can fit a target which names one.
func (in *room) find(t *target) *member {
	if t.name != "" {
		return in.names[t.name]
	}
	return in.byID(t.member)
}

// byID searches the members, whose ids rise, and steps over the holes.
func (in *room) byID(id protocol.MemberID) *member {
	for low, high := 0, len(in.members); low < high; {
		middle := (low + high) / 2
		at := middle
		for at < high && in.members[at] == nil {
			at++
		}
		switch {
		case at == high || in.members[at].id > id:
			high = middle
		case in.members[at].id < id:
			low = at + 1
		default:
			return in.members[at]
		}
	}
	return nil
}

// knows refuses a target that names a member who neither is in the room nor is
// remembered as lost from it.
func (r *Rooms) knows(t *target) error {
	if !t.one() {
		return nil
	}
	if in := r.rooms[t.room]; in != nil {
		if m := in.find(t); m != nil && t.fits(m) {
			return nil
		}
		if slices.ContainsFunc(in.absent, func(a *absent) bool { return t.fits(a.member) }) {
			return nil
		}
	}
	if t.name != "" {
		return protocol.Errorf(protocol.CodeNoSuchMember, "%q has no %q that fits", t.room, t.name)
	}
	return protocol.Errorf(protocol.CodeNoSuchMember, "%q has no %v that fits", t.room, t.member)
}

// hasLabels tells whether all wanted labels are there with the same text.
func hasLabels(labels, want map[string]string) bool {
	for k, v := range want {
		if have, ok := labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}

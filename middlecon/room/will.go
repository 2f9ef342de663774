package room

import (
	"bytes"
	"slices"
	"time"

	"ddcos/protocol"
)

// will is a message that is published when its session is lost: once or never.
type will struct {
	whom    target
	peer    Peer
	payload []byte
	delay   time.Duration
	due     time.Duration // while its session is parted
}

// weight is about how many bytes of memory it takes.
func (w *will) weight() int {
	if w == nil {
		return 0
	}
	return weigh(w.whom.room+w.whom.name, w.whom.labels, w.whom.state) + len(w.payload)
}

// setWill puts a session's will in the place of the one before, or takes that back.
func (r *Rooms) setWill(e Will) {
	var fresh *will
	if e.Body.Room != "" {
		fresh = &will{
			whom:  target{room: e.Body.Room, member: e.Member, name: e.Body.To, labels: e.Body.Labels, state: e.Body.State},
			peer:  e.Peer,
			delay: time.Duration(e.Body.DelayMS) * time.Millisecond, payload: e.Payload,
		}
	}
	var before *will
	if s := r.sessions.Get(e.Session); s != nil && s.keep != nil {
		before = s.keep.will
	}
	if err := r.allowWill(fresh, fresh.weight()-before.weight()); err != nil {
		r.fail(e.Session, e.Sequence, err)
		return
	}
	if fresh != nil {
		fresh.payload = bytes.Clone(e.Payload)
	}
	r.count(before, -1)
	r.count(fresh, 1)
	r.session(e.Session).kept().will = fresh
	r.emit(Willed{Session: e.Session, Sequence: e.Sequence})
}

func (r *Rooms) allowWill(w *will, more int) error {
	if w == nil {
		return nil
	}
	if err := w.whom.check(); err != nil {
		return err
	}
	if w.delay > protocol.MaxDeadline {
		return protocol.Errorf(protocol.CodeBadDeadline, "a will %v after the loss; %v is the most", w.delay, protocol.MaxDeadline)
	}
	if len(w.payload) > protocol.MaxWill {
		return protocol.Errorf(protocol.CodeFrameTooLarge, "a will of %d bytes; %d are allowed", len(w.payload), protocol.MaxWill)
	}
	if err := r.afford(w.peer.Principal); err != nil {
		return err
	}
	return r.bears(more)
}

// count adds a will to what there is, or takes it off.
func (r *Rooms) count(w *will, sign int) {
	if w != nil {
		r.stats.Wills += sign
		r.shown += sign * w.weight()
	}
}

// takeWill takes a session's will away, if it has one.
func (r *Rooms) takeWill(s *session) *will {
	if s.keep == nil {
		return nil
	}
	w := s.keep.will
	s.keep.will = nil
	r.count(w, -1)
	return w
}

// lastWord publishes the will of a session that is lost or parted, to everybody
// but itself, and forgets it.
func (r *Rooms) lastWord(s *session, why string) {
	w := r.takeWill(s)
	if w == nil {
		return
	}
	r.stats.WillsSent++
	in := r.rooms[w.whom.room]
	if in == nil {
		return // nobody is there
	}
	chosen := slices.DeleteFunc(in.choose(r.selected[:0], &w.whom), func(m *member) bool { return m.session == s })
	e := LastWord{Of: s.id, Payload: w.payload, Body: protocol.LastWord{
		Room: in.name, View: in.view, Host: w.peer.Host, PID: w.peer.PID, Reason: why,
	}}
	if m := s.member(in); m != nil {
		e.Body.Member, e.Body.Name = m.id, m.name
	}
	for _, m := range chosen {
		e.To = append(e.To, m.session.id)
	}
	clear(chosen)
	r.selected = chosen
	for _, watch := range in.watches {
		if watch.session != s && !watch.session.lost {
			e.Watching = append(e.Watching, Watching{watch.session.id, watch.sequence})
		}
	}
	r.spend(w.peer.Principal, len(e.To)+len(e.Watching))
	if len(e.To) > 0 {
		r.lastCall++
		e.Number, e.Room = r.lastCall, in.number
	}
	if len(e.To)+len(e.Watching) > 0 {
		r.emit(e)
	}
}

package room

import (
	"fmt"
	"slices"
	"time"

	"ddcos/protocol"
)

// session is mostly one that is alive, rarely one that is not.
func (w *world) session() SessionID {
	if w.IntN(50) == 0 {
		return w.last + 1 + SessionID(w.IntN(2)) // a stranger: it may do no harm
	}
	return w.alive[w.IntN(len(w.alive))]
}

func (w *world) room() string { return [...]string{"a", "a", "a", "b", "c", "d"}[w.IntN(6)] }

func (w *world) labels() map[string]string {
	switch w.IntN(6) {
	case 0:
		return map[string]string{"rack": "1"}
	case 1:
		return map[string]string{"rack": "2", "os": "x"}
	}
	return nil
}

// membership is mostly one that a session has.
func (w *world) membership() (s SessionID, room uint32) {
	if n := len(w.m.members); n > 0 && w.IntN(4) > 0 {
		if o := w.m.members[w.IntN(n)]; !w.m.isParted(o.session) {
			return o.session, w.m.number(o.room)
		}
	}
	return w.session(), uint32(w.IntN(6))
}

func (w *world) sequence() uint64 { return uint64(w.IntN(6)) }

// event is anything that a session, its transport or its end could do, with
// mistakes and malice among it.
func (w *world) event() Event {
	if len(w.first) > 0 {
		e := w.first[0]
		w.first = w.first[1:]
		return e
	}
	if w.m.behind && w.IntN(4) == 0 {
		return Tick{}
	}
	if w.m.short && w.IntN(4) == 0 { // else too few calls run for the other limits to be met
		return Memory{}
	}
	switch n := w.IntN(100); {
	case n < 12:
		return w.join()
	case n < 13:
		s, room := w.membership()
		if w.IntN(4) == 0 {
			return Expel{Session: s, Room: room, Err: protocol.Errorf(protocol.CodeForbidden, "no more")}
		}
		return Leave{Session: s, Sequence: w.sequence(), Room: room}
	case n < 16:
		return w.lose()
	case n < 34:
		if w.IntN(4) < w.offers {
			return w.offer()
		}
		return w.call()
	case n < 37:
		return Cancel{Session: w.session(), Sequence: w.sequence()}
	case n < 41:
		s := w.session()
		w.pin(s)
		return Watch{Session: s, Sequence: w.sequence(), Body: protocol.Watch{Room: w.room(), Once: w.IntN(2) == 0}}
	case n < 42:
		if w.IntN(3) == 0 {
			return Memory{Short: true}
		}
		return Behind{}
	case n < 43:
		return Tick{}
	case n < 45:
		return w.forget()
	case n < 48:
		return w.publish()
	case n < 52:
		return w.setState()
	case n < 55:
		return w.keepEvent()
	}
	return w.memberEvent()
}

func (w *world) join() Join {
	s := w.session()
	name := fmt.Sprintf("m%d", w.IntN(7))
	if w.IntN(40) == 0 {
		name = ""
	}
	w.pin(s)
	return Join{
		Session: s, Sequence: w.sequence(), Peer: Peer{Host: fmt.Sprintf("h%d", s), PID: int32(s), Principal: principal(s)},
		Body: protocol.Join{Room: w.room(), Name: name, Labels: w.labels(), State: w.state()},
	}
}

func (w *world) forget() Forget {
	s := w.session()
	w.pin(s)
	f := Forget{Session: s, Sequence: w.sequence(), Body: protocol.Forget{Room: w.room()}}
	if w.IntN(3) > 0 {
		f.Body.Name = fmt.Sprintf("m%d", w.IntN(7))
	}
	return f
}

// pin makes a stranger that asks for something a session like the others.
func (w *world) pin(s SessionID) {
	for s > w.last {
		w.open()
	}
}

func (w *world) lose() Event {
	s := w.alive[w.IntN(len(w.alive))]
	waits := func(c *modelCall) bool { return c.waiting && slices.Contains(w.alive, c.caller) }
	if at := slices.IndexFunc(w.m.calls, waits); at >= 0 && w.IntN(3) > 0 {
		s = w.m.calls[at].caller
	}
	return w.loseThat(s)
}

func (w *world) loseThat(s SessionID) Event {
	for _, c := range w.m.calls { // often just when a time that it waits for is over
		if (c.waiting && c.caller == s || c.slotOf(s) != nil) && w.IntN(2) == 0 {
			w.now = max(w.now, c.deadline)
		}
	}
	w.leaves(s)
	return Lost{Session: s, Why: "reset", Meant: w.IntN(4) == 0}
}

func (w *world) call() Call {
	s := w.session()
	w.pin(s)
	c := Call{
		Session: s, Sequence: w.sequence(), Peer: Peer{Host: fmt.Sprintf("h%d", s), PID: int32(s), Principal: principal(s), Roles: fmt.Sprint("r", s%2)},
		Budget: time.Duration(w.IntN(60)) * time.Millisecond / 2,
		Body:   protocol.Call{Room: w.room(), Labels: w.labels()},
	}
	switch w.IntN(5) {
	case 0:
		c.Body.Rule, c.Body.Key, c.Body.Value = protocol.RuleLabel, "rack", fmt.Sprint(1+w.IntN(2))
	case 3:
		c.Body.Rule, c.Body.N = protocol.RuleAtLeast, uint32(w.IntN(4))
	case 1:
		c.Body.Rule, c.Body.N = protocol.RuleShare, uint32(w.IntN(105))
	}
	c.Body.Partial = w.IntN(3) == 0
	if w.IntN(4) == 0 {
		c.Body.State = map[string]string{"ready": "yes"}
	}
	if w.IntN(6) < w.waits {
		c.Body.Wait, c.Body.WaitUS = uint32(w.IntN(5)), uint32(w.IntN(30_000))
		c.Payload = make([]byte, w.IntN(100))
		switch w.IntN(20) {
		case 0:
			c.Body.WaitUS = 1 << 31
		case 1:
			c.Body.WaitUS = 0
		}
	}
	switch w.IntN(8) {
	case 0:
		c.Body.To = fmt.Sprintf("m%d", w.IntN(7))
	case 1:
		if n := len(w.m.members); n > 0 {
			c.Member = w.m.members[w.IntN(n)].id + protocol.MemberID(w.IntN(6)/5)
		}
	}
	return c
}

// memberEvent is mostly the next thing that happens to an open slot, and
// sometimes anything to any slot.
func (w *world) memberEvent() Event {
	s, id, room := w.session(), CallID(w.IntN(int(w.m.lastCall)+2)), uint32(w.IntN(5))
	running := slices.DeleteFunc(slices.Clone(w.m.calls), func(c *modelCall) bool { return c.waiting })
	if n := len(running); n > 0 && w.IntN(10) > 0 {
		c := running[w.IntN(n)]
		id, room = c.id, w.m.number(c.room)
		slot := c.slots[w.IntN(len(c.slots))]
		s = slot.session
		if w.m.isParted(s) { // nothing comes of it, and nothing is handed to it
			return w.resume(s)
		}
		if c.offer != nil && w.IntN(6) > 0 {
			return w.offerEvent(slot, room)
		}
		if !slot.sent && w.IntN(3) > 0 {
			return w.transport(s, id)
		}
	}
	if w.IntN(30) == 0 {
		room++
	}
	switch w.IntN(7) {
	case 0:
		return w.transport(s, id)
	case 2:
		return w.bid(s, id, room)
	case 1:
		return Receipt{Session: s, Call: id, Room: room}
	}
	return w.reply(s, id, room)
}

func (w *world) transport(s SessionID, id CallID) Event {
	if w.IntN(8) == 0 {
		return Overflow{Session: s, Call: id, Bind: w.IntN(8) == 0}
	}
	return Sent{Session: s, Call: id, Bind: w.IntN(8) == 0}
}

func (w *world) reply(s SessionID, id CallID, room uint32) Reply {
	outcome := protocol.OK
	if n := w.IntN(12); n < 3 {
		outcome = [...]protocol.Outcome{protocol.AppError, protocol.Refused, protocol.Timeout}[n]
	}
	w.said++
	part := fmt.Appendf(nil, "%d by %d;", w.said, s)
	switch w.IntN(8) {
	case 0:
		part = nil
	case 1, 2:
		part = append(part, make([]byte, w.IntN(w.m.limits.ReplyBytes))...)
	}
	return Reply{Session: s, Call: id, Room: room, Outcome: outcome, Part: part, More: w.IntN(4) == 0}
}

package room

import (
	"fmt"
	"slices"
	"time"

	"ddcos/protocol"
)

// keepEvent is what befalls sessions and their connections.
func (w *world) keepEvent() Event {
	parted := w.m.parted()
	switch n := w.IntN(10); {
	case n < 3:
		return w.will()
	case n < 6 && len(parted) > 0:
		return w.resume(parted[w.IntN(len(parted))])
	case n == 6:
		return w.resume(w.session()) // alive, or a stranger's
	}
	return w.cutThat(w.alive[w.IntN(len(w.alive))])
}

// principal is that of a session.
func principal(s SessionID) Principal { return Principal(fmt.Sprint(s % 3)) }

// held makes most sessions such that may be resumed.
func (w *world) held(s SessionID) {
	if w.IntN(4) > 0 {
		w.first = append(w.first, Hold{Session: s, Principal: principal(s), Window: time.Duration(w.IntN(40)) * time.Millisecond / 4})
	}
}

func (w *world) cutThat(s SessionID) Event {
	w.leaves(s)
	return Cut{Session: s, Why: "cut"}
}

// leaves takes a session off those that do something.
func (w *world) leaves(s SessionID) {
	i := slices.Index(w.alive, s)
	w.alive[i] = w.alive[len(w.alive)-1]
	w.alive = w.alive[:len(w.alive)-1]
	for len(w.alive) < 6 {
		w.open()
	}
}

func (w *world) resume(s SessionID) Event {
	w.last++ // the connection by which it comes back has a number too
	e := Resume{Session: s, By: w.last, Principal: principal(s), Whole: w.IntN(10) > 0}
	if w.IntN(6) == 0 {
		e.Principal += "x"
	}
	return e
}

// returned notes who is alive after a step.
func (w *world) returned(effects []Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case Resumed:
			if !slices.Contains(w.alive, e.Session) {
				w.alive = append(w.alive, e.Session)
			}
		case Ended:
			if slices.Contains(w.alive, e.Session) {
				w.leaves(e.Session)
			}
		}
	}
}

func (w *world) will() Will {
	p, delay := w.publish(), w.IntN(12)
	e := Will{
		Session: p.Session, Sequence: p.Sequence, Peer: p.Peer, Member: p.Member, Payload: []byte{2},
		Body: protocol.Will{Room: p.Body.Room, Labels: p.Body.Labels, State: p.Body.State, To: p.Body.To, DelayMS: uint32(delay)},
	}
	switch w.IntN(20) {
	case 0:
		e.Body.Room = ""
	case 1:
		e.Body.DelayMS = 1 << 20
	case 2:
		e.Payload = make([]byte, protocol.MaxWill+1)
	}
	return e
}

// pipes are the connections of a history, seen by the processes at their other
// ends: what of each call has come to them, over cuts and resumes.
type pipes struct {
	*world
	to   map[CallID][]SessionID
	ends map[SessionID]*pipe
}

type pipe struct {
	waits   []CallID                 // at the broker, nothing of it handed over
	handed  protocol.Unacked[CallID] // in this connection
	got     map[CallID]bool          // by the process, in any
	refused map[CallID]bool          // that are said not to be sent
}

func (p *pipes) end(s SessionID) *pipe {
	if p.ends[s] == nil {
		p.ends[s] = &pipe{got: map[CallID]bool{}, refused: map[CallID]bool{}}
	}
	return p.ends[s]
}

// comes lets a process read one delivery.
func (p *pipe) comes(id CallID) error {
	switch {
	case p.got[id]:
		return fmt.Errorf("call %d comes twice", id)
	case p.refused[id]:
		return fmt.Errorf("call %d comes, and it is said not to be sent", id)
	}
	p.got[id] = true
	return nil
}

func (p *pipes) step(ev Event, effects []Effect) error {
	switch e := ev.(type) {
	case Sent:
		if end := p.end(e.Session); !e.Bind && slices.Contains(end.waits, e.Call) {
			end.waits = slices.DeleteFunc(end.waits, func(id CallID) bool { return id == e.Call })
			end.handed.Add(e.Call, 1, 1<<20)
		}
	case Overflow:
		if !e.Bind {
			p.takesBack(e.Session, e.Call)
		}
	case Lost:
		if err := p.reads(e.Session, 0); err != nil { // what was handed over may come still
			return err
		}
	}
	for _, effect := range effects {
		if err := p.does(effect); err != nil {
			return err
		}
	}
	return nil
}

func (p *pipes) does(effect Effect) error {
	switch e := effect.(type) {
	case Deliver:
		p.to[e.Call] = slices.Clone(e.To)
		for _, s := range e.To {
			p.end(s).waits = append(p.end(s).waits, e.Call)
		}
	case Withdraw:
		for _, s := range e.From {
			p.takesBack(s, e.Call)
		}
	case Ended:
		return p.reads(e.Session, 0)
	case Resumed:
		return p.resumes(e.Session)
	case Finished:
		return p.tells(e.Account)
	case Abandoned:
		return p.tells(e.Account)
	}
	return nil
}

func (p *pipes) takesBack(s SessionID, id CallID) {
	end := p.end(s)
	end.waits = slices.DeleteFunc(end.waits, func(other CallID) bool { return other == id })
}

// reads lets a process read what was handed over, but for the last frames.
func (p *pipes) reads(s SessionID, but int) error {
	end := p.end(s)
	rest, _ := end.handed.After(0)
	for _, id := range rest[:len(rest)-but] {
		if err := end.comes(id); err != nil {
			return fmt.Errorf("session %d: %w", s, err)
		}
	}
	end.handed = protocol.Unacked[CallID]{}
	return nil
}

// resumes cuts the old connection after some of its frames, and sends what then
// is missing and still waited for in the new one.
func (p *pipes) resumes(s SessionID) error {
	end := p.end(s)
	all := int(end.handed.Sent())
	lost := p.IntN(all + 1)
	missing, ok := end.handed.After(uint64(all - lost))
	if !ok || len(missing) != lost {
		return fmt.Errorf("session %d: %d frames are sent again where %d are missing", s, len(missing), lost)
	}
	if err := p.reads(s, lost); err != nil {
		return err
	}
	for _, id := range missing {
		if _, waits := p.r.Waits(s, id); waits {
			if slot := p.m.slot(s, id); slot == nil || slot.outcome != 0 {
				return fmt.Errorf("session %d: call %d is over, and sent again", s, id)
			}
			end.handed.Add(id, 1, 1<<20)
		}
	}
	return nil
}

// tells holds what an account calls not sent against what came, then and later.
func (p *pipes) tells(a *Account) error {
	to := p.to[a.call.id]
	for i, e := range a.Entries {
		if e.Outcome != protocol.NotSent || a.Offer {
			continue
		}
		end := p.end(to[i])
		if end.refused[a.call.id] = true; end.got[a.call.id] {
			return fmt.Errorf("call %d is not sent to %d, and came", a.call.id, to[i])
		}
	}
	return nil
}

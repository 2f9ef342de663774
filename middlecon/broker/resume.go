package broker

import (
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"time"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// A session may ask to outlive its connection. What it has sent and was sent is
// counted then, and what its process has not acknowledged is kept; where its
// connection is cut it goes on without one, and what is for it waits. The rooms
// say for how long, and to whom it may be given again.

// secretBytes is how long the secret is that resumes a session.
const secretBytes = 16

// secretOf is all that is kept of a secret: looking it up tells nothing about it.
type secretOf [sha256.Size]byte

// resumable is what a session has that may be resumed.
type resumable struct {
	secret secretOf
	in     protocol.Received
	out    protocol.Unacked[queued]
	before *before // until its process has sent a frame, and so has the Welcome
}

// before is how the session stood when it was resumed, for a process that did not
// get to know of it: the secret before is good for as long as the new one may not
// have come.
type before struct {
	secret   secretOf
	received uint64 // frames by the process, as it said
	frames   uint64 // that had come of it
}

// known finds the session of a secret.
func (b *Broker) known(secret []byte, received uint64) (s *session, after, frames uint64, whole bool) {
	key := secretOf(sha256.Sum256(secret))
	s = b.resumables[key]
	if s == nil {
		return nil, 0, 0, false
	}
	k := s.keep()
	if key == k.secret {
		_, whole = k.out.After(received)
		return s, received, k.in.Frames, whole
	}
	_, whole = k.out.After(1) // all but the Welcome
	return s, 1, k.before.frames, whole && received == k.before.received
}

// nowhere is the transport of a session whose connection is cut.
type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) OutboundBuffered() int       { return 0 }
func (nowhere) Discard(n int) (int, error)  { return n, nil }
func (nowhere) Close() error                { return nil }
func (nowhere) Fd() int                     { return -1 }

// resume gives s the session that its Hello names, if it may have it, and makes it
// one that may be resumed again, if it wants. It completes the Welcome, and gives
// what is to follow it before anything else; there is false where s was ended.
func (b *Broker) resume(s *session, h *protocol.Hello, w *protocol.Welcome) (again []queued, ok bool) {
	var was *before
	if len(h.Resume) > 0 {
		again, was = b.takeUp(s, h, w)
		if s.closing {
			return nil, false
		}
	}
	window := min(time.Duration(h.WindowMS)*time.Millisecond, b.options.ResumeWindow)
	b.unkeep(s)
	if window <= 0 || b.draining != nil {
		if w.Resumed { // it does not want it again
			b.tell(room.Hold{Session: s.key()})
		}
		return again, true
	}
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // it cannot fail
	keep := &resumable{secret: sha256.Sum256(secret), before: was}
	s.calls().keep = keep
	b.resumables[keep.secret] = s
	if was != nil {
		b.resumables[was.secret] = s
	}
	b.tell(room.Hold{Session: s.key(), Principal: s.kin.Value().Principal, Window: window})
	w.WindowMS, w.Resume = uint32(window.Milliseconds()), secret
	return again, true
}

// welcome sends the Welcome, and behind it what is sent again and what has waited.
func (b *Broker) welcome(s *session, first queued, again []queued) {
	b.enqueue(s, first)
	for _, q := range again {
		b.enqueue(s, q)
	}
	b.soil(s)
}

// takeUp asks the rooms for the session that a Hello names.
func (b *Broker) takeUp(s *session, h *protocol.Hello, w *protocol.Welcome) (again []queued, was *before) {
	e := room.Resume{By: s.key(), Principal: s.kin.Value().Principal}
	old, after, frames, whole := b.known(h.Resume, h.Received)
	if old != nil {
		e.Session, e.Whole = old.key(), whole
	}
	b.taken = room.Resumed{}
	b.tell(e)
	if s.closing || b.taken.By != e.By {
		return nil, nil
	}
	w.Session, w.Resumed, w.Received, w.Will = s.id, true, frames, b.taken.Will
	rest, _ := s.keep().out.After(after)
	for _, q := range slices.Concat(rest, s.queue) {
		if b.renew(s, &q) {
			again = append(again, q)
		}
	}
	s.queue, s.bytes = nil, 0
	return again, &before{secret: sha256.Sum256(h.Resume), received: h.Received, frames: frames}
}

// renew puts what is left of its deadline into a frame of a call, and tells
// whether it is of use still: what is over is not, nor what counts the frames of
// another connection.
func (b *Broker) renew(s *session, q *queued) bool {
	if protocol.KindOf(q.frame) == protocol.KindAck {
		return false
	}
	if q.call == 0 {
		return true
	}
	left, ok := b.rooms.Waits(s.key(), q.call)
	if ok {
		q.frame, q.lent = protocol.WithBudget(q.frame, left), false
	}
	return ok
}

// resumed moves a session to the connection that it goes on in.
func (b *Broker) resumed(e room.Resumed) {
	from, to := b.byID.Get(e.Session), b.byID.Get(e.By)
	b.taken = e
	b.move(from, to)
	b.options.Log.Debug("resumed", "session", to.id, "took_over", e.TookOver)
	if e.TookOver {
		b.end(from, protocol.CodeTakenOver, "this session goes on in a newer connection")
	} else {
		from.closed, from.closing = true, true // nothing is left of it
	}
}

// notResumed leaves a connection without the session that it asked for.
func (b *Broker) notResumed(e room.NotResumed) {
	s := b.byID.Get(e.By)
	if s == nil || e.Err == nil {
		b.options.Log.Debug("not resumed", "session", e.By, "reason", "no such session, or not any more")
		return
	}
	p := s.peer()
	b.refusals.log(b.options.Log, "a stolen session is refused", "session", s.id, "host", p.Host, "pid", p.PID, "principal", string(p.Principal), "reason", e.Err.Text)
	b.end(s, e.Err.Code, e.Err.Text)
}

// ended lets go of a session that the rooms have lost by themselves.
func (b *Broker) ended(e room.Ended) {
	s := b.byID.Get(e.Session)
	if s == nil {
		return
	}
	b.options.Log.Debug("a parted session is lost", "session", s.id, "reason", e.Why)
	s.gone = true
	b.end(s, protocol.CodeTakenOver, e.Why)
}

// move gives all that is a session's, and not its connection's, to another.
func (b *Broker) move(from, to *session) {
	from.own()
	b.byID.Delete(to.key())
	to.id, to.queue, to.bytes, to.caller, to.strays = from.id, from.queue, from.bytes, from.caller, from.strays
	from.id, from.queue, from.bytes, from.caller, from.gone = 0, nil, 0, nil, true
	b.byID.Put(to.key(), to)
	if k := to.keep(); k != nil {
		b.resumables[k.secret] = to
		if k.before != nil {
			b.resumables[k.before.secret] = to
		}
	}
	b.measure(from)
	b.measure(to)
}

// cutOff parts a session from its connection, which is of no use any more.
func (b *Broker) cutOff(s *session, why string) {
	apart := &session{conn: nowhere{}, cut: true, welcomed: true, kin: s.kin, pid: s.pid}
	b.move(s, apart)
	b.events = append(b.events, room.Cut{Session: apart.key(), Why: why})
}

// survives tells whether a session may go on without its connection.
func (b *Broker) survives(s *session) bool {
	return s.keep() != nil && !s.closing && !s.gone && !s.cut && b.draining == nil
}

// drop forgets a session that was cut.
func (b *Broker) drop(s *session) {
	b.unkeep(s)
	b.keepNothing(s)
	s.queue, s.closed, s.closing = nil, true, true
	b.measure(s)
	b.byID.Delete(s.key())
}

// unkeep makes a session one that cannot be resumed.
func (b *Broker) unkeep(s *session) {
	if s.keep() != nil {
		b.unacked -= s.keep().out.Bytes()
		delete(b.resumables, s.keep().secret)
		b.unbefore(s)
		s.caller.keep = nil
	}
}

// unbefore forgets the secret before: the new one has come.
func (b *Broker) unbefore(s *session) {
	if k := s.keep(); k.before != nil {
		delete(b.resumables, k.before.secret)
		k.before = nil
	}
}

// keep notes frames that are handed to a session's transport.
func (b *Broker) keep(s *session, batch []queued) {
	if s.keep() == nil {
		return
	}
	before, most := s.keep().out.Bytes(), b.options.QueueBytes
	if b.unacked > b.options.UnackedBytesAll {
		most = 0
	}
	for i := range batch {
		q := batch[i]
		q.own()
		s.keep().out.Add(q, len(q.frame), most)
	}
	b.unacked += s.keep().out.Bytes() - before
}

// came counts a frame of a session, and acknowledges it when it is time.
func (b *Broker) came(s *session, size int) {
	k := s.keep()
	if k == nil {
		return
	}
	if k.in.Frames > 0 {
		b.unbefore(s)
	}
	if k.in.Frames == 1 { // it waited for the Welcome, which so has come
		_ = b.acked(s, 1)
	}
	if k.in.Add(size) {
		b.push(s, queued{frame: frame(protocol.Header{Kind: protocol.KindAck, Sequence: k.in.Frames}, nil)})
	}
}

// acked lets go of what a process has.
func (b *Broker) acked(s *session, frames uint64) error {
	if s.keep() == nil {
		return nil
	}
	before := s.keep().out.Bytes()
	err := s.keep().out.Ack(frames)
	b.unacked += s.keep().out.Bytes() - before
	return err
}

// bye ends a session that means it.
func (b *Broker) bye(s *session) {
	s.gone = true
	b.events = append(b.events, room.Lost{Session: s.key(), Why: "it said bye", Meant: true})
	b.unkeep(s)
	b.keepNothing(s)
	s.closing = true
	b.soil(s)
}

// will tells the rooms of a session's last message.
func (b *Broker) will(s *session, f protocol.Frame) error {
	e := room.Will{Session: s.key(), Sequence: f.Sequence, Peer: b.peer(s), Member: f.Member, Payload: f.Payload}
	if err := protocol.DecodeRequest(f.Meta, &e.Body); err != nil {
		return err
	}
	b.ask(s, f.Sequence, e)
	return nil
}

// lastWord queues a will for every member and watcher that has room for it.
func (b *Broker) lastWord(e room.LastWord) {
	meta := protocol.Encode(e.Body)
	word := func(h protocol.Header) []byte {
		h.Kind = protocol.KindLastWord
		f, err := protocol.AppendFrame(nil, h, meta, e.Payload)
		if err != nil {
			panic("broker: a will longer than MaxWill: " + err.Error())
		}
		return f
	}
	give := func(id room.SessionID, f []byte) {
		if s := b.byID.Get(id); s != nil && !s.closing && !b.overflows(s, len(f)) {
			b.enqueue(s, queued{frame: f})
			b.soil(s)
		}
	}
	members := word(protocol.Header{Sequence: uint64(e.Number), Room: e.Room})
	for _, id := range e.To {
		give(id, members)
	}
	for _, w := range e.Watching {
		give(w.Session, word(protocol.Header{Sequence: w.Sequence}))
	}
}

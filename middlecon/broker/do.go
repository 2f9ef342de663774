package broker

import (
	"math"
	"time"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// do does one thing that the rooms said.
func (b *Broker) do(e room.Effect) {
	switch e := e.(type) {
	case room.Deliver:
		b.deliver(e)
	case room.Message:
		b.spread(e)
	case room.Bind:
		b.bind(e)
	case room.Bound:
		b.bound(e)
	case room.Withdraw:
		b.withdraw(e)
	case room.Settled:
		b.flow(e.Account, false)
	case room.Finished:
		b.fair.answered(e.Account, b.clock)
		if !e.Offer { // how long a member works is not how long a call takes
			b.latency.observe(e.Summary.ElapsedUS)
			for i := range e.Entries {
				b.members.observe(e.Entries[i].LatencyUS)
			}
		}
		b.record(e.Account, false, nil)
		b.flow(e.Account, true)
	case room.Abandoned:
		b.fair.answered(e.Account, b.clock)
		b.record(e.Account, true, nil)
	case room.Joined:
		h := protocol.Header{Kind: protocol.KindJoined, Sequence: e.Sequence, Room: e.Room, Member: e.Member}
		b.send(e.Session, frame(h, protocol.Joined{View: e.View}))
	case room.LeftRoom:
		b.send(e.Session, frame(protocol.Header{Kind: protocol.KindLeft, Sequence: e.Sequence, Room: e.Room}, nil))
	case room.Expelled:
		b.send(e.Session, frame(protocol.Header{Kind: protocol.KindExpelled, Room: e.Room, Code: e.Err.Code}, errorBody(e.Err.Text)))
	case room.Stated:
		h := protocol.Header{Kind: protocol.KindStated, Sequence: e.Sequence, Room: e.Room}
		b.send(e.Session, frame(h, protocol.Stated{Version: e.Version}))
	case room.Forgot:
		h := protocol.Header{Kind: protocol.KindForgot, Sequence: e.Sequence}
		b.send(e.Session, frame(h, protocol.Forgot{Count: uint32(e.Count)}))
	case room.Failed:
		if e.Account != nil {
			b.record(e.Account, false, e.Err)
		}
		if s := b.byID.Get(e.Session); s != nil {
			b.fail(s, e.Sequence, e.Err)
		}
	case room.Evict:
		if s := b.byID.Get(e.Session); s != nil {
			b.end(s, e.Err.Code, e.Err.Text)
		}
	case room.View:
		b.show(e)
	default:
		b.doKept(e)
	}
}

// doKept does what is about sessions that outlive their connections.
func (b *Broker) doKept(e room.Effect) {
	switch e := e.(type) {
	case room.Willed:
		if e.Sequence == 0 { // the broker itself has taken it back
			return
		}
		b.send(e.Session, frame(protocol.Header{Kind: protocol.KindWilled, Sequence: e.Sequence}, nil))
	case room.LastWord:
		b.lastWord(e)
	case room.Resumed:
		b.resumed(e)
	case room.NotResumed:
		b.notResumed(e)
	case room.Ended:
		b.ended(e)
	}
}

// deliver queues one frame, encoded once, for every recipient.
func (b *Broker) deliver(e room.Deliver) {
	kind := protocol.KindDeliver
	if e.Offer {
		kind = protocol.KindOffered
	}
	h := protocol.Header{
		Kind: kind, Sequence: uint64(e.Call), Room: e.Room,
		Budget: uint32(e.Budget.Microseconds()),
	}
	q := b.delivery(h, &e.Body, e.Payload, len(e.To))
	q.call = e.Call
	b.fair.delivered(room.Principal(e.Body.Principal), len(e.To), b.clock)
	for _, id := range e.To {
		s := b.byID.Get(id)
		if s == nil {
			continue // its Lost is among the events
		}
		if s.closing || b.overflows(s, len(q.frame)) {
			b.events = append(b.events, room.Overflow{Session: id, Call: e.Call})
			continue
		}
		b.enqueue(s, q)
		b.soil(s)
	}
}

// delivery encodes a Deliver once for so many recipients. One alone borrows the
// turn's memory; what many share is nobody's to give back.
func (b *Broker) delivery(h protocol.Header, body *protocol.Deliver, payload []byte, recipients int) queued {
	size := protocol.HeaderSize + deliverBytes + len(body.Host) + len(payload)
	var into []byte
	if recipients == 1 {
		into = b.borrow(size)
	} else {
		into = make([]byte, 0, size)
		b.later.copies(size, nil)
		b.later.spread = b.later.spread || size > copiedLittle
	}
	f, err := protocol.EndFrame(body.Append(protocol.AppendHeader(into, h)), 0, payload)
	if err != nil {
		panic("broker: a Deliver longer than MaxPayload leaves room for: " + err.Error())
	}
	return queued{frame: f, lent: recipients == 1 && b.lend(f)}
}

// deliverBytes is what a Deliver's meta takes at most, without its host.
const deliverBytes = 64

// spread queues a published message for every recipient that has room for it,
// and tells its publisher how many they are.
func (b *Broker) spread(e room.Message) {
	h := protocol.Header{Kind: protocol.KindDeliver, Flags: protocol.FlagNoReply, Sequence: uint64(e.Number), Room: e.Room}
	q := b.delivery(h, &e.Body, e.Payload, len(e.To))
	handed := uint32(0)
	for _, id := range e.To {
		if s := b.byID.Get(id); s != nil && !s.closing && !b.overflows(s, len(q.frame)) {
			b.enqueue(s, q)
			b.soil(s)
			handed++
		}
	}
	answer := protocol.Published{View: e.Body.View, Selected: uint32(len(e.To)), Handed: handed}
	b.send(e.Session, frame(protocol.Header{Kind: protocol.KindPublished, Sequence: e.Sequence}, answer))
}

// withdraw takes deliveries back that were not sent, and cancels those that were.
func (b *Broker) withdraw(e room.Withdraw) {
	f := frame(protocol.Header{Kind: protocol.KindCancel, Sequence: uint64(e.Call), Room: e.Room}, nil)
	for _, id := range e.From {
		if s := b.byID.Get(id); s != nil && !s.withdraw(e.Call) {
			b.push(s, queued{frame: f})
		}
	}
}

func (b *Broker) send(id room.SessionID, f []byte) {
	if s := b.byID.Get(id); s != nil {
		b.push(s, queued{frame: f})
	}
}

// fail refuses one request; the session lives on.
func (b *Broker) fail(s *session, sequence uint64, e *protocol.Error) {
	b.failed++
	h := protocol.Header{Kind: protocol.KindError, Sequence: sequence, Code: e.Code}
	body := errorBody(e.Text)
	body.WaitMS = uint32(min((e.Wait+time.Millisecond-1)/time.Millisecond, math.MaxUint32))
	b.push(s, queued{frame: frame(h, body)})
}

// push queues a frame that the session asked for. One that asks and does not
// read is closed: there is nobody else to be told.
func (b *Broker) push(s *session, q queued) {
	if s.closing {
		return
	}
	if b.overflows(s, len(q.frame)) {
		b.end(s, protocol.CodeOverflow, "this session does not read what it asked for")
		return
	}
	b.enqueue(s, q)
	b.soil(s)
}

// end closes a session after one last frame that says why. The rooms are told
// at once, so that nobody waits for it.
func (b *Broker) end(s *session, code protocol.Code, text string) {
	if s.closing {
		return
	}
	if code == protocol.CodeUnresponsive && b.survives(s) {
		b.cutOff(s, code.String()+": "+text)
	}
	b.lost(s, code.String()+": "+text, code == protocol.CodeShuttingDown)
	if s.cut {
		b.drop(s)
		return
	}
	b.unkeep(s)
	b.keepNothing(s)
	b.enqueue(s, queued{frame: frame(protocol.Header{Kind: protocol.KindError, Code: code}, errorBody(text))})
	s.closing = true
	b.soil(s)
}

func errorBody(text string) protocol.ErrorText {
	if len(text) > protocol.MaxErrorText {
		text = text[:protocol.MaxErrorText]
	}
	return protocol.ErrorText{Text: text}
}

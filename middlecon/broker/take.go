package broker

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"unique"

	"ddcos/middlecon/policy"
	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// take tells the rooms of one frame, or answers it here. The frame's bytes live
// until it returns.
func (b *Broker) take(s *session, f protocol.Frame) {
	if !s.welcomed {
		b.hello(s, f)
		return
	}
	if b.turnsAway(s, f) {
		return
	}
	if err := b.request(s, f); err != nil {
		b.refuse(s, err)
	}
}

// request does what a frame of a welcomed session asks; an error ends the session.
func (b *Broker) request(s *session, f protocol.Frame) error {
	switch f.Kind {
	case protocol.KindReply:
		if !f.Outcome.FromMember() {
			return protocol.Errorf(protocol.CodeMalformed, "a reply cannot be %s", f.Outcome)
		}
		return b.answer(s, room.Reply{
			Session: s.key(), Call: room.CallID(f.Sequence), Room: f.Room,
			Outcome: f.Outcome, Part: f.Payload, More: f.Flags&protocol.FlagMore != 0,
		})
	case protocol.KindReceipt:
		return b.answer(s, room.Receipt{Session: s.key(), Call: room.CallID(f.Sequence), Room: f.Room})
	case protocol.KindCall:
		return b.call(s, f)
	case protocol.KindOffer:
		return b.offer(s, f)
	case protocol.KindBid:
		return b.bid(s, f)
	case protocol.KindJoin:
		e := room.Join{Session: s.key(), Sequence: f.Sequence, Peer: b.peer(s)}
		if err := protocol.DecodeRequest(f.Meta, &e.Body); err != nil {
			return err
		}
		b.ask(s, f.Sequence, e)
	case protocol.KindWatch:
		e := room.Watch{Session: s.key(), Sequence: f.Sequence}
		if err := protocol.DecodeRequest(f.Meta, &e.Body); err != nil {
			return err
		}
		b.ask(s, f.Sequence, e)
	case protocol.KindState:
		e := room.SetState{Session: s.key(), Sequence: f.Sequence, Room: f.Room}
		if err := protocol.DecodeRequest(f.Meta, &e.Body); err != nil {
			return err
		}
		b.ask(s, f.Sequence, e)
	case protocol.KindPublish:
		return b.publish(s, f)
	case protocol.KindForget:
		e := room.Forget{Session: s.key(), Sequence: f.Sequence}
		if err := protocol.DecodeRequest(f.Meta, &e.Body); err != nil {
			return err
		}
		b.ask(s, f.Sequence, e)
	case protocol.KindLeave:
		b.ask(s, f.Sequence, room.Leave{Session: s.key(), Sequence: f.Sequence, Room: f.Room})
	case protocol.KindCancel:
		b.ask(s, f.Sequence, room.Cancel{Session: s.key(), Sequence: f.Sequence})
	case protocol.KindPing:
		b.push(s, queued{frame: frame(protocol.Header{Kind: protocol.KindPong, Sequence: f.Sequence}, nil)})
	case protocol.KindStatus:
		if b.mayAsk(s, f.Sequence, asking{verb: policy.Status}) {
			b.push(s, queued{frame: b.status(f.Sequence)})
		}
	case protocol.KindDrain:
		return b.askedToDrain(s, f)
	case protocol.KindPong:
	default:
		return b.lasts(s, f)
	}
	return nil
}

// lasts is request, of what is about a session and its end.
func (b *Broker) lasts(s *session, f protocol.Frame) error {
	switch f.Kind {
	case protocol.KindWill:
		return b.will(s, f)
	case protocol.KindAck:
		return b.acked(s, f.Sequence)
	case protocol.KindBye:
		b.bye(s)
	default:
		if f.Kind.Known() || f.Flags&protocol.FlagIgnorable == 0 {
			return protocol.Errorf(protocol.CodeUnexpected, "a %s frame from a process", f.Kind)
		}
	}
	return nil
}

// publish tells the rooms of a message whose payload will fit into a Deliver.
func (b *Broker) publish(s *session, f protocol.Frame) error {
	e := room.Publish{Session: s.key(), Sequence: f.Sequence, Peer: b.peer(s), Member: f.Member, Payload: f.Payload}
	if err := protocol.DecodeRequest(f.Meta, &e.Body); err != nil {
		return err
	}
	if b.fits(s, f) {
		b.ask(s, f.Sequence, e)
	}
	return nil
}

// fits refuses a message that no Deliver has room for.
func (b *Broker) fits(s *session, f protocol.Frame) bool {
	if len(f.Payload) <= protocol.MaxPayload {
		return true
	}
	b.fail(s, f.Sequence, protocol.Errorf(protocol.CodeFrameTooLarge, "a payload of %d bytes; %d are allowed", len(f.Payload), protocol.MaxPayload))
	return false
}

// hello answers the first frame of a session.
func (b *Broker) hello(s *session, f protocol.Frame) {
	var body protocol.Hello
	if f.Kind != protocol.KindHello {
		b.refuse(s, protocol.Errorf(protocol.CodeUnexpected, "a %s frame before hello", f.Kind))
		return
	}
	if err := protocol.DecodeRequest(f.Meta, &body); err != nil {
		b.refuse(s, err)
		return
	}
	if body.MinVersion > protocol.Version || body.MaxVersion < protocol.Version {
		b.refuse(s, protocol.Errorf(protocol.CodeBadVersion, "versions %d to %d; this broker speaks %d", body.MinVersion, body.MaxVersion, protocol.Version))
		return
	}
	if body.MaxFrame < protocol.MaxFrame {
		b.refuse(s, protocol.Errorf(protocol.CodeBadVersion, "frames of %d bytes; version %d needs %d", body.MaxFrame, protocol.Version, protocol.MaxFrame))
		return
	}
	if b.draining != nil {
		b.refuse(s, protocol.Errorf(protocol.CodeShuttingDown, whyAway))
		return
	}
	if !b.authenticated(s, body.Token) {
		return
	}
	s.welcomed = true
	if body.Moves {
		s.kind |= moves
	}
	b.logHello(s, body.Software)
	if b.options.AccountLog != nil {
		kin := s.kin.Value()
		kin.Software = named(body.Software)
		s.kin = unique.Make(kin)
	}
	b.watchOver(s)
	limits := b.options.Limits
	welcome := protocol.Welcome{
		Version: protocol.Version, Broker: b.options.Number, Session: s.id, MaxFrame: protocol.MaxFrame,
		Calls: uint32(limits.SessionCalls), Rooms: uint32(limits.SessionRooms), Queue: uint32(b.options.QueueBytes), PingMS: b.listenFor(s),
	}
	if again, ok := b.resume(s, &body, &welcome); ok {
		b.welcome(s, queued{frame: frame(protocol.Header{Kind: protocol.KindWelcome, Sequence: f.Sequence}, welcome)}, again)
	}
}

// logHello tells the log who says hello, and what it says it is: no more of that
// than a name may have.
func (b *Broker) logHello(s *session, software string) {
	if !b.options.Log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	b.options.Log.Debug("welcome", "session", s.id, "host", s.peer().Host, "pid", s.pid, "software", named(software))
}

// named is no more of what a process says than a name may have.
func named(software string) string {
	if len(software) > protocol.MaxName {
		software = strings.ToValidUTF8(software[:protocol.MaxName], "")
	}
	return strings.Clone(software)
}

// refuse ends a session that broke the protocol, with the code that says how.
func (b *Broker) refuse(s *session, err error) {
	e := &protocol.Error{Code: protocol.CodeInternal, Text: err.Error()}
	errors.As(err, &e)
	b.end(s, e.Code, e.Text)
}

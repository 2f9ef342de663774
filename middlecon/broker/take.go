package broker

import (
	"errors"
	"time"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// take turns one frame into an event for the rooms, or answers it here. The
// frame's bytes live until it returns and the rooms have been told.
func (b *Broker) take(s *session, f protocol.Frame) {
	if !s.welcomed {
		b.hello(s, f)
		return
	}
	var err error
	switch f.Kind {
	case protocol.KindJoin:
		e := room.Join{Session: s.key(), Sequence: f.Sequence, Peer: s.peer}
		err = protocol.DecodeRequest(f.Meta, &e.Body)
		b.tell(e, err)
	case protocol.KindCall:
		e := room.Call{
			Session: s.key(), Sequence: f.Sequence, Peer: s.peer,
			Budget: time.Duration(f.Budget) * time.Microsecond, Payload: f.Payload,
		}
		err = protocol.DecodeRequest(f.Meta, &e.Body)
		if len(f.Payload) > protocol.MaxPayload {
			b.fail(s, f.Sequence, protocol.Errorf(protocol.CodeFrameTooLarge, "a payload of %d bytes; %d are allowed", len(f.Payload), protocol.MaxPayload))
			return
		}
		b.tell(e, err)
	case protocol.KindWatch:
		e := room.Watch{Session: s.key(), Sequence: f.Sequence}
		err = protocol.DecodeRequest(f.Meta, &e.Body)
		b.tell(e, err)
	case protocol.KindReply:
		if !f.Outcome.FromMember() {
			err = protocol.Errorf(protocol.CodeMalformed, "a reply cannot be %s", f.Outcome)
		}
		b.tell(room.Reply{
			Session: s.key(), Call: room.CallID(f.Sequence), Room: f.Room,
			Outcome: f.Outcome, Part: f.Payload, More: f.Flags&protocol.FlagMore != 0,
		}, err)
	case protocol.KindReceipt:
		b.tell(room.Receipt{Session: s.key(), Call: room.CallID(f.Sequence), Room: f.Room}, nil)
	case protocol.KindLeave:
		b.tell(room.Leave{Session: s.key(), Sequence: f.Sequence, Room: f.Room}, nil)
	case protocol.KindCancel:
		b.tell(room.Cancel{Session: s.key(), Sequence: f.Sequence}, nil)
	case protocol.KindPing:
		b.push(s, queued{frame: frame(protocol.Header{Kind: protocol.KindPong, Sequence: f.Sequence}, nil)})
	case protocol.KindPong:
	default:
		if f.Kind.Known() || f.Flags&protocol.FlagIgnorable == 0 {
			err = protocol.Errorf(protocol.CodeUnexpected, "a %s frame from a process", f.Kind)
		}
	}
	if err != nil {
		b.refuse(s, err)
	}
}

// tell keeps an event for the rooms, unless its frame was no good.
func (b *Broker) tell(e room.Event, err error) {
	if err == nil {
		b.events = append(b.events, e)
	}
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
	s.welcomed = true
	limits := b.options.Limits
	b.push(s, queued{frame: frame(protocol.Header{Kind: protocol.KindWelcome, Sequence: f.Sequence}, protocol.Welcome{
		Version: protocol.Version, Broker: b.options.Number, Session: s.id, MaxFrame: protocol.MaxFrame,
		Calls: uint32(limits.SessionCalls), Rooms: uint32(limits.SessionRooms), Queue: uint32(b.options.QueueBytes),
	})})
}

// refuse ends a session that broke the protocol, with the code that says how.
func (b *Broker) refuse(s *session, err error) {
	e := &protocol.Error{Code: protocol.CodeInternal, Text: err.Error()}
	errors.As(err, &e)
	b.end(s, e.Code, e.Text)
}

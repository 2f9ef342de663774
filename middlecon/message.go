package middlecon

import (
	"bytes"
	"context"
	"strings"

	"ddcos/protocol"
)

// Message is one delivered call or offer. Payload is the handler's own.
type Message struct {
	Room    string
	View    uint64 // the view whose members were called
	Host    string // the caller's, as the broker knows it
	PID     int    // likewise; 0 where it cannot be known
	Payload []byte
	NoReply bool  // it was published: what the handler returns goes nowhere
	Will    *Will // nil: it is nobody's last word. Host and PID are then those of who was lost

	// Who calls, as the broker has found it out and vouches for it: nobody can set these.
	Principal string   // "uid N", "spiffe://DOMAIN/PATH", "token NAME" or an address; "" from a broker that does not say
	Roles     []string // that the broker gives it

	of *delivery // which may be replied to; else nil
}

// Handler answers one message. Its context ends at the call's deadline, when
// the call needs the reply no more, and with the session. The reply is not
// changed afterwards. An error is the member's app_error, or its refusal if it
// is made by Refuse. What was published needs no reply: its context ends with the
// session alone. The handlers of one membership run one after the other,
// in the room's order.
type Handler func(ctx context.Context, m *Message) ([]byte, error)

// Refuse makes the error of a handler that did not even begin: busy, unsupported, forbidden.
func Refuse(text string) error { return refusal(text) }

type refusal string

func (r refusal) Error() string { return string(r) }

// messageOf is what a frame delivers, but for its room.
func messageOf(f protocol.Frame) (Message, error) {
	if f.Kind == protocol.KindLastWord {
		w, body, err := willOf(f)
		return Message{View: body.View, Host: w.Host, PID: w.PID, Payload: w.Payload, NoReply: true, Will: w}, err
	}
	var body protocol.Deliver
	err := protocol.DecodeAnswer(f.Meta, &body)
	return Message{
		View: body.View, Host: body.Host, PID: int(body.PID), Payload: bytes.Clone(f.Payload), NoReply: f.Flags&protocol.FlagNoReply != 0,
		Principal: body.Principal, Roles: strings.Fields(body.Roles),
	}, err
}

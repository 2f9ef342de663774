package broker

import (
	"bytes"
	"time"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// call tells the rooms of a call whose payload will fit into a Deliver.
func (b *Broker) call(s *session, f protocol.Frame) error {
	body, err := s.asks(f.Meta)
	if err != nil {
		return err
	}
	if b.fits(s, f) {
		b.ask(s, f.Sequence, room.Call{
			Session: s.key(), Sequence: f.Sequence, Peer: b.peer(s), Member: f.Member,
			Budget: time.Duration(f.Budget) * time.Microsecond, Body: body, Payload: f.Payload,
		})
	}
	return nil
}

// asked is the body of a call. Who calls often asks for the same again and again,
// and then nothing has to be read.
type asked struct {
	meta []byte
	body protocol.Call
}

// askedMost bounds what is kept of it, in bytes of the meta.
const askedMost = 256

// asks reads the body of a call.
func (s *session) asks(meta []byte) (protocol.Call, error) {
	c := s.calls()
	if c.latest == nil {
		c.latest = &asked{}
	}
	latest := c.latest
	if len(latest.meta) > 0 && bytes.Equal(latest.meta, meta) {
		return latest.body, nil
	}
	var body protocol.Call
	if err := protocol.DecodeRequest(meta, &body); err != nil || len(meta) > askedMost {
		return body, err
	}
	latest.meta, latest.body = append(latest.meta[:0], meta...), body
	return body, nil
}

package middlecon

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"ddcos/protocol"
)

// WillOptions say whom a will is for, as PublishOptions do, and when it is published.
type WillOptions struct {
	Labels map[string]string
	State  map[string]string
	To     string
	Delay  time.Duration // from the loss of the connection, within which a resume cancels it; up to 5 min
}

// Will is somebody's last word: its session is lost, and it did not mean to go. It
// was a member of the room where it has a Member.
type Will struct {
	Member  protocol.MemberID
	Name    string
	Host    string // as the broker knew it
	PID     int    // likewise; 0 where it cannot be known
	Reason  string // how its connection ended
	Payload []byte
}

// will is one as it is to be set in each session.
type will struct {
	h       protocol.Header
	meta    []byte
	payload []byte
}

// SetWill leaves a message with the broker that it publishes to room, and to who
// watches it, when this session is lost and not closed; it takes the place of the one
// before. Room "" takes that back. The sessions that follow with Reconnect leave it too.
func (c *Conn) SetWill(ctx context.Context, room string, payload []byte, options WillOptions) error {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	if options.Delay < 0 || options.Delay > protocol.MaxDeadline {
		return protocol.Errorf(protocol.CodeBadDeadline, "a will %v after the loss: want 0 to %v", options.Delay, protocol.MaxDeadline)
	}
	body := protocol.Will{Room: room, Labels: options.Labels, State: options.State, DelayMS: uint32(options.Delay.Milliseconds())}
	w := &will{h: protocol.Header{Kind: protocol.KindWill}, payload: bytes.Clone(payload)}
	w.h.Member, body.To = addressee(options.To)
	w.meta = protocol.Encode(body)
	r := &request{}
	if _, err := c.ask(ctx, w.h, w.meta, w.payload, r, nil); err != nil {
		return fmt.Errorf("leaving a will to %s: %w", room, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r.link.hasWill.Store(room != "")
	if c.will = w; room == "" {
		c.will = nil
	}
	return nil
}

// willAgain leaves the will in a session that has none of it.
func (c *Conn) willAgain(l *link) {
	c.mu.Lock()
	w := c.will
	c.sequence++
	sequence := c.sequence
	c.mu.Unlock()
	if w == nil {
		return
	}
	l.hasWill.Store(true)
	h := w.h
	h.Sequence = sequence
	_ = l.out.frame(h, w.meta, w.payload) // the reader finds out
}

// willOf reads somebody's last word.
func willOf(f protocol.Frame) (*Will, protocol.LastWord, error) {
	var body protocol.LastWord
	err := protocol.DecodeAnswer(f.Meta, &body)
	return &Will{
		Member: body.Member, Name: body.Name, Host: body.Host, PID: int(body.PID), Reason: body.Reason, Payload: bytes.Clone(f.Payload),
	}, body, err
}

// lastWord gives a will to the member or to the watch that it is for.
func (c *Conn) lastWord(l *link, f protocol.Frame) error {
	if f.Room != 0 {
		return c.deliver(l, f)
	}
	will, body, err := willOf(f)
	if err != nil {
		return err
	}
	c.mu.Lock()
	w := c.watches[f.Sequence]
	c.mu.Unlock()
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keep(View{Room: body.Room, Number: body.View, Size: w.size, Will: will})
	return nil
}

package middlecon

import (
	"context"
	"fmt"

	"ddcos/protocol"
)

// PublishOptions say whom a message is for: all members, those that have the
// labels and the state, or the one of that name or id.
type PublishOptions struct {
	Labels map[string]string
	State  map[string]string // that the members' state has
	To     string            // as in Send; empty for all
}

// Published tells how far a message came: into the queues of Handed members of
// Selected. What they make of it is not known.
type Published struct {
	View     uint64
	Selected int
	Handed   int
}

// Publish sends payload to the members of room without waiting for them, in one
// order with all calls to the room.
func (c *Conn) Publish(ctx context.Context, room string, payload []byte, options PublishOptions) (Published, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	h := protocol.Header{Kind: protocol.KindPublish}
	body := protocol.Publish{Room: room, Labels: options.Labels, State: options.State}
	h.Member, body.To = addressee(options.To)
	a, err := c.ask(ctx, h, protocol.Encode(body), payload, &request{}, nil)
	if err != nil {
		return Published{}, fmt.Errorf("publishing to %s: %w", room, err)
	}
	var p protocol.Published
	if err := protocol.DecodeAnswer(a.meta, &p); err != nil {
		return Published{}, err
	}
	return Published{View: p.View, Selected: int(p.Selected), Handed: int(p.Handed)}, nil
}

package middlecon

import (
	"context"
	"fmt"
	"time"

	"ddcos/protocol"
)

// Draining is what a broker says that has begun to go away.
type Draining struct {
	Sessions int           // that it has, beside this one
	Grace    time.Duration // after which it closes what is left
}

// Drain makes the broker go away within grace, or 0 for its own: sessions that know
// another broker move there, calls in flight finish, nothing new begins. The broker
// ends this session last. The error is protocol.CodeForbidden where that is not for
// this process: root, the broker's own user and whom its policy gives drain may.
func (c *Conn) Drain(ctx context.Context, grace time.Duration) (Draining, error) {
	if grace < 0 || grace > protocol.MaxDeadline {
		return Draining{}, protocol.Errorf(protocol.CodeBadDeadline, "a grace of %v: want 0 to %v", grace, protocol.MaxDeadline)
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	body := protocol.Encode(protocol.Drain{GraceMS: uint32(grace.Milliseconds())})
	a, err := c.ask(ctx, protocol.Header{Kind: protocol.KindDrain}, body, nil, &request{}, nil)
	if err != nil {
		return Draining{}, fmt.Errorf("draining the broker: %w", err)
	}
	var d protocol.Draining
	err = protocol.DecodeAnswer(a.meta, &d)
	return Draining{Sessions: int(d.Sessions), Grace: time.Duration(d.GraceMS) * time.Millisecond}, err
}

package middlecon

import (
	"context"
	"fmt"

	"ddcos/protocol"
)

// Status asks for the broker's counts, all of one instant.
func (c *Conn) Status(ctx context.Context) (*protocol.Stats, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	a, err := c.ask(ctx, protocol.Header{Kind: protocol.KindStatus}, nil, nil, &request{}, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for the broker's status: %w", err)
	}
	var s protocol.Stats
	if err := protocol.DecodeAnswer(a.meta, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

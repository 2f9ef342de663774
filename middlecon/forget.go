package middlecon

import (
	"context"
	"fmt"

	"ddcos/protocol"
)

// Forget takes a member that room has lost off its list, or all of them where
// name is empty, and tells how many: they are not told as absent any more. The
// error is protocol.CodeNoSuchMember where nobody of that name was lost.
func (c *Conn) Forget(ctx context.Context, room, name string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	a, err := c.ask(ctx, protocol.Header{Kind: protocol.KindForget}, protocol.Encode(protocol.Forget{Room: room, Name: name}), nil, &request{}, nil)
	if err != nil {
		return 0, fmt.Errorf("forgetting the lost of %s: %w", room, err)
	}
	var forgot protocol.Forgot
	if err := protocol.DecodeAnswer(a.meta, &forgot); err != nil {
		return 0, err
	}
	return int(forgot.Count), nil
}

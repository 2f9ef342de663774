package middlecon

import (
	"context"
	"fmt"
	"maps"

	"ddcos/protocol"
)

// SetState makes the member show state, whole, in place of what it showed
// before: calls select by it and watchers are shown it. It has the limits of
// labels and at most 4 KiB, else protocol.CodeBadState. The version counts how
// often it was set.
func (m *Membership) SetState(ctx context.Context, state map[string]string) (version uint64, err error) {
	if err := protocol.CheckState(state); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, m.conn.options.Timeout)
	defer cancel()
	if err := m.settle(ctx); err != nil {
		return 0, fmt.Errorf("setting the state in %s: %w", m.Room, err)
	}
	h := protocol.Header{Kind: protocol.KindState}
	a, err := m.conn.ask(ctx, h, protocol.Encode(protocol.State{State: state}), nil, &request{}, m.here)
	if err != nil {
		return 0, fmt.Errorf("setting the state in %s: %w", m.Room, err)
	}
	m.conn.mu.Lock()
	m.member.State = maps.Clone(state) // a session that follows begins with it
	m.conn.mu.Unlock()
	var stated protocol.Stated
	err = protocol.DecodeAnswer(a.meta, &stated)
	return stated.Version, err
}

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
	var a answer
	for moved := true; moved; {
		r := &request{}
		if a, err = m.ask(ctx, protocol.KindState, protocol.Encode(protocol.State{State: state}), r); err != nil {
			return 0, fmt.Errorf("setting the state in %s: %w", m.Room, err)
		}
		m.conn.mu.Lock()
		m.member.State = maps.Clone(state)                  // a session that follows begins with it
		moved = m.conn.down == nil && m.conn.link != r.link // one that has begun may have the one before
		m.conn.mu.Unlock()
	}
	var stated protocol.Stated
	err = protocol.DecodeAnswer(a.meta, &stated)
	return stated.Version, err
}

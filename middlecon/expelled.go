package middlecon

import "ddcos/protocol"

// Done is closed when the membership is over: it was left, the connection is
// closed, or the broker does not allow it any more.
func (m *Membership) Done() <-chan struct{} { return m.ctx.Done() }

// Err is why the broker has ended the membership, or nil: errors.Is finds
// protocol.CodeForbidden. The connection lives on.
func (m *Membership) Err() error {
	m.conn.mu.Lock()
	defer m.conn.mu.Unlock()
	return m.why
}

// expelled ends a membership that the broker has ended.
func (c *Conn) expelled(l *link, f protocol.Frame) {
	c.mu.Lock()
	m := l.members[f.Room]
	delete(l.members, f.Room)
	c.mu.Unlock()
	if m != nil {
		m.expel(frameError(f))
	}
}

// expel keeps a membership out of this session and of those to come.
func (m *Membership) expel(why error) {
	m.abandon()
	m.conn.mu.Lock()
	m.why = why
	m.conn.mu.Unlock()
	m.stop()
}

package middlecon

import (
	"context"
	"slices"

	"ddcos/protocol"
)

// Leave gives the membership up: it is left, not lost. Calls that wait for it
// are told so, and its handler's contexts end. That is so also where ctx ends before
// the broker has confirmed it. The error is protocol.CodeNotMember where the
// membership is over already.
func (m *Membership) Leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.conn.options.Timeout)
	defer cancel()
	m.conn.mu.Lock()
	m.retire()
	m.conn.mu.Unlock()
	_, err := m.ask(ctx, protocol.KindLeave, nil, &request{})
	m.abandon()
	m.stop()
	return err
}

// goodbye leaves a room of a session that nothing here is a member of any more.
func (c *Conn) goodbye(l *link, room uint32) {
	c.mu.Lock()
	c.sequence++
	h := protocol.Header{Kind: protocol.KindLeave, Sequence: c.sequence, Room: room}
	c.mu.Unlock()
	_ = l.out.frame(h, nil, nil) // where it fails the session is over
}

// retire keeps the membership out of the sessions to come. A Join that is on its way
// is still answered. conn.mu is held.
func (m *Membership) retire() {
	c := m.conn
	c.standing = slices.DeleteFunc(c.standing, func(other *Membership) bool { return other == m })
}

// abandon forgets the membership, and tells in which session it was, if in any, and
// under which number.
func (m *Membership) abandon() (in *link, room uint32) {
	c := m.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	m.over = true
	m.retire()
	room, m.room = m.room, 0
	if room == 0 || c.link.members[room] != m {
		return nil, 0
	}
	delete(c.link.members, room)
	return c.link, room
}

// forsake ends a membership that may be in a session without anybody's wish.
func (m *Membership) forsake() {
	if l, room := m.abandon(); l != nil {
		m.conn.goodbye(l, room)
	}
	m.stop()
}

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
	m.conn.mu.Lock()
	m.why = why
	m.conn.mu.Unlock()
	m.forsake()
}

// stop ends the membership: nothing is waited for of what was delivered to it.
func (m *Membership) stop() {
	m.quit()
	m.lose(nil)
}

package middlecon

import (
	"context"
	"time"
)

// CreditsLeft are those that no call has.
func (c *Conn) CreditsLeft() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.link.credits.free)
}

// Body is what the membership's next session is told of it.
func (m *Membership) Body() []byte {
	m.conn.mu.Lock()
	defer m.conn.mu.Unlock()
	return m.body()
}

// Credit waits for a credit as a call does, for so long at most.
func (c *Conn) Credit(ctx context.Context, within time.Duration) error {
	_, err := c.credit(ctx, within)
	return err
}

// Standing are the memberships that the next session would have.
func (c *Conn) Standing() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.standing)
}

// Again begins the session anew, as another one would, with something done between the
// choice of what it begins with and the frames of that.
func (c *Conn) Again(between func()) {
	c.mu.Lock()
	c.apart(c.link)
	frames, l := c.again(), c.link
	c.mu.Unlock()
	between()
	c.begin(l, frames)
}

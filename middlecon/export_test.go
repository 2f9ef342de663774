package middlecon

// CreditsLeft are those that no call has.
func (c *Conn) CreditsLeft() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.link.credits.free)
}

package room

// A reply lies in blocks of Limits.BlockBytes, of which only the last is shorter. So what
// grows by a part copies a block at most: one slice would be copied whole, again and
// again, while everybody waits. An entry's Reply is the first block; the others are here.

// ReplyBytes is how long the reply of that entry is.
func (a *Account) ReplyBytes(entry int) int {
	first := len(a.Entries[entry].Reply)
	rest := a.rest[entry]
	if len(rest) == 0 {
		return first
	}
	return len(rest)*first + len(rest[len(rest)-1])
}

// Reply gives size bytes of an entry's reply from offset on: where they lie in
// one block as they are, not to be written to, else put together behind into.
func (a *Account) Reply(entry, offset, size int, into []byte) []byte {
	block := a.Entries[entry].Reply
	if offset+size <= len(block) {
		return block[offset : offset+size]
	}
	full, rest := len(block), a.rest[entry]
	for i := offset / full; size > 0; i++ {
		if i > 0 {
			block = rest[i-1]
		}
		at := offset % full
		n := min(size, len(block)-at)
		if n == size && len(into) == 0 {
			return block[at : at+n]
		}
		into = append(into, block[at:at+n]...)
		offset, size = offset+n, size-n
	}
	return into
}

// keep copies a part behind what there is of a reply.
func (c *call) keep(entry int, part []byte, block int) {
	e := &c.account.Entries[entry]
	n := min(len(part), block-len(e.Reply))
	e.Reply = c.keepFirst(e.Reply, part[:n])
	if part = part[n:]; len(part) == 0 {
		return
	}
	if c.account.rest == nil {
		c.account.rest = map[int][][]byte{}
	}
	rest := c.account.rest[entry]
	for ; len(part) > 0; part = part[n:] {
		if len(rest) == 0 || len(rest[len(rest)-1]) == block {
			rest = append(rest, make([]byte, 0, block))
		}
		last := &rest[len(rest)-1]
		n = min(len(part), block-len(*last))
		*last = append(*last, part[:n]...)
	}
	c.account.rest[entry] = rest
}

// keepFirst is keep, within the first block.
func (c *call) keepFirst(have, part []byte) []byte {
	if len(part) == 0 {
		return have
	}
	if len(have) > 0 || len(part) > arenaPart {
		return append(have, part...)
	}
	if cap(c.arena)-len(c.arena) < len(part) {
		c.arena = make([]byte, 0, min(c.open*len(part), arenaSize))
	}
	at := len(c.arena)
	c.arena = append(c.arena, part...)
	return c.arena[at:len(c.arena):len(c.arena)] // the next one's bytes are out of reach
}

// unkeep forgets what there is of a reply.
func (r *Rooms) unkeep(c *call, entry int) {
	n := c.account.ReplyBytes(entry)
	c.bytes -= n
	r.held -= n
	c.account.Entries[entry].Reply = nil
	delete(c.account.rest, entry)
}

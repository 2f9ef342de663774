package broker

// begin is how much of an entry's reply went before its member was settled: of no use
// where that is not ok in the end, and then there is no reply.
func (p *pull) begin(at int) int {
	if p.told == 0 || at != p.whose {
		return 0
	}
	return min(p.told, p.account.ReplyBytes(at))
}

// comes is how many bytes there are to tell of a reply whose member is not settled.
func (p *pull) comes() int {
	at, coming := p.account.Coming()
	if !coming {
		return 0
	}
	return p.account.ReplyBytes(at) - p.told
}

// come takes what a chunk has room for of these, and moves on behind it.
func (p *pull) come(left *int) int {
	rest := p.comes()
	if rest <= 0 {
		return 0
	}
	p.whose, _ = p.account.Coming()
	e := &p.account.Entries[p.whose]
	room := *left - (e.Size() - len(e.Reply))
	if room < min(1024, rest) {
		return 0
	}
	n := min(rest, room)
	p.told += n
	*left -= n + e.Size() - len(e.Reply)
	return n
}

//go:build planted

package room

// keepPlants lose, keep or give away what outlives a connection, and make a
// handler start twice.
func keepPlants() []planted {
	unacked := "../../protocol/unacked.go"
	return []planted{
		{"a frame too many is sent again", unacked, "range u.frames[u.head+int(n-u.before):] {", "range u.frames[u.head+max(0, int(n-u.before)-1):] {"},
		{"a frame too few is sent again", unacked, "range u.frames[u.head+int(n-u.before):] {", "range u.frames[min(len(u.frames), u.head+int(n-u.before)+1):] {"},
		{"what is over is delivered at a resume", "keep.go", "!ok || c.slots[i].state == settled {\n		return 0, false", "!ok || c.slots[i].state == settled {\n		return 0, in <= r.lastCall"},
		{"anybody resumes", "keep.go", "case s.keep.principal != e.Principal:", "case false:"},
		{"a session with gaps is resumed", "keep.go", "case !e.Whole:", "case false:"},
		{"who did not ask is parted", "keep.go", "s.keep.window <= 0 || len(r.parted)", "len(r.parted)"},
		{"one parted too many", "keep.go", "len(r.parted) >= r.limits.Parted {", "len(r.parted) > r.limits.Parted {"},
		{"a resumed session is still parted", "keep.go", "		s.keep.parted = false\n", ""},
		{"a window goes on after a resume", "keep.go", "		r.parted.remove(s)\n		s.keep.parted = false\n", "		s.keep.parted = false\n"},
		{"a parted session stays for ever", "keep.go", "	return k.until\n", "	return k.until + time.Hour\n"},
		{"a window ends a nanosecond late", "keep.go", "r.parted[0].keep.at() <= r.now {", "r.parted[0].keep.at() < r.now {"},
		{"the timer does not know of windows", "rooms.go", "if part := r.parted[0].keep.at(); !ok || part < at {", "if part := r.parted[0].keep.at(); !ok {"},
		{"the last to part is looked at first", "keep.go", "a != b {\n		return a < b", "a != b {\n		return a > b"},
		{"a parted member is taken to have had a chance", "deadline.go", "	case s.session.parted():\n		return protocol.LostAfterSend\n", ""},
		{"a parted member that was sent nothing is lost after it", "deadline.go", "	case s.state == queued:\n		return protocol.NotSent\n	case s.state == bids:", "	case s.state == queued && !s.session.parted():\n		return protocol.NotSent\n	case s.state == bids:"},
		{"an offer waits for who is parted", "keep.go", "	r.releaseOffers(s)\n", ""},
		{"a parted bidder is not told that it is too late", "keep.go", "			r.emit(Withdraw{From: []SessionID{s.id}, Call: p.id, Room: p.call.room.number})\n", ""},
		{"who is bound is released", "keep.go", " && !p.call.begun(p.index) {", " {"},
		{"nobody sees who is parted", "keep.go", "	r.releaseOffers(s)\n	r.showParted(s)\n", "	r.releaseOffers(s)\n"},
		{"a name is taken from who is alive", "join.go", "return m.session.parted() && m", "return m.session.keep != nil && m"},
		{"a name is taken by anybody", "join.go", " && m.session.keep.principal == p\n", "\n"},
		{"old and new have one name", "join.go", "		r.end(before.session, \"its name was taken over\")\n", ""},
		{"the broker keeps who has ended", "keep.go", "	r.emit(Ended{Session: s.id, Why: why})\n", ""},
		{"a will is published twice", "will.go", "	s.keep.will = nil\n	r.count(w, -1)\n	return w\n", "	return w\n"},
		{"a will is published by who meant to go", "session.go", "	if meant {\n", "	if false {\n"},
		{"a will is not published", "session.go", "		r.lastWord(s, why)\n", "		r.takeWill(s)\n"},
		{"a resume does not cancel a will", "keep.go", "	was := s.keep.parted\n", "	was := s.keep.parted\n	if was {\n		r.lastWord(s, \"\")\n	}\n"},
		{"a will does not wait", "keep.go", "		k.will.due = r.now + k.will.delay\n", "		k.will.due = r.now\n"},
		{"a will is waited for beyond the window", "keep.go", "k.will != nil && k.will.due < k.until {", "k.will != nil {"},
		{"a will speaks to its own", "will.go", "func(m *member) bool { return m.session == s })", "func(m *member) bool { return false })"},
		{"watchers do not hear a will", "will.go", "if watch.session != s && !watch.session.lost {", "if false {"},
		{"a will weighs nothing", "will.go", "		r.shown += sign * w.weight()\n", ""},
		{"a will as long as one likes", "will.go", "len(w.payload) > protocol.MaxWill {", "len(w.payload) > protocol.MaxWill+1 {"},
		{"a will of another time", "will.go", "		fresh.payload = bytes.Clone(e.Payload)\n", "		fresh.payload = bytes.Clone(e.Payload[:0])\n"},
	}
}

//go:build planted

package room

// toldPlants tell something wrong of what is right, or forget what a request asked for.
func toldPlants() []planted {
	rule := "../../protocol/rule.go"
	return []planted{
		{"a caller is told of nothing new", "account.go", "c.caller.lost || c.untold == 0 || !c.partial", "c.caller.lost || !c.partial"},
		{"an account that was told in parts is as new", "account.go", "	c.account.Streamed = true\n", ""},
		{"an account is of nobody", "call.go", "e.Sequence, e.Peer, o != nil", "e.Sequence, Peer{}, o != nil"},
		{"an offer's account is a call's", "call.go", "e.Peer, o != nil, c.whom.one()", "e.Peer, false, c.whom.one()"},
		{"a call of one is of all", "call.go", "o != nil, c.whom.one()", "o != nil, c.whom.name != \"\""},
		{"who is absent is so for a thousand times as long", "absent.go", "(r.now - a.at).Milliseconds()", "(r.now - a.at).Microseconds()"},
		{"nobody knows why who is absent is", "absent.go", "			Reason: a.reason,\n", ""},
		{"nobody knows where who is absent was", "absent.go", "pid: m.session.pid, at", "at"},
		{"who is absent is so for any call", "absent.go", "		if !whom.fits(a.member) {\n			continue\n		}\n", ""},
		{"who was lost is told to have left", "join.go", "Name: m.name, Reason: why,", "Name: m.name, Reason: protocol.ReasonLeft,"},
		{"nobody is told why one was lost", "join.go", "Reason: why, Text: text}", "Reason: why}"},
		{"a watcher sees no labels", "view.go", " Labels: m.labels,", ""},
		{"a watcher sees who is back as parted", "keep.go", "Parted: s.parted()}}})", "Parted: true}}})"},
		{"a refusal has no sequence", "rooms.go", "Failed{Session: s, Sequence: sequence, Err", "Failed{Session: s, Err"},
		{"a member's answer has no sequence", "join.go", "Joined{Session: s.id, Sequence: e.Sequence,", "Joined{Session: s.id,"},
		{"a published message's answer has no sequence", "publish.go", "Session: e.Session, Sequence: e.Sequence, Payload", "Session: e.Session, Payload"},
		{"a call that gave up waiting did not wait", "wait.go", "	c.start = r.now\n	c.account.Summary.WaitedUS = uint64((r.now - c.accepted).Microseconds())\n", "	c.start = r.now\n"},
		{"a call that gave up began when the broker did", "wait.go", "	c.start = r.now\n", ""},
		{"one forgotten is none", "absent.go", "		count = 1\n", ""},
		{"a state at joining has no version", "join.go", "	if len(m.state) > 0 {\n		m.version = 1\n	}\n", ""},
		{"a session's first room gets the state", "join.go", "if m := s.member(in); m != nil {\n			return m, nil", "if m := s.members; m != nil {\n			return m, nil"},
		{"a session's watches are not known", "held.go", "		if q.watch != nil {\n			all", "		if q.call != nil {\n			all"},
		{"a session's will is not known", "held.go", "	if s.keep != nil && s.keep.will != nil {", "	if s.keep != nil && s.keep.will != nil && s.keep.parted {"},
		{"a member of one room may act in another", "held.go", "return m.room.name, true", "return m.session.members.room.name, true"},
		{"a caller is called by another's name", "account.go", "if m := s.member(a.call.room); m != nil {\n		return", "if m := s.members; m != nil {\n		return"},
		{"half a share is none", rule, "(selected*int(r.N) + 99) / 100", "selected * int(r.N) / 100"},
		{"a label that nobody has asks for nobody", rule, "max(1, selected)", "selected"},
	}
}

// goingPlants are mistakes with who comes, waits, goes, gives up or comes back.
func goingPlants() []planted {
	return []planted{
		{"a cancel leaves the bound one at work", "settle.go", "		if !s.session.lost {\n			from", "		if !s.session.lost && !(c.offer != nil && c.offer.bound == i) {\n			from"},
		{"a cancelled watch's sequence is in use for ever", "session.go", "	r.unwatch(s.requests[i].watch)\n	s.requests = slices.Delete(s.requests, i, i+1)\n", "	r.unwatch(s.requests[i].watch)\n"},
		{"a cancel ends the latest", "session.go", "	if c := s.requests[i].call; c != nil {\n		r.finish(c)", "	if c := s.requests[i].call; c != nil {\n		if last := s.requests[len(s.requests)-1].call; last != nil {\n			c = last\n		}\n		r.finish(c)"},
		{"a call that may not wait waits", "wait.go", "e.Body.Wait == 0 || e.Body.WaitUS == 0", "e.Body.Wait == 0"},
		{"who is there already is not waited with", "wait.go", "present: r.present(&c.whom)}", "present: 0}"},
		{"anybody's leaving is waited for", "wait.go", "		if c.whom.fits(m) {\n			c.waiting.present--", "		{\n			c.waiting.present--"},
		{"who waits is skipped where one before is enough", "wait.go", "range slices.Clone(m.room.waiting)", "range m.room.waiting"},
		{"calls that wait are not in flight", "call.go", "n := len(r.calls) + r.waiting; n", "n := len(r.calls); n"},
		{"a room that was given up stays", "wait.go", "	r.close(c)\n	r.dropIfUnused(c.room)\n", "	r.close(c)\n"},
		{"any reply meets a rule", "settle.go", "		r.unkeep(c, i)\n	} else if c.slots[i].counts {\n		c.ok++\n	}\n", "		r.unkeep(c, i)\n	}\n	if c.slots[i].counts && o.FromMember() {\n		c.ok++\n	}\n"},
		{"who has left counts for the rule", "call.go", "	c.needed = c.rule.Needed(counting)\n", "	c.needed = c.rule.Needed(min(counting, 2))\n"},
		{"the last lost of all makes way", "absent.go", "		r.forget(r.lost.oldest)\n", "		r.forget(r.lost.newest)\n"},
		{"who is forgotten in the middle takes the older along", "absent.go", "		link.newer.links[l.link].older = link.older\n", "		link.newer.links[l.link].older = nil\n"},
		{"one name forgotten is all forgotten", "absent.go", "		r.forget(in.absent[at])\n		count = 1\n", "		for r.forget(in.absent[at]); in.lost.oldest != nil; {\n			r.forget(in.lost.oldest)\n		}\n		count = 1\n"},
		{"who takes over a live session is shown as back", "keep.go", "	if was {\n		r.showParted(s)", "	{\n		r.showParted(s)"},
		{"a session that was taken over is resumed", "keep.go", "	} else {\n		r.stats.TakenOver++\n	}\n	r.emit(Resumed{Session: s.id, By: e.By, TookOver: !was", "	}\n	r.emit(Resumed{Session: s.id, By: e.By, TookOver: false"},
		{"a window counts from the session's start", "keep.go", "k.parted, k.until, k.why = true, r.now+k.window, e.Why", "k.parted, k.until, k.why = true, max(k.until, k.window), e.Why"},
		{"a parted session's calls are cancelled", "keep.go", "	r.parted.push(s)\n	r.releaseOffers(s)\n", "	r.parted.push(s)\n	for _, q := range append([]request(nil), s.requests...) {\n		if q.call != nil {\n			r.finish(q.call)\n		}\n	}\n	r.releaseOffers(s)\n"},
		{"a parted caller's parts are dropped", "account.go", "c.caller.lost || c.untold == 0", "c.caller.lost || c.caller.parted() || c.untold == 0"},
		{"the reason of a cut is forgotten", "keep.go", "r.end(s, s.keep.why)", "r.end(s, \"its window has ended\")"},
		{"who is expelled goes on with its calls", "join.go", "	r.settleLeft(m.session, m.room)\n", "	if _, left := told.(LeftRoom); left {\n		r.settleLeft(m.session, m.room)\n	}\n"},
		{"a reply counts while nobody waits", "reply.go", "	r.answers++\n	s.state = received", "	s.state = received"},
		{"too many share one count", "budget.go", "len(r.budget.paid) < r.limits.Principals || r", "len(r.budget.paid) <= r.limits.Principals || r"},
		{"who shares a count pays nothing", "budget.go", "	return others\n", "	return p\n"},
	}
}

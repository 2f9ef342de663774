package faults

// plant is a mistake of the broker and the invariant that it must be found to break.
type plant struct {
	invariant string
	defect
}

// plants are brokers that TestEverything must not pass. What the rooms alone can
// get wrong is planted in middlecon/room, too, and found by its simulation.
func plants() []plant {
	const broker, room = "middlecon/broker/", "middlecon/room/"
	return []plant{
		{"I1", defect{"one is not selected", room + "call.go", "	c.open = len(chosen)\n", "	if n := len(chosen); n > 1 {\n		chosen = chosen[:n-1]\n		c.slots, c.account.Entries, c.account.Summary.Selected = c.slots[:n-1], c.account.Entries[:n-1], uint32(n-1)\n	}\n	c.open = len(chosen)\n"}},
		{"I2", defect{"one is told twice", room + "call.go", "	c.open = len(chosen)\n", "	c.open = len(chosen)\n	if c.open > 1 {\n		c.account.Entries[1].Member = c.account.Entries[0].Member\n	}\n"}},
		{"I3", defect{"somebody is told who is not there", room + "call.go", "	c.open = len(chosen)\n", "	c.open = len(chosen)\n	if c.open > 0 {\n		c.account.Entries[0].Member += 1000\n	}\n"}},
		{"I4", defect{"a timeout before the deadline", room + "deadline.go", "r.due[0].deadline <= r.now", "r.due[0].deadline <= r.now+100*1000*1000"}},
		{"I4", defect{"a deadline seconds late", room + "deadline.go", "r.due[0].deadline <= r.now", "r.due[0].deadline+20*1000*1000*1000 <= r.now"}},
		{"I5", defect{"the account comes twice", broker + "account.go", "			if last {\n				b.home(s, p)\n", "			if last {\n				b.enqueue(s, queued{frame: append([]byte(nil), q.frame...)})\n				b.home(s, p)\n"}},
		{"I6", defect{"the newest goes first", broker + "queue.go", "	s.queue = append(s.queue, q)\n", "	if q.call != 0 {\n		s.queue = append([]queued{q}, s.queue...)\n	} else {\n		s.queue = append(s.queue, q)\n	}\n"}},
		{"I7", defect{"lost is ok", room + "settle.go", "r.settle(c, i, protocol.LostAfterSend)", "r.settle(c, i, protocol.OK)"}},
		{"I8", defect{"lost after send is not sent", room + "settle.go", "r.settle(c, i, protocol.LostAfterSend)", "r.settle(c, i, protocol.NotSent)"}},
		{"I8", defect{"the rooms are not told of what was sent", room + "settle.go", "c.slots[i].state = sent", "c.slots[i].state = queued"}},
		{"I9", defect{"a message comes twice", broker + "queue.go", "	s.queue = append(s.queue, q)\n", "	s.queue = append(s.queue, q)\n	if q.call != 0 {\n		s.queue = append(s.queue, q)\n	}\n"}},
		{"I10", defect{"the last one is not waited for", room + "call.go", "return c.open == 0 ||", "return c.open <= 1 ||"}},
		{"I11", defect{"queues have no bound", broker + "share.go", "	if waits+more > b.options.QueueBytes {\n", "	if false {\n"}},
		{"I12", defect{"what is accepted is not counted", room + "call.go", "	counts.Accepted++\n", ""}},
		{"I12", defect{"outcomes are not counted", room + "settle.go", "	r.stats.Outcomes[o]++\n", ""}},
		{"I13", defect{"a session that ended stays", broker + "handler.go", "	b.byID.Delete(s.key())\n", ""}},
		{"I14", defect{"a loss makes no view", room + "join.go", "	r.nextView(in)\n	r.show(in, protocol.ViewChunk{Gone", "	r.show(in, protocol.ViewChunk{Gone"}},
		{"I14", defect{"a member has the id of another", room + "join.go", "	r.lastSerial++\n", ""}},
		{"I12", defect{"a second reply is told that nobody sent", room + "call.go", "	c.open = len(chosen)\n", "	c.open = len(chosen)\n	c.account.Summary.Duplicate++\n"}},
		{"I12", defect{"a late reply is told that nobody sent", room + "call.go", "	c.open = len(chosen)\n", "	c.open = len(chosen)\n	c.account.Summary.Late++\n"}},
		{"I14", defect{"the lost are not told as absent", room + "absent.go", "		if !whom.fits(a.member) {\n", "		if true {\n"}},
		{"I16", defect{"replies lie over one another", room + "block.go", "	at := len(c.arena)\n", "	at := 0\n"}},
		{"I17", defect{"a call outlives its caller", room + "session.go", "			r.finish(q.call)\n		}\n	}\n	slots", "			_ = q\n		}\n	}\n	slots"}},
		{"I17", defect{"a lost caller is not counted", room + "settle.go", "			counts.Abandoned++\n", ""}},
	}
}

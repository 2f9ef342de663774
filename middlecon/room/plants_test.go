//go:build planted

package room

import "slices"

// plants are the mistakes that the simulation must find.
func plants() []planted {
	return slices.Concat(creditPlants(), accountPlants(), partPlants(), waitPlants(), orderPlants(), memberPlants(), offerPlants(), keepPlants(), toldPlants(), goingPlants())
}

// accountPlants make an account wrong.
func accountPlants() []planted {
	return []planted{
		{"an abandoned account is not told", "settle.go", "			r.emit(Abandoned{&c.account})\n", ""},
		{"a lost member is forgotten", "session.go", "r.settleLost(p.call, p.index)", "_ = p"},
		{"a late reply changes the outcome", "reply.go", "if s.state == settled {", "if s.state == settled && s.replied {"},
		{"a duplicate is late", "reply.go", "case s.replied:", "case s.replied && false:"},
		{"a duplicate part counts", "reply.go", "	case e.More:\n	case", "	case"},
		{"not_sent after a byte was sent", "settle.go", "c.slots[i].state = sent", "c.slots[i].state = queued"},
		{"lost after send is not_sent", "settle.go", "r.settle(c, i, protocol.LostAfterSend)", "r.settle(c, i, protocol.NotSent)"},
		{"overflow after it was sent", "settle.go", "c.slots[i].state == queued && !e.Bind", "c.slots[i].state != settled && !e.Bind"},
		{"a receipt from another room", "settle.go", "ok && c.room.number == e.Room &&", "ok &&"},
		{"a receipt takes a reply back", "settle.go", "c.slots[i].state < received", "true"},
		{"a reply from another room", "reply.go", "!ok || c.room.number != e.Room ||", "!ok ||"},
		{"a member that says timeout", "reply.go", " || !e.Outcome.FromMember() {", " {"},
		{"half a reply stays in a timeout", "settle.go", "		r.unkeep(c, i)\n", ""},
		{"an answer of two minds", "reply.go", "if s.reply != e.Outcome {", "if false {"},
		{"a reply reaches into the next", "block.go", "c.arena[at:len(c.arena):len(c.arena)]", "c.arena[at:len(c.arena)]"},
		{"a block reaches into the next reply", "block.go", "block-len(e.Reply)", "block+1-len(e.Reply)"},
		{"a long reply says one thing twice", "block.go", "block = rest[i-1]", "block = rest[0]"},
		{"the end of a long reply stays", "block.go", "	delete(c.account.rest, entry)\n", ""},
		{"a long reply is as long as its blocks", "block.go", "len(rest)*first + len(rest[len(rest)-1])", "(len(rest)+1)*first"},
		{"one byte too many", "reply.go", "have+part > r.limits.ReplyBytes", "have+part > r.limits.ReplyBytes+1"},
		{"the call's bytes are not bounded", "reply.go", "c.bytes+part > r.limits.AccountBytes", "false"},
		{"bytes of finished calls are still held", "settle.go", "	r.held -= c.bytes\n", ""},
		{"labels do not select", "target.go", "hasLabels(m.labels, t.labels) && ", ""},
		{"an id selects everyone", "target.go", "(t.member == 0 || t.member == m.id) && ", ""},
		{"one is anyone of that name", "target.go", "if m := in.find(t); m != nil && t.fits(m) {\n			chosen", "if m := in.find(t); m != nil {\n			chosen"},
		{"a hole ends the search", "target.go", "case at == high || in.members[at].id > id:\n			high = middle", "case at == high || in.members[at].id > id:\n			high = low"},
		{"the lost are not known", "target.go", "return t.fits(a.member) }) {", "return false }) {"},
		{"met by one less", "call.go", "c.ok >= c.needed", "c.ok+1 >= c.needed"},
		{"a rule of nobody waits for nobody", "call.go", "(c.needed > 0 && c.met())", "c.met()"},
		{"the rule does not end a call", "call.go", "return c.open == 0 || (c.needed > 0", "return c.open == 0 || (false"},
		{"the absent are not told", "call.go", "c.account.Absent = r.listAbsent(in, &c.whom)", ""},
	}
}

// waitPlants make a call wait too long, too short or for the wrong ones.
func waitPlants() []planted {
	return []planted{
		{"a call waits for one more", "wait.go", "return r.present(&whom) < int(e.Body.Wait)", "return r.present(&whom) <= int(e.Body.Wait)"},
		{"a call waits for anybody", "wait.go", "		if c.whom.fits(m) {\n			c.waiting.present++", "		if true {\n			c.waiting.present++"},
		{"who is gone is waited with", "wait.go", "c.waiting.present--", "_ = c"},
		{"waiting goes on without a caller", "settle.go", "	if c.waiting != nil {\n		r.giveUp(c)\n		return\n	}\n", ""},
		{"waiting messages are not counted", "wait.go", "	r.held += len(e.Payload)\n", ""},
		{"waiting is not bounded", "wait.go", "r.held+len(e.Payload) > r.limits.HeldBytes", "false"},
		{"a call that gave up is met", "call.go", "c.waiting == nil && c.ok", "c.ok"},
		{"a message of another time", "wait.go", "bytes.Clone(e.Payload)", "bytes.Clone(e.Payload[:len(e.Payload)/2])"},
		{"waited calls have the deadline of their caller", "call.go", "c.deadline = r.now + c.budget", "c.deadline = c.accepted + c.budget"},
		{"a room that is waited for is dropped", "room.go", " && len(in.waiting) == 0", ""},
		{"any label counts", "call.go", "c.rule.Counts(m.labels)", "true"},
		{"all are needed where a label is", "call.go", "c.rule.Needed(counting)", "c.rule.Needed(len(chosen))"},
		{"a message has no place in the order", "publish.go", "		r.lastCall++\n", ""},
		{"a message to all is for one", "publish.go", "name: e.Body.To, labels", "name: \"m1\", labels"},
		{"a state does not select", "target.go", " && hasLabels(m.state, t.state)", ""},
		{"a state is waited for twice", "state.go", "	m.departed() // those that wait forget it as it was\n", ""},
		{"a state has no version", "state.go", "	m.version++\n", ""},
		{"nobody waits for a state", "state.go", "	r.arrived(m)\n", ""},
		{"one is forgotten too many", "absent.go", "r.forget(in.absent[at])", "r.forget(in.absent[(at+1)%len(in.absent)])"},
	}
}

// orderPlants make something happen too early, too late, twice or never.
func orderPlants() []planted {
	return []planted{
		{"a deadline a nanosecond late", "deadline.go", "r.due[0].deadline <= r.now", "r.due[0].deadline < r.now"},
		{"a deadline while the owner is behind", "rooms.go", "	if !r.behind {\n", "	{\n"},
		{"the owner is behind for ever", "rooms.go", "		r.behind = false\n", ""},
		{"a deadline a nanosecond early", "deadline.go", "r.due[0].deadline <= r.now", "r.due[0].deadline <= r.now+1"},
		{"a clock that goes back", "rooms.go", "r.now = max(r.now, now)", "r.now = now"},
		{"the deadline overtakes the transport", "rooms.go", "		r.sent(e)\n		return r.effects\n", "		r.sent(e)\n"},
		{"a heap that does not sink", "deadline.go", "		d.down(at)\n", ""},
		{"a heap that does not rise", "deadline.go", "	d.up(c.turn)\n", ""},
		{"a lost caller's call goes on", "session.go", "			r.finish(q.call)\n		}\n	}\n	slots", "			_ = q\n		}\n	}\n	slots"},
		{"an account for a lost caller", "settle.go", "if c.caller.lost {", "if false {"},
		{"a withdrawal to a lost member", "settle.go", "if !s.session.lost {", "if true {"},
		{"one member is not told to stop", "settle.go", "if len(from) > 0 {", "if len(from) > 1 {"},
		{"who leaves a room leaves all calls", "settle.go", "p.call.room == in && p.call", "p.call"},
		{"a sequence is in use for ever", "settle.go", "		c.caller.dropCall(c)\n", ""},
		{"finished calls keep their slots", "settle.go", "		c.slots[i].session.dropSlot(c.id)\n", "		_ = i\n"},
		{"a refused call is not counted", "call.go", "		counts.Refused++\n", ""},
		{"a call in flight is counted as finished", "call.go", "	counts.Accepted++\n", "	counts.Accepted++\n	counts.Finished++\n"},
	}
}

// memberPlants make a view wrong.
func memberPlants() []planted {
	return []planted{
		{"a loss makes no view", "join.go", "	r.nextView(in)\n	r.show(in, protocol.ViewChunk{Gone", "	r.show(in, protocol.ViewChunk{Gone"},
		{"the first watcher alone is told", "view.go", "range in.watches {\n", "range in.watches[:min(1, len(in.watches))] {\n"},
		{"a cancelled watch goes on", "session.go", "	r.unwatch(s.requests[i].watch)\n", ""},
		{"a name twice", "join.go", "before != nil && !before.yields(e.Peer.Principal)", "before != nil && false"},
		{"twice in a room", "join.go", "s != nil && s.member(in) != nil", "false"},
		{"a member too many", "join.go", "in.size >= r.limits.Members", "in.size > r.limits.Members"},
		{"who left is a member still", "join.go", "	in.take(m)\n", "	in.size--\n"},
		{"holes are closed wrongly", "room.go", "			m.index = int32(len(packed))\n", ""},
		{"who is back is absent still", "join.go", "	r.recall(in, m.name)\n", ""},
		{"who is expelled is a member still", "join.go", "		r.part(m, Expelled(e), e.Err.Error())\n", "		r.emit(Expelled(e))\n\t\t_ = m\n"},
		{"who is expelled is not told", "join.go", "r.part(m, Expelled(e), e.Err.Error())", "r.part(m, Stated{}, e.Err.Error())"},
		{"another caller is vouched for", "event.go", "Principal: string(p.Principal), Roles", "Roles"},
		{"who left is absent", "join.go", "if why == protocol.ReasonLost {", "if true {"},
		{"one absent too many", "absent.go", "len(in.absent) > r.limits.Absent", "len(in.absent) > r.limits.Absent+1"},
		{"the last lost makes way", "absent.go", "r.limits.Absent {\n\t\tr.forget(in.lost.oldest)", "r.limits.Absent {\n\t\tr.forget(in.lost.newest)"},
		{"forgotten too early", "absent.go", "a.at+r.limits.AbsentFor <= r.now", "a.at+r.limits.AbsentFor <= r.now+1"},
		{"a watched room is dropped", "room.go", "len(in.watches) == 0 && ", ""},
		{"a room of the lost is dropped", "room.go", " && len(in.absent) == 0", ""},
		{"an unused room stays", "join.go", "	r.dropIfUnused(in)\n", ""},
		{"a room of the forgotten stays", "absent.go", "	r.dropIfUnused(a.member.room)\n", ""},
		{"too many absent in all", "absent.go", "r.stats.Absent > r.limits.AbsentAll", "r.stats.Absent > r.limits.AbsentAll+1"},
		{"members may show more than there is memory for", "weight.go", "r.shown+more > r.limits.MemberBytes", "r.shown+more > r.limits.MemberBytes+1"},
		{"who is gone weighs still", "join.go", "	r.shown -= int(m.weight)\n", ""},
		{"a new state weighs as the old one", "state.go", "	r.shown += more\n	m.weight += int32(more)\n", ""},
		{"the lost weigh nothing", "absent.go", "r.lost.bytes > r.limits.AbsentBytes", "false"},
		{"the forgotten weigh still", "absent.go", "	r.lost.bytes -= int(in.absent[at].member.weight)\n", ""},
		{"views of a name start again", "room.go", "		r.lastView = max(r.lastView, in.view)\n", ""},
		{"a member's id is given again", "join.go", "	r.lastSerial++\n", ""},
	}
}

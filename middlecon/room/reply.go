package room

import (
	"strings"
	"unicode/utf8"

	"ddcos/protocol"
)

// Replies up to arenaPart bytes share arenas of at most arenaSize: one
// allocation for many.
const (
	arenaPart = 1 << 10
	arenaSize = 64 << 10
)

// reply takes one part of a reply, and with the last settles its member. Only
// the session that a slot is of can settle it.
func (r *Rooms) reply(e Reply) {
	c, i, ok := r.slotOf(e.Session, e.Call)
	if !ok || c.room.number != e.Room || !e.Outcome.FromMember() {
		r.stray(e)
		return
	}
	s, entry := &c.slots[i], &c.account.Entries[i]
	if e.Outcome != protocol.Refused && !c.begun(i) {
		r.unbound(e)
		return
	}
	if s.state == settled {
		c.again(s, e, &r.stats)
		return
	}
	if s.state == bids {
		r.takeBack(c, i)
	}
	r.answers++
	s.state = received
	if s.reply != e.Outcome { // it changed its mind: what came before does not count
		if c.streams(i) && s.reply != protocol.Pending && e.Outcome == protocol.OK {
			r.breakOff(c, i, e, "its reply went on after an error")
			return
		}
		s.reply = e.Outcome
		r.unkeep(c, i)
	}
	part, have := e.Part, c.account.ReplyBytes(i)
	if e.Outcome != protocol.OK {
		part = part[:min(len(part), protocol.MaxErrorText-have)]
	} else if err := r.tooLarge(c, have, len(part)); err != nil {
		r.breakOff(c, i, e, err.Error())
		return
	}
	c.keep(i, part, r.limits.BlockBytes)
	c.bytes += len(part)
	r.held += len(part)
	if e.More {
		if c.streams(i) && e.Outcome == protocol.OK {
			c.untold += len(part)
			r.progress(c)
		}
		return
	}
	if e.Outcome != protocol.OK {
		entry.Error = errorText(c.account.Reply(i, 0, have+len(part), nil))
	}
	s.replied = true
	r.settle(c, i, e.Outcome)
	r.conclude(c)
}

// breakOff settles a member whose reply cannot be taken.
func (r *Rooms) breakOff(c *call, i int, e Reply, why string) {
	c.account.Entries[i].Error = why
	r.emit(Withdraw{From: []SessionID{e.Session}, Call: c.id, Room: e.Room})
	r.settle(c, i, protocol.AppError)
	r.conclude(c)
}

// stray counts a reply that no open slot waits for. One to a call that is
// over is late, whoever sends it: finished calls are not kept to tell more.
func (r *Rooms) stray(e Reply) {
	if e.More {
		return
	}
	if r.calls[e.Call] == nil && e.Call > 0 && e.Call <= r.lastCall {
		r.stats.Late++
	} else {
		r.stats.Unknown++
	}
}

// again counts a whole reply of a member that is settled.
func (c *call) again(s *slot, e Reply, stats *Stats) {
	switch {
	case e.More:
	case s.replied:
		c.account.Summary.Duplicate++
		stats.Duplicate++
	default:
		c.account.Summary.Late++
		stats.Late++
	}
}

// tooLarge refuses a part that goes beyond what one member, one call or all may hold.
func (r *Rooms) tooLarge(c *call, have, part int) error {
	switch {
	case have+part > r.limits.ReplyBytes:
		return protocol.Errorf(protocol.CodeReplyTooLarge, "more than the %d bytes of one member", r.limits.ReplyBytes)
	case c.bytes+part > r.limits.AccountBytes:
		return protocol.Errorf(protocol.CodeReplyTooLarge, "more than the %d bytes of one call", r.limits.AccountBytes)
	case r.held+part > r.limits.HeldBytes:
		return protocol.Errorf(protocol.CodeReplyTooLarge, "more than the %d bytes of all calls in flight", r.limits.HeldBytes)
	}
	return nil
}

// errorText is a member's text as UTF-8 of at most MaxErrorText bytes.
func errorText(b []byte) string {
	text := strings.ToValidUTF8(string(b), "\uFFFD")
	if len(text) <= protocol.MaxErrorText {
		return text
	}
	end := protocol.MaxErrorText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

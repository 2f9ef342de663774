package room

import (
	"time"

	"ddcos/protocol"
)

// Delivery is a call on its way to its members. It is valid until its account is
// released.
type Delivery struct {
	To      []SessionID // in the order of the view
	Call    CallID
	Room    uint32
	Budget  time.Duration
	Body    protocol.Deliver
	Payload []byte
	Offer   bool // it goes as an Offered
}

// Account is one entry for each selected member, in the order of the view, and
// the counts. It is a call's from its acceptance on, and only what Order names of
// it is final; when it is Finished, all is.
type Account struct {
	Session  SessionID // whose call it is
	Sequence uint64
	Summary  protocol.Summary
	Entries  []protocol.Entry // More false; a Reply that is longer than a block goes on, see Reply
	Order    []uint32         // of Entries, those that are settled, in the order in which they were
	Absent   []protocol.Absent
	Caller   Peer // who asked
	Offer    bool // it is of one
	One      bool // it is of a call that named its only member
	Streamed bool // it was told by a Settled

	call *call
	rest map[int][][]byte // of long replies, by entry, what is behind the first block
}

// A call with all that belongs to it is used again when its account is
// released. So many are kept at most, with so many slots and such arenas.
const (
	spareCalls = 256
	spareSlots = 16384
	spareArena = 16 << 10
)

// newCall makes a call, or finds one that is over.
func (r *Rooms) newCall() *call {
	n := len(r.spare) - 1
	if n < 0 {
		return &call{}
	}
	c := r.spare[n]
	r.spare[n] = nil
	r.spare = r.spare[:n]
	r.spareSlots -= cap(c.slots)
	return c
}

// Release gives an account back that was Finished, when all of it has gone home
// or nobody waits for it any more. It is of no use to the owner afterwards.
func (r *Rooms) Release(a *Account) {
	if s := r.sessions.Get(a.Session); s != nil {
		s.home--
	}
	c := a.call
	if len(r.spare) == spareCalls || r.spareSlots+cap(c.slots) > spareSlots {
		return
	}
	if cap(c.arena) > spareArena {
		c.arena = nil
	}
	clear(c.slots)
	clear(a.Entries)
	*c = call{
		slots: c.slots[:0], arena: c.arena[:0],
		account:  Account{Entries: a.Entries[:0], Order: a.Order[:0]},
		delivery: Delivery{To: c.delivery.To[:0]},
	}
	r.spare = append(r.spare, c)
	r.spareSlots += cap(c.slots)
}

// CallerName is the name under which the caller of an account is in its room;
// empty where it is not.
func (r *Rooms) CallerName(a *Account) string {
	s := a.call.caller
	if s == nil {
		s = r.sessions.Get(a.Session)
	}
	if s == nil || a.call.room == nil {
		return ""
	}
	if m := s.member(a.call.room); m != nil {
		return m.name
	}
	return ""
}

// final notes an entry that will not change any more.
func (c *call) final(i int) {
	c.account.Order = append(c.account.Order, uint32(i))
	e := &c.account.Entries[i]
	c.untold += e.Size() - len(e.Reply) + c.account.ReplyBytes(i)
}

// progress tells what is final of a call that goes on, where its caller wants to
// know each or it is much. A caller that is lost in this step hears of nothing.
func (r *Rooms) progress(c *call) {
	if c.caller.lost || c.untold == 0 || !c.partial && c.untold < r.limits.PartBytes {
		return
	}
	c.untold = 0
	c.account.Streamed = true
	r.emit(Settled{&c.account})
}

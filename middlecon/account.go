package middlecon

import (
	"cmp"
	"slices"
	"time"

	"ddcos/protocol"
)

// Account is the outcome of every selected member, exactly one each.
type Account struct {
	Room      string
	View      uint64
	ViewSize  int
	Selected  int
	Rule      protocol.Rule
	Met       bool
	Elapsed   time.Duration // from when the view was fixed
	Waited    time.Duration // for members, before that
	Outcomes  []Outcome     // in the view's order, which is that of the members' ids
	Absent    []Absent      // lost before the call and not back: outside of the counts
	Late      int           // replies after their member was settled
	Duplicate int

	Bound protocol.MemberID // of an offer: who was bound; 0: nobody
	Bids  int               // of an offer: members that had bid when one was bound, or it ended
	Void  int               // bytes of the bound member's reply that came before it was lost or failed: none of them counts

	replies int  // bytes so far
	more    bool // the last outcome's reply goes on in the next entry
	coming  coming
}

// coming is the bound member's reply to an offer that asked for it as it is made.
type coming struct {
	asked  bool
	member protocol.MemberID // whose parts have come; 0: none has
	bytes  []byte            // of the parts, and then of the whole reply
	ended  bool              // its outcome has come
}

// Outcome is what became of one member.
type Outcome struct {
	Member  protocol.MemberID
	Name    string
	Host    string
	PID     int
	Outcome protocol.Outcome
	Latency time.Duration // from when the view was fixed
	Reply   []byte        // with OK
	Error   string        // with AppError and Refused
}

// Absent is a member that the room remembers as lost.
type Absent struct {
	Member protocol.MemberID
	Name   string
	Host   string
	PID    int
	Ago    time.Duration
	Reason string
}

// Counts are how many members had each outcome; those that none had are left out.
func (a *Account) Counts() map[protocol.Outcome]int {
	counts := map[protocol.Outcome]int{}
	for i := range a.Outcomes {
		counts[a.Outcomes[i].Outcome]++
	}
	return counts
}

// add takes one chunk; whole tells that it was the last.
func (a *Account) add(f protocol.Frame) (whole bool, err error) {
	chunk, err := protocol.ReadAccount(f.Meta, a.entry)
	if err != nil {
		return false, err
	}
	for _, gone := range chunk.Absent {
		a.Absent = append(a.Absent, absent(gone))
	}
	if f.Flags&protocol.FlagMore != 0 {
		return false, nil
	}
	s := chunk.Summary
	if s == nil || a.more || a.coming.member != 0 && !a.coming.ended || int(s.Selected) != len(a.Outcomes) {
		return false, protocol.Errorf(protocol.CodeMalformed, "an account that does not add up")
	}
	a.Room, a.View, a.ViewSize, a.Selected = s.Room, s.View, int(s.ViewSize), int(s.Selected)
	a.Rule, a.Met = s.When(), s.Met
	a.Elapsed = time.Duration(s.ElapsedUS) * time.Microsecond
	a.Waited = time.Duration(s.WaitedUS) * time.Microsecond
	a.Late, a.Duplicate = int(s.Late), int(s.Duplicate)
	a.Bound, a.Bids = s.Bound, int(s.Bids)
	return true, nil
}

// entry takes one member's outcome, or goes on with the reply of the one before.
func (a *Account) entry(e *protocol.Entry) error {
	if a.replies += len(e.Reply); a.replies > protocol.MaxAccount {
		return protocol.Errorf(protocol.CodeReplyTooLarge, "an account of over %d bytes", protocol.MaxAccount)
	}
	if e.Outcome == protocol.Pending {
		return a.part(e)
	}
	goesOn := a.more
	a.more = e.More
	if goesOn {
		last := &a.Outcomes[len(a.Outcomes)-1]
		if last.Member != e.Member {
			return protocol.Errorf(protocol.CodeMalformed, "the reply of %v breaks off", last.Member)
		}
		last.Reply = append(last.Reply, e.Reply...)
		a.coming.grows(last)
		return nil
	}
	if len(a.Outcomes) == maxMembers {
		return protocol.Errorf(protocol.CodeMalformed, "an account of over %d members", maxMembers)
	}
	a.Outcomes = append(a.Outcomes, Outcome{
		Member: e.Member, Name: e.Name, Host: e.Host, PID: int(e.PID), Outcome: e.Outcome,
		Latency: time.Duration(e.LatencyUS) * time.Microsecond, Reply: e.Reply, Error: e.Error,
	})
	if a.coming.asked {
		a.ends(&a.Outcomes[len(a.Outcomes)-1])
	}
	return nil
}

// part takes a part of the reply of a member that is not settled.
func (a *Account) part(e *protocol.Entry) error {
	c := &a.coming
	if !c.asked || a.more || !e.More || c.ended || c.member != 0 && c.member != e.Member {
		return protocol.Errorf(protocol.CodeMalformed, "a part of a reply of %v that cannot come now", e.Member)
	}
	c.member = e.Member
	c.bytes = append(c.bytes, e.Reply...)
	return nil
}

// ends joins the parts that came with what is left of an ok, and takes back those of
// any other outcome.
func (a *Account) ends(o *Outcome) {
	c := &a.coming
	switch {
	case c.member != 0 && c.member != o.Member || c.member == 0 && o.Outcome != protocol.OK:
		return
	case o.Outcome == protocol.OK:
		o.Reply = append(c.bytes, o.Reply...)
		c.member, c.bytes = o.Member, o.Reply
	default:
		a.Void = len(c.bytes)
	}
	c.ended = true
}

// grows keeps up with a reply that goes on after its outcome has come.
func (c *coming) grows(o *Outcome) {
	if c.ended && c.member == o.Member {
		c.bytes = o.Reply
	}
}

// settled are the outcomes that are whole.
func (a *Account) settled() []Outcome {
	n := len(a.Outcomes)
	if a.more {
		n--
	}
	return a.Outcomes[:n:n]
}

// order brings the outcomes, which come as they were settled, into the view's order.
func (a *Account) order() error {
	byMember := func(a, b Outcome) int { return cmp.Compare(a.Member, b.Member) }
	if !slices.IsSortedFunc(a.Outcomes, byMember) {
		slices.SortFunc(a.Outcomes, byMember)
	}
	for i := 1; i < len(a.Outcomes); i++ {
		if a.Outcomes[i].Member == a.Outcomes[i-1].Member {
			return protocol.Errorf(protocol.CodeMalformed, "an account with %v twice", a.Outcomes[i].Member)
		}
	}
	return nil
}

func absent(a protocol.Absent) Absent {
	return Absent{
		Member: a.ID, Name: a.Name, Host: a.Host, PID: int(a.PID),
		Ago: time.Duration(a.AgoMS) * time.Millisecond, Reason: a.Reason,
	}
}

package room

import (
	"fmt"
	"slices"
	"strings"

	"ddcos/protocol"
)

// unread is an account that was sent home and not released.
type unread struct {
	account *Account
	said    string // as it was when it was sent
}

// stays wants an account that was sent home to be as it was then.
func (m *model) stays(u unread) {
	if now := describeAccount(u.account); now != u.said {
		m.fail("unique and final", "the account %q became %q", u.said, now)
	}
}

// partly checks what a caller is told of a call that goes on.
func (m *model) partly(e Settled, over map[CallID]bool) {
	// One that ends later in this step is in flight here still.
	calls := slices.Concat(m.calls, m.want.finished[fmt.Sprintf("%d %d", e.Session, e.Sequence)], m.want.abandoned)
	i := slices.IndexFunc(calls, func(c *modelCall) bool {
		return !c.waiting && c.caller == e.Session && c.sequence == e.Sequence && !over[c.id]
	})
	if i < 0 {
		m.fail("unique and final", "%s of no call in flight", describe(e))
		return
	}
	c := calls[i]
	told, came := len(c.order), c.came
	m.order(c, e.Account)
	m.came(c, e.Account)
	if told == len(c.order) && came == c.came && !slices.Contains(m.want.told, c) { // two of one step tell the same
		m.fail("told", "call %d: nothing new is told", c.id)
	}
	c.streamed, m.want.told = true, append(m.want.told, c)
}

// came takes what a caller was told of a reply that comes: it is what its member said,
// all of it, and goes on where it was.
func (m *model) came(c *modelCall, a *Account) {
	i, coming := a.Coming()
	if !coming {
		return
	}
	s, told := c.slots[i], replyOf(a, i)
	if !s.streams() || s.outcome != 0 || s.said != protocol.OK || told != string(s.parts) || !strings.HasPrefix(told, c.came) {
		m.fail("told", "call %d: %q comes of %s, after %q; it has said %q", c.id, told, s.name, c.came, s.parts)
	}
	c.came = told
}

// order wants what a caller was told to stay, and what is new to be settled as
// the account says, each once.
func (m *model) order(c *modelCall, a *Account) {
	told := len(c.order)
	if len(a.Order) < told || !slices.Equal(a.Order[:told], c.order) || len(a.Order) > len(c.slots) {
		m.fail("unique and final", "call %d: %v, and its caller was told %v", c.id, a.Order, c.order)
		return
	}
	for _, i := range a.Order[told:] {
		if int(i) >= len(c.slots) || slices.Contains(c.order, i) {
			m.fail("unique and final", "call %d: order %v", c.id, a.Order)
			return
		}
		c.order = append(c.order, i)
		if s := c.slots[i]; s.streams() && s.outcome == protocol.OK && !strings.HasPrefix(string(s.parts), c.came) {
			m.fail("unique and final", "call %d: %q came, and the reply is %q", c.id, c.came, s.parts)
		} else if s.streams() && s.outcome != protocol.OK && c.came != "" {
			m.voids++
		}
		m.entry(c.slots[i], a, int(i))
	}
}

// checkTold wants a caller that asked for it to know of each member that is
// settled, and any caller to know of many.
func (m *model) checkTold() {
	for _, c := range m.calls {
		settled, bytes := 0, 0
		for i, s := range c.slots {
			if s.streams() && s.outcome == 0 && s.said == protocol.OK && string(s.parts) != c.came {
				m.fail("told", "call %d: %s has said %q, and its caller knows of %q", c.id, s.name, s.parts, c.came)
			}
			if s.outcome == 0 {
				continue
			}
			settled++
			if !slices.Contains(c.order, uint32(i)) {
				bytes += s.told()
			}
		}
		if c.asked.Body.Partial && settled != len(c.order) || bytes >= m.limits.PartBytes {
			m.fail("told", "call %d: %d are settled, and its caller knows of %d", c.id, settled, len(c.order))
		}
		if !c.asked.Body.Partial && len(c.order) == 1 && c.slots[c.order[0]].told() < m.limits.PartBytes {
			m.fail("told", "call %d: its caller was told of one alone, and did not ask", c.id)
		}
	}
}

// told is the size of a member's entry, which may be much by itself.
func (s *modelSlot) told() int {
	e := protocol.Entry{Name: s.name, Host: s.peer.Host, Error: s.text, Reply: s.parts}
	return e.Size()
}

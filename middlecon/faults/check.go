package faults

import (
	"bytes"
	"fmt"

	"ddcos/protocol"
)

// Check finds the lies of a history. None is what a run must end with.
func Check(h *History) []Finding {
	c := &checker{h: h, wrote: map[wrote][]Line{}, views: map[viewKey]map[protocol.MemberID]string{}, lost: map[viewKey]map[protocol.MemberID]string{}}
	for _, l := range h.Lines {
		at := wrote{l.Key, l.Member}
		c.wrote[at] = append(c.wrote[at], l)
	}
	c.viewsAddUp()
	for i := range h.Calls {
		c.call(&h.Calls[i])
	}
	c.journal()
	c.order()
	c.counts()
	c.quiet()
	return c.findings
}

type checker struct {
	h        *History
	wrote    map[wrote][]Line
	views    map[viewKey]map[protocol.MemberID]string
	lost     map[viewKey]map[protocol.MemberID]string // and not back
	findings []Finding
}

// wrote is where a member's lines of one call are.
type wrote struct {
	key    Key
	member string
}

type viewKey struct {
	era    int
	room   string
	number uint64
}

func (c *checker) find(invariant, format string, args ...any) {
	c.findings = append(c.findings, Finding{invariant, fmt.Sprintf(format, args...)})
}

// call holds one call's end to I1 to I5, and its entries to I7, I8, I10 and I16.
func (c *checker) call(call *Call) {
	switch {
	case call.Orphan:
		return
	case call.End == 0 || (call.Err == nil && len(call.Accounts) == 0):
		c.find("I1", "%v has no end: no account and no error", call.Key)
		return
	case call.Err != nil && len(call.Accounts) > 0:
		c.find("I5", "%v ended with an account and with the error %v", call.Key, call.Err)
	case len(call.Accounts) > 1:
		c.find("I5", "%v has %d accounts", call.Key, len(call.Accounts))
	}
	if took := call.End - call.Begin; took > call.Deadline+c.h.Margin {
		c.find("I4", "%v ended %v after it began: its deadline was %v and the margin %v", call.Key, took, call.Deadline, c.h.Margin)
	}
	for i := range call.Accounts {
		c.account(call, &call.Accounts[i])
		c.aside(call, &call.Accounts[i])
	}
}

func (c *checker) account(call *Call, a *Account) {
	if len(a.Entries) != a.Selected {
		c.find("I1", "%v selected %d and tells of %d", call.Key, a.Selected, len(a.Entries))
	}
	told := map[protocol.MemberID]bool{}
	in, known := c.views[viewKey{call.Era, call.Room, a.View}]
	for i := range a.Entries {
		e := &a.Entries[i]
		if told[e.Member] {
			c.find("I2", "%v tells of %s (%v) twice", call.Key, e.Name, e.Member)
		}
		told[e.Member] = true
		if name, member := in[e.Member]; known && (!member || name != e.Name) {
			c.find("I3", "%v tells of %s (%v), which view %d does not have", call.Key, e.Name, e.Member, a.View)
		}
		c.entry(call, a.Met, e)
	}
	if known && a.ViewSize != len(in) {
		c.find("I14", "%v: view %d has %d members, the account says %d", call.Key, a.View, len(in), a.ViewSize)
	}
	if call.Subset {
		return
	}
	if a.Selected != a.ViewSize {
		c.find("I1", "%v selected %d of a view of %d", call.Key, a.Selected, a.ViewSize)
	}
	for id, name := range in {
		if !told[id] {
			c.find("I1", "%v does not tell of %s (%v), which is in view %d", call.Key, name, id, a.View)
		}
	}
}

// entry holds one member's outcome to what the member wrote.
func (c *checker) entry(call *Call, met bool, e *Entry) {
	lines := c.wrote[wrote{call.Key, e.Name}]
	cut := e.Outcome == protocol.Cancelled && call.Ruled && met
	if !c.h.Sick[e.Name] && !cut && !healthy(call, e, lines) {
		c.find("I10", "%v: %s is %v, and nothing was done to it", call.Key, e.Name, e.Outcome)
	}
	switch e.Outcome {
	case protocol.OK:
		if !has(lines, Effect, call.Digest) {
			c.find("I7", "%v: %s is ok, and wrote of no effect of it", call.Key, e.Name)
		}
		if want := Reply(e.Name, call.Key, call.Digest, 0); !bytes.HasPrefix(e.Reply, want) {
			c.find("I16", "%v: the reply of %s is %.60q", call.Key, e.Name, e.Reply)
		}
	case protocol.NotSent, protocol.Overflow:
		if len(lines) > 0 {
			c.find("I8", "%v: %s is %v, and wrote %s", call.Key, e.Name, e.Outcome, lines[0].Step)
		}
	case protocol.Refused:
		if has(lines, Effect, call.Digest) {
			c.find("I8", "%v: %s refused it, and wrote of its effect", call.Key, e.Name)
		}
	case protocol.Timeout, protocol.NoReceipt:
		if e.Latency < call.Deadline {
			c.find("I4", "%v: %s is %v after %v of %v", call.Key, e.Name, e.Outcome, e.Latency, call.Deadline)
		}
	case protocol.Pending, protocol.UnreachableBroker:
		c.find("I1", "%v: %s is %v", call.Key, e.Name, e.Outcome)
	}
}

// healthy tells whether an outcome is what the member itself made of the call.
func healthy(call *Call, e *Entry, lines []Line) bool {
	switch e.Outcome {
	case protocol.OK:
		return true
	case protocol.Refused:
		return has(lines, Refused, call.Digest)
	case protocol.AppError:
		return has(lines, Failed, call.Digest)
	}
	return false
}

func has(lines []Line, step Step, digest uint64) bool {
	for _, l := range lines {
		if l.Step == step && l.Digest == digest {
			return true
		}
	}
	return false
}

// journal holds what members wrote to what callers sent: I3 and I9.
func (c *checker) journal() {
	sent := map[Key]*Call{}
	for i := range c.h.Calls {
		sent[c.h.Calls[i].Key] = &c.h.Calls[i]
	}
	type once struct {
		key    Key
		member string
		step   Step
	}
	seen := map[once]bool{}
	for _, l := range c.h.Lines {
		switch call := sent[l.Key]; {
		case call == nil:
			c.find("I3", "%s wrote of %v, which nobody sent", l.Member, l.Key)
		case call.Digest != l.Digest:
			c.find("I7", "%s wrote of %v with another payload", l.Member, l.Key)
		}
		at := once{l.Key, l.Member, l.Step}
		if seen[at] {
			c.find("I9", "%s wrote %s of %v twice", l.Member, l.Step, l.Key)
		}
		seen[at] = true
	}
}

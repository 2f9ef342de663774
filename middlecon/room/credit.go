package room

import "ddcos/protocol"

// A call takes one of its session's credits until its account has gone home: a
// caller that does not read gets no more calls done, and what waits for it is
// bounded. Cancelling gives nothing back earlier.

// credit refuses a call of a session whose credits are all taken.
func (r *Rooms) credit(id SessionID) error {
	s := r.sessions.Get(id)
	if s == nil || s.calls+s.home < r.limits.SessionCalls {
		return nil
	}
	s.overdrawn++
	r.stats.Overdrawn++
	return protocol.Errorf(protocol.CodeTooManyCalls, "this session has %d in flight or on their way home, its most", s.calls+s.home)
}

// evict ends a session that asked again and again beyond its credits.
func (r *Rooms) evict(id SessionID) {
	if s := r.sessions.Get(id); s != nil && s.overdrawn > r.limits.Overdraws {
		r.emit(Evict{Session: id, Err: protocol.Errorf(protocol.CodeTooManyCalls, "%d calls in a row beyond the %d that this session may have", s.overdrawn, r.limits.SessionCalls)})
	}
}

// spacious refuses a call that could select more than all accounts may have entries for.
func (r *Rooms) spacious(whom *target) error {
	in := r.rooms[whom.room]
	if in == nil {
		return nil
	}
	n := in.size + len(in.absent)
	if whom.one() {
		n = min(n, 1)
	}
	if r.entries+n > r.limits.Entries {
		return protocol.Errorf(protocol.CodeTooManyCalls, "the calls in flight have selected %d members; %d are the most", r.entries, r.limits.Entries)
	}
	return nil
}

// take counts an account's entries, as long as its call is in flight.
func (r *Rooms) take(c *call) {
	c.entries = len(c.account.Entries) + len(c.account.Absent)
	r.entries += c.entries
}

// giveBack ends a call that has waited and finds no room for its account, which
// stays empty.
func (r *Rooms) giveBack(c *call, err error) {
	counts := r.stats.of(c.offer)
	counts.Finished++
	c.caller.dropCall(c)
	if c.offer != nil {
		r.offers--
	}
	if c.caller.lost {
		counts.Abandoned++
		r.emit(Abandoned{&c.account})
		return
	}
	r.emit(Failed{Session: c.session, Sequence: c.sequence, Err: asError(err), Account: &c.account})
}

package faults

import (
	"fmt"
	"maps"

	"ddcos/protocol"
)

// String names a call.
func (k Key) String() string { return fmt.Sprintf("%s/%d", k.Caller, k.Number) }

// viewsAddUp holds a watcher's views to I14 and keeps who is in each.
func (c *checker) viewsAddUp() {
	type watched struct {
		era  int
		room string
	}
	now := map[watched]map[protocol.MemberID]string{}
	lost := map[watched]map[protocol.MemberID]string{}
	last := map[watched]uint64{}
	was := map[protocol.MemberID]bool{} // everybody that ever joined
	told := map[viewKey]bool{}          // the views that accounts are of
	for i := range c.h.Calls {
		for _, a := range c.h.Calls[i].Accounts {
			told[viewKey{c.h.Calls[i].Era, c.h.Calls[i].Room, a.View}] = true
		}
	}
	for _, v := range c.h.Views {
		at := watched{v.Era, v.Room}
		if v.Full {
			now[at], lost[at] = map[protocol.MemberID]string{}, map[protocol.MemberID]string{}
		} else if v.Number != last[at]+1 && len(v.Joined)+len(v.Gone) > 0 {
			c.find("I14", "view %d of %s comes after view %d", v.Number, v.Room, last[at])
		}
		last[at] = v.Number
		in := now[at]
		if in == nil {
			c.find("I14", "the first view of %s, %d, is not a full one", v.Room, v.Number)
			return
		}
		for _, m := range v.Joined {
			if was[m.ID] && !v.Full {
				c.find("I14", "%s joined %s as %v, which was there before", m.Name, v.Room, m.ID)
			}
			was[m.ID] = true
			in[m.ID] = m.Name
		}
		v.losses(lost[at])
		for _, id := range v.Gone {
			if _, there := in[id]; !there {
				c.find("I14", "%v is gone from %s and was not there", id, v.Room)
			}
			delete(in, id)
		}
		if len(in) != v.Size {
			c.find("I14", "view %d of %s says %d members and has %d", v.Number, v.Room, v.Size, len(in))
		}
		if key := (viewKey{v.Era, v.Room, v.Number}); told[key] {
			c.views[key], c.lost[key] = maps.Clone(in), maps.Clone(lost[at])
		}
	}
}

// losses brings up to date who is lost and not back.
func (v *View) losses(lost map[protocol.MemberID]string) {
	for _, m := range v.Lost {
		lost[m.ID] = m.Name
	}
	for _, m := range v.Joined {
		maps.DeleteFunc(lost, func(_ protocol.MemberID, name string) bool { return name == m.Name })
	}
}

// counts holds the broker's counts to I11, I12 and I17, and to what its callers were told.
func (c *checker) counts() {
	before := map[int]protocol.Stats{}
	for _, sample := range c.h.Samples {
		s, was := sample.Stats, before[sample.Era]
		before[sample.Era] = s
		if s.Accepted != s.Finished+s.InFlight {
			c.find("I12", "accepted %d is not finished %d and in flight %d", s.Accepted, s.Finished, s.InFlight)
		}
		if s.Accepted < was.Accepted || s.Finished < was.Finished || s.Abandoned < was.Abandoned || s.Refused < was.Refused {
			c.find("I12", "a count went back: %+v after %+v", s, was)
		}
		if c.h.Queued > 0 && s.Queued > c.h.Queued {
			c.find("I11", "%d bytes wait in queues, %d may", s.Queued, c.h.Queued)
		}
		if c.h.Held > 0 && s.Held > c.h.Held {
			c.find("I11", "%d bytes of replies are held, %d may", s.Held, c.h.Held)
		}
		if sample.Last {
			c.sum(sample.Era, &s)
		}
	}
}

// sum compares the last sample of one life of the broker with all its calls.
func (c *checker) sum(era int, s *protocol.Stats) {
	var told, failed, orphans uint64
	outcomes := map[protocol.Outcome]uint64{}
	for i := range c.h.Calls {
		call := &c.h.Calls[i]
		switch {
		case call.Era != era:
		case call.Orphan:
			orphans++
		case call.Err != nil:
			failed++
		default:
			told++
			for _, a := range call.Accounts {
				for _, e := range a.Entries {
					outcomes[e.Outcome]++
				}
			}
		}
	}
	if s.InFlight > 0 {
		c.find("I17", "%d calls are still in flight when nothing is under way", s.InFlight)
	}
	if answered := s.Finished - s.Abandoned; answered < told || answered > told+failed {
		c.find("I12", "%d calls were answered, and callers tell of %d, and of %d that failed", answered, told, failed)
	}
	if s.Abandoned > orphans+failed {
		c.find("I17", "%d calls were abandoned; %d lost their caller and %d failed", s.Abandoned, orphans, failed)
	}
	if failed == 0 && s.Abandoned < orphans {
		c.find("I17", "%d callers were lost in a call, %d calls were abandoned", orphans, s.Abandoned)
	}
	for _, o := range protocol.Outcomes() {
		if s.Outcomes[o] < outcomes[o] || (failed+orphans == 0 && s.Outcomes[o] > outcomes[o]) {
			c.find("I12", "the broker counts %d %v, callers were told %d", s.Outcomes[o], o, outcomes[o])
		}
	}
}

// quiet holds what is left after the load to what was there before: I13.
func (c *checker) quiet() {
	for i := 1; i < len(c.h.Idle); i++ {
		base, now := c.h.Idle[0], c.h.Idle[i]
		if now.InFlight > 0 || now.Sessions > base.Sessions || now.Goroutines > base.Goroutines+idleSlack || now.Files > base.Files+idleSlack {
			c.find("I13", "%+v is left of the load, before it there were %+v", now, base)
		}
	}
}

// idleSlack is what a runtime may have begun for itself since the baseline was
// taken: threads' files, a collector's workers.
const idleSlack = 4

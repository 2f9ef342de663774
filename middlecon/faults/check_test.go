package faults

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/protocol"
)

// truth is a history without a lie: three members, of which the third was
// killed in the second call and rejoined, two callers, one of them killed.
func truth() *History {
	const ms = time.Millisecond
	h := &History{Margin: time.Second, Sick: map[string]bool{"c": true}, Queued: 1000, Held: 1000}
	h.Views = []View{
		{Room: "r", Number: 3, Size: 3, Full: true, Joined: []Named{{1, "a"}, {2, "b"}, {3, "c"}}},
		{Room: "r", Number: 4, Size: 2, Gone: []protocol.MemberID{3}, Lost: []Named{{3, "c"}}},
		{Room: "r", Number: 5, Size: 3, Joined: []Named{{4, "c"}}},
	}
	outcomes := [][3]protocol.Outcome{
		{protocol.OK, protocol.OK, protocol.OK},
		{protocol.OK, protocol.OK, protocol.LostAfterSend},
		{protocol.OK, protocol.Refused, protocol.NotSent},
		{protocol.OK, protocol.AppError, protocol.Timeout},
	}
	stats := protocol.Stats{Accepted: 5, Finished: 5, Abandoned: 1, Outcomes: make([]uint64, len(protocol.Outcomes())+1)}
	ids := [][3]protocol.MemberID{{1, 2, 3}, {1, 2, 3}, {1, 2, 4}, {1, 2, 4}}
	for n, row := range outcomes {
		key := Key{"x", n + 1}
		begin := time.Duration(n) * 200 * ms
		call := Call{Key: key, Room: "r", Digest: uint64(n + 10), Deadline: 100 * ms, Begin: begin, End: begin + 110*ms}
		a := Account{View: []uint64{3, 3, 5, 5}[n], ViewSize: 3, Selected: 3}
		for i, o := range row {
			name := []string{"a", "b", "c"}[i]
			e := Entry{Member: ids[n][i], Name: name, Outcome: o, Latency: 101 * ms}
			steps := map[protocol.Outcome][]Step{
				protocol.OK: {Began, Effect}, protocol.LostAfterSend: {Began}, protocol.Refused: {Began, Refused},
				protocol.AppError: {Began, Failed}, protocol.Timeout: {Began, Stopped},
			}[o]
			if o == protocol.OK {
				e.Reply = Reply(name, key, call.Digest, 5)
			}
			for s, step := range steps {
				h.Lines = append(h.Lines, Line{At: begin + time.Duration(10+i+s)*ms, Member: name, Step: step, Key: key, Digest: call.Digest})
			}
			a.Entries = append(a.Entries, e)
			stats.Outcomes[o]++
		}
		call.Accounts = []Account{a}
		h.Calls = append(h.Calls, call)
	}
	orphan := Call{Key: Key{"y", 1}, Room: "r", Digest: 77, Deadline: time.Second, Begin: 900 * ms, Orphan: true}
	h.Calls = append(h.Calls, orphan)
	for _, name := range []string{"a", "b"} {
		for i, step := range []Step{Began, Stopped} {
			h.Lines = append(h.Lines, Line{At: 950*ms + time.Duration(i), Member: name, Step: step, Key: orphan.Key, Digest: 77})
		}
	}
	h.Samples = []Sample{{Stats: protocol.Stats{Accepted: 2, Finished: 1, InFlight: 1, Queued: 999, Held: 1000, Outcomes: make([]uint64, 12)}}, {Last: true, Stats: stats}}
	h.Idle = []Idle{{Sessions: 3, Goroutines: 10, Files: 12}, {Sessions: 3, Goroutines: 11, Files: 12}}
	return h
}

// lie is one thing that must not stay unseen.
type lie struct {
	invariant string
	name      string
	tell      func(h *History)
}

// lies are at least one for each invariant that one broker is held to.
func lies() []lie {
	entry := func(h *History, call, i int) *Entry { return &h.Calls[call].Accounts[0].Entries[i] }
	became := func(e *Entry, o protocol.Outcome) { e.Outcome, e.Reply = o, nil }
	account := func(h *History, call int) *Account { return &h.Calls[call].Accounts[0] }
	return []lie{
		{"I1", "a call without an end", func(h *History) { h.Calls[0].End = 0 }},
		{"I1", "neither account nor error", func(h *History) { h.Calls[0].Accounts = nil }},
		{"I1", "a short list that looks complete", func(h *History) {
			a := account(h, 0)
			a.Entries, a.Selected, a.ViewSize = a.Entries[:2], 2, 2
		}},
		{"I1", "one missing of those selected", func(h *History) { a := account(h, 0); a.Entries = a.Entries[:2] }},
		{"I1", "pending", func(h *History) { became(entry(h, 1, 2), protocol.Pending) }},
		{"I2", "one twice", func(h *History) { a := account(h, 0); a.Entries[1] = a.Entries[0] }},
		{"I3", "somebody of a later view", func(h *History) { entry(h, 0, 2).Member = 4 }},
		{"I3", "a member under another's name", func(h *History) { entry(h, 1, 2).Name = "d"; h.Sick["d"] = true }},
		{"I3", "a message that nobody sent", func(h *History) { h.Lines[0].Key.Number = 99 }},
		{"I4", "an account long after its deadline", func(h *History) { h.Calls[3].End += 2 * time.Second }},
		{"I4", "a timeout before the deadline", func(h *History) { entry(h, 3, 2).Latency = 99 * time.Millisecond }},
		{"I5", "a second account", func(h *History) { h.Calls[0].Accounts = append(h.Calls[0].Accounts, *account(h, 0)) }},
		{"I5", "an account and an error", func(h *History) { h.Calls[0].Err = errors.New("gone") }},
		{"I6", "two members in two orders", func(h *History) {
			for i := range h.Lines {
				if l := &h.Lines[i]; l.Member == "b" && l.Key == (Key{"x", 1}) {
					l.At += 250 * time.Millisecond
				}
			}
		}},
		{"I6", "a sender's second before its first", func(h *History) {
			for i := range h.Lines {
				if l := &h.Lines[i]; l.Key == (Key{"x", 1}) {
					l.At += 250 * time.Millisecond
				}
			}
		}},
		{"I7", "ok of a member that did nothing", func(h *History) { h.Lines[1].Step = Stopped }},
		{"I7", "ok for another payload", func(h *History) { h.Lines[1].Digest++ }},
		{"I8", "not_sent, and it began", func(h *History) { became(entry(h, 1, 2), protocol.NotSent) }},
		{"I8", "overflow, and it began", func(h *History) { became(entry(h, 1, 2), protocol.Overflow) }},
		{"I8", "refused, and it was done", func(h *History) { became(entry(h, 0, 2), protocol.Refused) }},
		{"I9", "begun twice", func(h *History) { h.Lines = append(h.Lines, h.Lines[0]) }},
		{"I10", "a healthy one lost", func(h *History) { became(entry(h, 0, 0), protocol.LostAfterSend) }},
		{"I10", "a healthy one said to refuse", func(h *History) { became(entry(h, 0, 0), protocol.Refused) }},
		{"I10", "a healthy one cancelled by no rule", func(h *History) {
			account(h, 0).Met = true
			became(entry(h, 0, 0), protocol.Cancelled)
		}},
		{"I10", "a healthy one cancelled by a rule that is not met", func(h *History) {
			h.Calls[0].Ruled = true
			became(entry(h, 0, 0), protocol.Cancelled)
		}},
		{"I11", "a queue without a bound", func(h *History) { h.Samples[0].Stats.Queued = 1001 }},
		{"I11", "held without a bound", func(h *History) { h.Samples[0].Stats.Held = 1001 }},
		{"I12", "accepted and never heard of again", func(h *History) { h.Samples[0].Stats.InFlight = 0 }},
		{"I12", "a count that goes back", func(h *History) { h.Samples[0].Stats.Refused = 1 }},
		{"I12", "an account that was not counted", func(h *History) {
			h.Samples[1].Stats.Finished, h.Samples[1].Stats.Accepted = 4, 4
		}},
		{"I12", "an outcome that was not counted", func(h *History) { h.Samples[1].Stats.Outcomes[protocol.OK]-- }},
		{"I13", "a session left", func(h *History) { h.Idle[1].Sessions++ }},
		{"I13", "goroutines left", func(h *History) { h.Idle[1].Goroutines += 5 }},
		{"I13", "files left", func(h *History) { h.Idle[1].Files += 5 }},
		{"I14", "a view left out", func(h *History) { h.Views = slices.Delete(h.Views, 1, 2) }},
		{"I14", "an incarnation used again", func(h *History) { h.Views[2].Joined[0].ID = 3 }},
		{"I14", "somebody gone who was not there", func(h *History) { h.Views[1].Gone[0] = 9 }},
		{"I14", "an account of another size than its view", func(h *History) { account(h, 0).ViewSize = 4 }},
		{"I14", "somebody absent who is back", func(h *History) { account(h, 2).Absent = []Named{{3, "c"}} }},
		{"I14", "a lost one not told as absent", func(h *History) { h.Views[2].Joined[0].Name = "d" }},
		{"I12", "a second reply that nobody sent", func(h *History) { h.Sick = nil; account(h, 0).Duplicate = 1 }},
		{"I12", "a late reply of nobody", func(h *History) { h.Sick = nil; account(h, 0).Late = 1 }},
		{"I16", "another's reply", func(h *History) { entry(h, 0, 0).Reply = entry(h, 0, 1).Reply }},
		{"I16", "the reply to another call", func(h *History) { entry(h, 0, 0).Reply = entry(h, 1, 0).Reply }},
		{"I17", "a call without a caller goes on", func(h *History) {
			s := &h.Samples[1].Stats
			s.Finished, s.Abandoned, s.InFlight = 4, 0, 1
		}},
		{"I17", "a lost caller's call is not counted", func(h *History) { h.Samples[1].Stats.Abandoned = 0 }},
		{"I17", "calls given up whose callers were there", func(h *History) { h.Samples[1].Stats.Abandoned = 2 }},
	}
}

// TestCheckFindsNoLieInTheTruth and the next one prove the checker: it is
// silent where nothing is wrong, and names the invariant of each lie.
func TestCheckFindsNoLieInTheTruth(t *testing.T) {
	for _, f := range Check(truth()) {
		t.Error(f)
	}
}

func TestCheckFindsEachLie(t *testing.T) {
	covered := map[string]bool{}
	for _, l := range lies() {
		covered[l.invariant] = true
		t.Run(l.invariant+" "+l.name, func(t *testing.T) {
			h := truth()
			l.tell(h)
			found := Check(h)
			if !slices.ContainsFunc(found, func(f Finding) bool { return f.Invariant == l.invariant }) {
				t.Errorf("not found: %v", found)
			}
			for _, f := range found {
				if !strings.HasPrefix(f.String(), f.Invariant+": ") || len(f.Text) < 10 {
					t.Errorf("it says little: %q", f)
				}
			}
		})
	}
	for _, invariant := range strings.Fields("I1 I2 I3 I4 I5 I6 I7 I8 I9 I10 I11 I12 I13 I14 I16 I17") {
		if !covered[invariant] {
			t.Errorf("no lie against %s: nobody knows whether it is held", invariant)
		}
	}
}

// TestSubset: a call that selects some is not held to all of its view, but to no phantom.
func TestSubset(t *testing.T) {
	h := truth()
	c := &h.Calls[0]
	c.Subset = true
	c.Accounts[0].Entries, c.Accounts[0].Selected = c.Accounts[0].Entries[:2], 2
	h.Samples[1].Stats.Outcomes[protocol.OK]--
	if found := Check(h); len(found) > 0 {
		t.Error(found)
	}
	c.Accounts[0].Entries[1].Member = 7
	if found := Check(h); len(found) != 1 || found[0].Invariant != "I3" {
		t.Error(found)
	}
}

// Package faults is the broker's oracle: what members wrote down while they
// ran, joined with what callers were told, and the lies found in it. Its tests
// run a real broker and real members, and break them.
package faults

import (
	"time"

	"ddcos/protocol"
)

// History is all that is known of one run. Times are of CLOCK_MONOTONIC, which
// all processes of a host share.
type History struct {
	Calls   []Call
	Lines   []Line
	Views   []View
	Samples []Sample
	Idle    []Idle // the first is the baseline

	Margin time.Duration   // beyond its deadline that an account may take: no measure of speed
	Sick   map[string]bool // members that a fault was done to; of the others every outcome must be ok
	Queued uint64          // bytes that may wait in all sessions' queues; 0: unknown
	Held   uint64          // bytes of replies that may be held; 0: unknown
}

// Call is one call as its caller saw it.
type Call struct {
	Key      Key
	Room     string
	Era      int // which life of the broker it was made in
	Digest   uint64
	Deadline time.Duration
	Begin    time.Duration // before it was sent
	End      time.Duration // when its end was known; 0: never
	Subset   bool          // it selected by label, state or name, and not the whole view
	Ruled    bool          // it may end before everyone is settled
	Orphan   bool          // its caller was killed: nobody was told of it
	Err      error         // it ended so, with no account
	Accounts []Account     // a second one is a lie
}

// Key names one call of one caller; numbers rise in the order of sending.
type Key struct {
	Caller string
	Number int
}

// Account is what one caller was told of one call.
type Account struct {
	View     uint64
	ViewSize int
	Selected int
	Met      bool
	Elapsed  time.Duration
	Entries  []Entry

	Absent          []Named
	Late, Duplicate int
}

// Entry is one member's outcome.
type Entry struct {
	Member  protocol.MemberID
	Name    string
	Outcome protocol.Outcome
	Latency time.Duration
	Reply   []byte
}

// Step is how far a member came with one message.
type Step string

// The steps. Effect is written before the reply leaves.
const (
	Began   Step = "began"   // its handler was called
	Effect  Step = "effect"  // it did what it was called for
	Refused Step = "refused" // it returned a refusal instead
	Failed  Step = "failed"  // it returned an error instead
	Stopped Step = "stopped" // its context ended before it was done
)

// Line is one line of a member's journal.
type Line struct {
	At     time.Duration
	Member string
	Life   int // of the member's process or session, where it tells them apart
	Step   Step
	Key    Key
	Digest uint64 // of the payload
}

// View is one view as a watcher was told it.
type View struct {
	Era    int
	Room   string
	Number uint64
	Size   int
	Full   bool
	Joined []Named
	Gone   []protocol.MemberID
	Lost   []Named // of Gone those that did not leave; of a full view all that are remembered
}

// Named is a member in a view.
type Named struct {
	ID   protocol.MemberID
	Name string
}

// Sample is the broker's own account of itself.
type Sample struct {
	Era   int
	Last  bool // nothing was under way any more
	Stats protocol.Stats
}

// Idle is what a broker holds while nothing is under way.
type Idle struct {
	Sessions, Goroutines, Files, InFlight int
}

// Finding is one lie.
type Finding struct {
	Invariant string // I1 to I17
	Text      string
}

// String is the finding on one line.
func (f Finding) String() string { return f.Invariant + ": " + f.Text }

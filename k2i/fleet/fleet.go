// Package fleet reads many hosts as one: the rows of those that answered and,
// always beside them, who did not and why.
package fleet

import (
	"context"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
)

// Source is a way to the hosts: this host itself, a broker's room `k2i`, or a list of agents.
type Source interface {
	// Ask puts one request to every host the source knows and returns when all
	// are settled or ctx ends: one Reply for each host, never fewer. The error
	// is for a source that could not be asked at all (an unreachable broker).
	Ask(ctx context.Context, req wire.Request) ([]Reply, error)
}

// Streamer is a Source that hands replies on while others are awaited.
type Streamer interface {
	Source

	// Stream is Ask that calls each with every reply as it comes, from several
	// goroutines, and gives what each made of them. A nil each changes nothing.
	Stream(ctx context.Context, req wire.Request, each func(Reply) Reply) ([]Reply, error)
}

// Reply is what became of the request at one host.
type Reply struct {
	Host   string // its name: the member's, or the agent's URL until it has told its name
	Status Status
	Err    string       // why it is not StatusOK, one line
	Answer *wire.Answer // only with StatusOK; without rows where Connections were asked for

	Connections *wire.Connections // where these were asked for, only with StatusOK

	Asked time.Time     // when the question left; zero where nobody noted it
	Took  time.Duration // until the answer was there
	Lost  time.Duration // with StatusAbsent: how long ago

	rows []*k2i.Process // beside the answer's, of this host itself: nobody changes them
}

// Status is one word for what became of a host; a broker's outcomes keep their names.
type Status string

// StatusOK has rows; StatusAbsent is a host that the room remembers and has
// lost; StatusUnknown one that the query names and of which nobody knows; the
// rest are outcomes of the account, or an agent's HTTP failure.
const (
	StatusOK          Status = "ok"
	StatusAbsent      Status = "absent"
	StatusUnknown     Status = "unknown"
	StatusTimeout     Status = "timeout"
	StatusUnreachable Status = "unreachable"
	StatusError       Status = "error"
)

// Row is one process of one host.
type Row struct {
	Host    *Host
	Process *k2i.Process
}

// Host is one host of the fleet as the last question found it.
type Host struct {
	Name       string
	Status     Status
	Err        string
	Age        time.Duration // of its sample when it answered
	Info       k2i.Host
	Mode       k2i.Mode
	Visibility k2i.Visibility
	Missing    []string
	BusyCPUs   k2i.Rate
	Events     k2i.Events
	Total      int // processes that could have been selected

	Version string            // of its agent's program
	Labels  map[string]string // that its operator gave it

	// Offset is how far its wall clock is ahead of ours, to OffsetWithin: the way
	// there and the way back are not known apart. OffsetWithin is 0 where nothing
	// is known of it.
	Offset, OffsetWithin time.Duration
	Lost                 time.Duration // with StatusAbsent: how long ago

	Unseen bool // in Peers: it could not look at the files of every process

	queried *query.Host
}

// Table is the fleet's one process table, with every host that should be in it.
type Table struct {
	Hosts []*Host // by name
	Rows  []Row   // in the query's order over all hosts

	// Groups are what the query asked for instead of rows, in its order over all
	// hosts; nil without.
	Groups []*query.Group

	Brokers []BrokerState // of several that were asked; nil else
}

// Where leaves the rows that keep keeps; nil keeps all.
func (t *Table) Where(keep func(*k2i.Process) bool) *Table {
	if keep == nil {
		return t
	}
	kept := make([]Row, 0, len(t.Rows))
	for _, r := range t.Rows {
		if keep(r.Process) {
			kept = append(kept, r)
		}
	}
	t.Rows = kept
	return t
}

// brokered is a Source that asks several brokers.
type brokered interface{ Brokers() []BrokerState }

// brokersOf is what became of the brokers of a source that asks several.
func brokersOf(source Source) []BrokerState {
	if b, ok := source.(brokered); ok {
		return b.Brokers()
	}
	return nil
}

// Failed are the hosts that gave no rows.
func (t *Table) Failed() []*Host {
	var failed []*Host
	for _, h := range t.Hosts {
		if h.Status != StatusOK {
			failed = append(failed, h)
		}
	}
	return failed
}

// Package wire is the body of a question to an agent and of its answer, the
// same in the room `k2i`, over REST as msgpack, and wherever a fleet is read.
package wire

import (
	"ddcos/k2i"
	"ddcos/k2i/query"
)

// Room is where the agents are: each is a member under its host's name.
const Room = "k2i"

// ContentType is how HTTP asks for an Answer as msgpack, and says that it is one.
const ContentType = "application/msgpack"

// Version is that of the questions: an agent answers no other, since it would
// leave out what it does not know, and answers with too many rows.
const Version = 2

// RequestVariable is the environment that a Request reaches k2i-once in, as
// URL-safe base64 of its msgpack.
const RequestVariable = "DDCOS_REQUEST"

// Request is the payload of a call to the room `k2i`.
type Request struct {
	Version int         `json:"version" msgpack:"version"` // 0 stands for this one until it is encoded
	Query   query.Query `json:"query" msgpack:"query"`

	// Connections asks for these instead of processes: the reply is a ConnectionsAnswer.
	Connections *k2i.ConnectionFilter `json:"connections,omitempty" msgpack:"connections,omitempty"`

	// Keep is asked of every row while an answer is read, from several goroutines: what it
	// refuses is left out, and takes no memory. Nil keeps all. It does not travel.
	Keep func(p *k2i.Process) bool `json:"-" msgpack:"-"`
}

// Needs are the fields that the host's rows must have to answer; nil for all.
func (r Request) Needs() []string {
	if r.Connections != nil {
		return nil
	}
	return r.Query.Needs()
}

// Answer is one host's reply: what it sampled, when, how, and the rows that were asked for.
type Answer struct {
	Host       k2i.Host          `json:"host" msgpack:"host"`
	SampledNS  int64             `json:"sampled_unix_ns" msgpack:"sampled_unix_ns"` // the host's own wall clock
	AgeNS      int64             `json:"age_ns" msgpack:"age_ns"`                   // of the sample when the answer was made; clocks of two hosts are never subtracted
	Mode       k2i.Mode          `json:"mode" msgpack:"mode"`
	Visibility k2i.Visibility    `json:"visibility" msgpack:"visibility"`
	Missing    []string          `json:"missing" msgpack:"missing"`
	BusyCPUs   k2i.Rate          `json:"busy_cpus" msgpack:"busy_cpus"`
	Events     k2i.Events        `json:"events" msgpack:"events"`
	Version    string            `json:"version" msgpack:"version"` // of the agent's program
	Labels     map[string]string `json:"labels" msgpack:"labels"`   // of the host
	Self       k2i.Self          `json:"self" msgpack:"self"`       // what the agent takes
	Total      int               `json:"total" msgpack:"total"`     // processes that could have been selected
	Groups     Groups            `json:"groups" msgpack:"groups"`   // in no order, where the query asks for groups; then there are no processes

	Gaps []k2i.Gap `json:"gaps" msgpack:"gaps"` // what could not be read on demand

	// Processes come last, so that they can be written while they are read. Their
	// order is the query's, and so are their fields.
	Processes Rows `json:"processes" msgpack:"processes"`
}

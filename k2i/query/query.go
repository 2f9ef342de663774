// Package query is the language in which processes are asked for: which of them,
// in which order, how many, or put together by what they have in common. It runs
// inside the agent, so that rows nobody asked for never travel.
package query

// Query is one question to one host's snapshot. The zero Query wants every
// process, by pid.
type Query struct {
	Select Selection `json:"select" msgpack:"select"`
	Where  string    `json:"where,omitempty" msgpack:"where,omitempty"` // a condition, see Compile; of those that Select selects
	By     string    `json:"by,omitempty" msgpack:"by,omitempty"`       // the name that makes groups of rows; "" for the rows themselves
	Sort   []Key     `json:"sort,omitempty" msgpack:"sort,omitempty"`   // most significant first; ties by host, then pid
	Limit  int       `json:"limit,omitempty" msgpack:"limit,omitempty"` // rows at most; 0 for all

	// On and Labels are which hosts are asked: a pattern of their names, see
	// ParseHosts, and labels that they have. Other hosts answer without rows.
	On     string            `json:"on,omitempty" msgpack:"on,omitempty"`
	Labels map[string]string `json:"labels,omitempty" msgpack:"labels,omitempty"`

	// Fields are those that a row is to have, by name or by group; the basic ones
	// for none. They stand in the order of the table of fields.
	Fields []string `json:"fields,omitempty" msgpack:"fields,omitempty"`

	// Threads asks for the threads of the processes that are selected, each a row
	// with a tid: ordered and limited as rows are, by what the threads have.
	Threads bool `json:"threads,omitempty" msgpack:"threads,omitempty"`

	// Exited asks for the processes that have ended, as long as the agent
	// remembers them, instead of those that live; SinceNS for those that ended in
	// the last so many nanoseconds, 0 for all.
	Exited  bool  `json:"exited,omitempty" msgpack:"exited,omitempty"`
	SinceNS int64 `json:"since_ns,omitempty" msgpack:"since_ns,omitempty"`
}

// Selection names processes as ps does: the lists are OR-ed, and a Selection
// without any list selects every process. Each list is at most MaxList long.
type Selection struct {
	PIDs    []int32  `json:"pids,omitempty" msgpack:"pids,omitempty"`
	PPIDs   []int32  `json:"ppids,omitempty" msgpack:"ppids,omitempty"`
	SIDs    []int32  `json:"sids,omitempty" msgpack:"sids,omitempty"`
	Users   []string `json:"users,omitempty" msgpack:"users,omitempty"`     // effective user: a name of that host, or a number
	RUsers  []string `json:"rusers,omitempty" msgpack:"rusers,omitempty"`   // real user: a number, or a name that the agent resolves
	Groups  []string `json:"groups,omitempty" msgpack:"groups,omitempty"`   // effective group: a name of that host, or a number
	RGroups []string `json:"rgroups,omitempty" msgpack:"rgroups,omitempty"` // real group: a number, or a name that the agent resolves
	Comms   []string `json:"comms,omitempty" msgpack:"comms,omitempty"`     // the kernel's name, compared over its 15 bytes
	TTYs    []uint32 `json:"ttys,omitempty" msgpack:"ttys,omitempty"`       // device numbers; 0 for processes without one
	Negate  bool     `json:"negate,omitempty" msgpack:"negate,omitempty"`   // every process but those
}

// Key is one sort key: a name of the language, or one of a Group's where there
// are groups.
type Key struct {
	Field      string `json:"field" msgpack:"field"`
	Descending bool   `json:"descending,omitempty" msgpack:"descending,omitempty"`
}

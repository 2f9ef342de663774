package protocol

// Hello opens a session. Nothing in it says who the sender is: the broker
// takes that from the socket.
type Hello struct {
	MinVersion uint8  `msgpack:"min_version"`
	MaxVersion uint8  `msgpack:"max_version"`
	Software   string `msgpack:"software"`        // for the log, which cuts it at MaxName bytes
	MaxFrame   uint32 `msgpack:"max_frame"`       // the largest frame that the sender takes, at least MaxFrame in version 1
	Moves      bool   `msgpack:"moves,omitempty"` // at go_away it goes by itself: to another broker, or out of its rooms
	Token      string `msgpack:"token,omitempty"` // a credential that the broker checks, MaxToken bytes at most

	WindowMS uint32 `msgpack:"window_ms,omitempty"` // for which it may want to resume the session; 0: it will not
	Resume   []byte `msgpack:"resume,omitempty"`    // the secret of the session to resume, which has no other use
	Received uint64 `msgpack:"received,omitempty"`  // with Resume: frames that came in that session, its Welcome among them
}

// Welcome answers Hello with what the session is bound to and its limits.
type Welcome struct {
	Version  uint8  `msgpack:"version"`
	Broker   uint32 `msgpack:"broker"`  // the broker's number, as in its MemberIDs
	Session  uint64 `msgpack:"session"` // for logs
	MaxFrame uint32 `msgpack:"max_frame"`
	Calls    uint32 `msgpack:"calls"`   // in flight at most
	Rooms    uint32 `msgpack:"rooms"`   // memberships at most
	Queue    uint32 `msgpack:"queue"`   // bytes that may wait for this session
	PingMS   uint32 `msgpack:"ping_ms"` // a silent session is asked for a Pong this often

	WindowMS uint32 `msgpack:"window_ms,omitempty"` // for which the session may be resumed when its connection is cut; 0: it may not
	Resume   []byte `msgpack:"resume,omitempty"`    // the secret that resumes it, once
	Resumed  bool   `msgpack:"resumed,omitempty"`   // it is the session that the Hello named
	Received uint64 `msgpack:"received,omitempty"`  // with Resumed: frames that came in that session, its Hello among them
	Will     bool   `msgpack:"will,omitempty"`      // with Resumed: its will is there still
}

// Join makes the session a member of a room, under a name that nobody there has.
type Join struct {
	Room   string            `msgpack:"room"`
	Name   string            `msgpack:"name"`
	Labels map[string]string `msgpack:"labels,omitempty"`
	State  map[string]string `msgpack:"state,omitempty"`
}

// State is what a member shows of itself from now on; header: room.
type State struct {
	State map[string]string `msgpack:"state,omitempty"`
}

// Stated answers State; header: room.
type Stated struct {
	Version uint64 `msgpack:"version"`
}

// Joined tells the view that the member is first in; header: room, member.
type Joined struct {
	View uint64 `msgpack:"view"`
}

// Call goes to the members of a room that have all the labels, or to the one
// that To or the header's member names; the payload is theirs.
type Call struct {
	Room   string            `msgpack:"room"`
	Rule   RuleKind          `msgpack:"rule"`
	N      uint32            `msgpack:"n"`
	Labels map[string]string `msgpack:"labels,omitempty"`
	To     string            `msgpack:"to,omitempty"`      // a member's name
	Key    string            `msgpack:"key,omitempty"`     // RuleLabel
	Value  string            `msgpack:"value,omitempty"`   // RuleLabel
	Wait   uint32            `msgpack:"wait,omitempty"`    // members that would be selected, before the view is fixed
	WaitUS uint32            `msgpack:"wait_us,omitempty"` // for so long at most, in µs
	State  map[string]string `msgpack:"state,omitempty"`   // as Labels, of the state

	Partial bool `msgpack:"partial,omitempty"` // entries come before the call is over
}

// When is the call's rule.
func (c *Call) When() Rule { return Rule{Kind: c.Rule, N: c.N, Key: c.Key, Value: c.Value} }

// Publish goes to the members of a room that have all the labels, or to the one
// that To or the header's member names, and nobody replies.
type Publish struct {
	Room   string            `msgpack:"room"`
	Labels map[string]string `msgpack:"labels,omitempty"`
	To     string            `msgpack:"to,omitempty"`
	State  map[string]string `msgpack:"state,omitempty"`
}

// Offer goes to the members of a room that have all the labels and the state.
// Those that want the work bid for it, and one is bound to it.
type Offer struct {
	Room     string            `msgpack:"room"`
	Labels   map[string]string `msgpack:"labels,omitempty"`
	State    map[string]string `msgpack:"state,omitempty"`
	WindowUS uint32            `msgpack:"window_us,omitempty"` // for which bids are collected, in µs, before one is bound; 0: the first is
	Wait     uint32            `msgpack:"wait,omitempty"`      // as in Call
	WaitUS   uint32            `msgpack:"wait_us,omitempty"`   // likewise
	Partial  bool              `msgpack:"partial,omitempty"`   // the bound member's reply comes while it is made, in entries that are Pending
}

// Bid is a member's wish to be bound to what it was offered; header: room.
type Bid struct {
	Cost uint64 `msgpack:"cost"` // in a measure of the room's own; where several have bid, the least is bound
}

// Bound tells who offered that a member is bound, the only one there will be; header: member.
type Bound struct {
	Name string `msgpack:"name"`
	Host string `msgpack:"host"`
	PID  int32  `msgpack:"pid"`
}

// Will is a message that is published when the session is lost, and not when it
// says Bye. One without a room takes back what was set before; the payload is
// MaxWill bytes at most. Header: member, as in Publish.
type Will struct {
	Room    string            `msgpack:"room"`
	Labels  map[string]string `msgpack:"labels,omitempty"`
	To      string            `msgpack:"to,omitempty"`
	State   map[string]string `msgpack:"state,omitempty"`
	DelayMS uint32            `msgpack:"delay_ms,omitempty"` // from the loss of the connection; where the session is lost earlier, or cannot be resumed, it is not waited for
}

// LastWord carries a will to a member (header: room, and a sequence as Deliver has
// it) or to a watcher (header: the watch's sequence).
type LastWord struct {
	Room   string   `msgpack:"room"`
	View   uint64   `msgpack:"view"`
	Host   string   `msgpack:"host"` // of the process that was lost, as the broker knew it
	PID    int32    `msgpack:"pid"`
	Member MemberID `msgpack:"member,omitempty"` // that it was in this room; 0: none
	Name   string   `msgpack:"name,omitempty"`   // of that member
	Reason string   `msgpack:"reason"`           // how its connection ended
}

// Published answers Publish.
type Published struct {
	View     uint64 `msgpack:"view"`
	Selected uint32 `msgpack:"selected"` // members of that view
	Handed   uint32 `msgpack:"handed"`   // of them, those whose queue had room for it
}

// Deliver carries a call to a member. The caller is as the broker knows it, which vouches for it.
type Deliver struct {
	View      uint64 `msgpack:"view"`
	Host      string `msgpack:"host"`
	PID       int32  `msgpack:"pid"`
	Principal string `msgpack:"principal,omitempty"` // MaxPrincipal bytes at most
	Roles     string `msgpack:"roles,omitempty"`     // names with a space between, MaxRoles bytes at most
}

// Watch asks for a room's members, and for every later view unless Once.
type Watch struct {
	Room string `msgpack:"room"`
	Once bool   `msgpack:"once"`
}

// Member is one member as a view shows it.
type Member struct {
	_msgpack struct{} `msgpack:",as_array"`

	ID     MemberID
	Name   string
	Host   string // the broker's own for a Unix socket, else the peer's address
	PID    int32  // by SO_PEERCRED; 0 where the broker cannot know
	Labels map[string]string

	Version uint64 // counts how often the state was set
	State   map[string]string

	Parted bool // its connection is cut, and it may come back
}

// Changed is a member whose state was set, or who has parted or come back.
type Changed struct {
	_msgpack struct{} `msgpack:",as_array"`

	ID      MemberID
	Name    string
	Version uint64
	State   map[string]string
	Parted  bool
}

// Reason is why a member is no longer in a view. Append-only.
type Reason uint8

// The reasons.
const (
	ReasonLeft Reason = 1 // it said so
	ReasonLost Reason = 2 // its session ended without a Leave
)

// Gone is a member that the view before had.
type Gone struct {
	_msgpack struct{} `msgpack:",as_array"`

	ID     MemberID
	Name   string
	Reason Reason
	Text   string // for ReasonLost: how the session ended; for ReasonLeft: why the broker ended the membership, if it did
}

// Absent is a member that was lost and has not come back: outside of every
// account, but not forgotten.
type Absent struct {
	_msgpack struct{} `msgpack:",as_array"`

	ID     MemberID
	Name   string
	Host   string
	PID    int32
	AgoMS  uint64 // since it was lost
	Reason string
}

// ViewChunk is one view or a part of it. The first after Watch is Full and
// lists every member; a later one tells what changed.
type ViewChunk struct {
	Room   string   `msgpack:"room"`
	View   uint64   `msgpack:"view"`
	Size   uint32   `msgpack:"size"`
	Full   bool     `msgpack:"full"`
	Joined []Member `msgpack:"joined,omitempty"` // Full: all of them
	Gone   []Gone   `msgpack:"gone,omitempty"`
	Absent []Absent `msgpack:"absent,omitempty"` // Full only

	Changed []Changed `msgpack:"changed,omitempty"` // within the view
}

// Entry is one member's outcome. Where Reply is longer than a chunk has room
// for, More is set and an entry of the same member goes on with the rest.
type Entry struct {
	_msgpack struct{} `msgpack:",as_array"`

	Member    MemberID
	Name      string
	Host      string
	PID       int32
	Outcome   Outcome
	LatencyUS uint64 // from the call's acceptance to its settling
	Error     string // AppError and Refused: the member's text
	Reply     []byte
	More      bool
}

// AccountChunk is a part of an account. Each can be read by itself; the last
// has the Summary.
type AccountChunk struct {
	Entries []Entry  `msgpack:"entries,omitempty"`
	Absent  []Absent `msgpack:"absent,omitempty"`
	Summary *Summary `msgpack:"summary,omitempty"`
}

// Summary is what an account says of the call as a whole.
type Summary struct {
	Room      string   `msgpack:"room"`
	View      uint64   `msgpack:"view"`
	ViewSize  uint32   `msgpack:"view_size"`
	Selected  uint32   `msgpack:"selected"` // entries in all chunks together, without continuations
	Rule      RuleKind `msgpack:"rule"`
	N         uint32   `msgpack:"n"`
	Met       bool     `msgpack:"met"`
	ElapsedUS uint64   `msgpack:"elapsed_us"`
	Late      uint32   `msgpack:"late"`      // replies after their member was settled
	Duplicate uint32   `msgpack:"duplicate"` // further replies of one member
	Key       string   `msgpack:"key,omitempty"`
	Value     string   `msgpack:"value,omitempty"`
	WaitedUS  uint64   `msgpack:"waited_us,omitempty"` // from the call's acceptance to its view, which ElapsedUS is counted from
	Bound     MemberID `msgpack:"bound,omitempty"`     // of an offer: who was bound; 0: nobody
	Bids      uint32   `msgpack:"bids,omitempty"`      // of an offer: members that had bid when one was bound, or it ended
}

// When is the rule of the call.
func (s *Summary) When() Rule { return Rule{Kind: s.Rule, N: s.N, Key: s.Key, Value: s.Value} }

// Forget takes members that were lost off a room's list.
type Forget struct {
	Room string `msgpack:"room"`
	Name string `msgpack:"name,omitempty"` // empty: all
}

// Forgot answers Forget.
type Forgot struct {
	Count uint32 `msgpack:"count"`
}

// GoAway announces that the broker ends.
type GoAway struct {
	Text    string `msgpack:"text"`
	GraceMS uint32 `msgpack:"grace_ms"` // until it closes what is left

	MoveMS uint32 `msgpack:"move_ms,omitempty"` // within which a process that knows another broker should have gone there
}

// Drain asks a broker to go away.
type Drain struct {
	GraceMS uint32 `msgpack:"grace_ms,omitempty"` // 0: the broker's own
}

// Draining answers Drain; the end of the session says that it is done.
type Draining struct {
	Sessions uint32 `msgpack:"sessions"` // beside the one that asked
	GraceMS  uint32 `msgpack:"grace_ms"`
}

// ErrorText is the sentence beside a Code.
type ErrorText struct {
	Text   string `msgpack:"text"`
	WaitMS uint32 `msgpack:"wait_ms,omitempty"` // after which asking again is worth while
}

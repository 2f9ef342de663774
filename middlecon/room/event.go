package room

import (
	"time"

	"ddcos/protocol"
)

// SessionID names a session for as long as the broker runs; the broker gives them out.
type SessionID uint64

// CallID names a call for as long as the broker runs, and is the sequence of
// its Deliver frames. They rise in the order in which calls are accepted.
type CallID uint64

// Peer is what the broker itself knows of who is behind a session.
type Peer struct {
	Host      string
	PID       int32
	Principal Principal // who pays for what it asks for
	Roles     string    // of the principal, with a space between
	Software  string    // what it says it is, where that is of use; for logs
}

// delivers is what a member is told of a message of that peer.
func (p *Peer) delivers(view uint64) protocol.Deliver {
	return protocol.Deliver{View: view, Host: p.Host, PID: p.PID, Principal: string(p.Principal), Roles: p.Roles}
}

// Event is something that happened to the rooms. Sequences are the asking
// session's own; answers carry them again.
type Event interface{ event() }

type (
	// Join asks for a membership.
	Join struct {
		Session  SessionID
		Sequence uint64
		Peer     Peer
		Body     protocol.Join
	}
	// Leave gives one up.
	Leave struct {
		Session  SessionID
		Sequence uint64
		Room     uint32
	}
	// Expel ends one that its session may not have any more; where there is none,
	// nothing.
	Expel struct {
		Session SessionID
		Room    uint32
		Err     *protocol.Error
	}
	// Lost is the end of a session, however it came: all its memberships, calls
	// and watches end. Every session that ever asked for something must be lost
	// at last, and nothing of it may come afterwards. Its will is published unless
	// it is Meant.
	Lost struct {
		Session SessionID
		Why     string
		Meant   bool // by itself, or the broker that ends
	}
	// Hold makes a session one that may be resumed within Window of its Cut.
	Hold struct {
		Session   SessionID
		Principal Principal // who may
		Window    time.Duration
	}
	// Cut is the end of a session's connection. Where it may be resumed it is parted,
	// and what effects are for it waits; nothing comes of it until it is Resumed.
	// Else it is lost, and told to have Ended.
	Cut struct {
		Session SessionID
		Why     string
	}
	// Resume asks for a session, parted or not, to go on in the connection By.
	Resume struct {
		Session   SessionID
		By        SessionID
		Principal Principal
		Whole     bool // every frame that was not received is still there
	}
	// Will asks for a message to be published when the session is lost. Payload is
	// only valid during Step.
	Will struct {
		Session  SessionID
		Sequence uint64
		Peer     Peer
		Member   protocol.MemberID // as in Publish
		Body     protocol.Will
		Payload  []byte
	}
	// Call asks for a synchronous call. Payload is only valid until
	// the call is delivered, which is before Step returns where it does not wait.
	Call struct {
		Session  SessionID
		Sequence uint64
		Peer     Peer
		Member   protocol.MemberID // the only one that is meant; 0 for all that Body selects
		Budget   time.Duration
		Body     protocol.Call
		Payload  []byte
	}
	// Sent says that the first byte of a call's Deliver, or of a Bind, was handed
	// to that session's transport. It must come before any other event that
	// happened later: what is not told here counts as not sent. That of a Deliver
	// has no effects.
	Sent struct {
		Session SessionID
		Call    CallID
		Bind    bool
	}
	// Overflow says that a Deliver, or a Bind, found that session's queue full and
	// was dropped whole.
	Overflow struct {
		Session SessionID
		Call    CallID
		Bind    bool
	}
	// Receipt is a member's word that its runtime has the Deliver.
	Receipt struct {
		Session SessionID
		Call    CallID
		Room    uint32
	}
	// Reply is one part of a member's reply; Part is only valid during Step.
	Reply struct {
		Session SessionID
		Call    CallID
		Room    uint32
		Outcome protocol.Outcome // OK, AppError or Refused
		Part    []byte
		More    bool
	}
	// Offer asks for one member to be bound to work. Payload is as in Call.
	Offer struct {
		Session  SessionID
		Sequence uint64
		Peer     Peer
		Budget   time.Duration
		Body     protocol.Offer
		Payload  []byte
	}
	// Bid is a member's wish to be bound.
	Bid struct {
		Session SessionID
		Call    CallID
		Room    uint32
		Cost    uint64
	}
	// Cancel ends the session's own call, offer or watch of that sequence: the call
	// with an account as far as it came, the watch silently.
	Cancel struct {
		Session  SessionID
		Sequence uint64
	}
	// Watch asks for a room's views.
	Watch struct {
		Session  SessionID
		Sequence uint64
		Body     protocol.Watch
	}
	// SetState makes a member show another state.
	SetState struct {
		Session  SessionID
		Sequence uint64
		Room     uint32
		Body     protocol.State
	}
	// Publish is a message that nobody replies to. Payload is only valid until the
	// Message is dealt with.
	Publish struct {
		Session  SessionID
		Sequence uint64
		Peer     Peer
		Member   protocol.MemberID // as in Call
		Body     protocol.Publish
		Payload  []byte
	}
	// Forget takes lost members off a room's list.
	Forget struct {
		Session  SessionID
		Sequence uint64
		Body     protocol.Forget
	}
	// Behind says that the owner was away while time passed, and that what came
	// meanwhile is still to be told: until the next Tick no deadline is dealt with,
	// and a reply counts that would else be late by the owner's own fault.
	Behind struct{}
	// Memory says whether there is none left for new calls and offers, and for more that
	// members show.
	Memory struct{ Short bool }
	// Tick is only the time: deadlines that have come are dealt with, as in every Step.
	Tick struct{}
)

func (Join) event()     {}
func (Behind) event()   {}
func (Leave) event()    {}
func (Expel) event()    {}
func (Lost) event()     {}
func (Hold) event()     {}
func (Cut) event()      {}
func (Resume) event()   {}
func (Will) event()     {}
func (Call) event()     {}
func (Sent) event()     {}
func (Overflow) event() {}
func (Receipt) event()  {}
func (Reply) event()    {}
func (Offer) event()    {}
func (Bid) event()      {}
func (Cancel) event()   {}
func (Watch) event()    {}
func (SetState) event() {}
func (Publish) event()  {}
func (Forget) event()   {}
func (Memory) event()   {}
func (Tick) event()     {}

// Watching is a watch: whose, and its sequence.
type Watching struct {
	Session  SessionID
	Sequence uint64
}

// Effect is something that the broker has to do, in this order.
type Effect interface{ effect() }

type (
	// Joined answers a Join.
	Joined struct {
		Session  SessionID
		Sequence uint64
		Room     uint32
		Member   protocol.MemberID
		View     uint64
	}
	// LeftRoom answers a Leave.
	LeftRoom struct {
		Session  SessionID
		Sequence uint64
		Room     uint32
	}
	// Expelled tells a session of its Expel.
	Expelled struct {
		Session SessionID
		Room    uint32
		Err     *protocol.Error
	}
	// Stated answers a SetState.
	Stated struct {
		Session  SessionID
		Sequence uint64
		Room     uint32
		Version  uint64
	}
	// Forgot answers a Forget.
	Forgot struct {
		Session  SessionID
		Sequence uint64
		Count    int
	}
	// Failed refuses the request of that sequence.
	Failed struct {
		Session  SessionID
		Sequence uint64
		Err      *protocol.Error
		Account  *Account // of a call that was accepted, waited and found no room: without an entry, and not to be released; else nil
	}
	// Deliver sends one call to each of To, as one frame encoded once. Each
	// session in To is answered by a Sent or Overflow, or by its Lost.
	Deliver struct{ *Delivery }
	// Bind tells one member that it is to begin. Its session answers it as a
	// Deliver, by a Sent or Overflow that says Bind, or by its Lost.
	Bind struct {
		To     SessionID
		Call   CallID
		Room   uint32
		Budget time.Duration
	}
	// Bound tells who offered that a member is bound for good.
	Bound struct {
		Session  SessionID
		Sequence uint64
		Member   protocol.MemberID
		Body     protocol.Bound
	}
	// Message sends a published message to each of To, as one frame encoded once,
	// and then answers its Publish with how many of them it could be queued for.
	Message struct {
		Session  SessionID
		Sequence uint64
		To       []SessionID
		Number   CallID // among the calls'; 0 where it is for nobody
		Room     uint32
		Body     protocol.Deliver
		Payload  []byte
	}
	// Willed answers a Will.
	Willed struct {
		Session  SessionID
		Sequence uint64
	}
	// LastWord sends a will to each of To, and to each that is Watching.
	LastWord struct {
		Of       SessionID // whose it is
		To       []SessionID
		Watching []Watching
		Number   CallID // as in Message
		Room     uint32 // likewise
		Body     protocol.LastWord
		Payload  []byte
	}
	// Resumed gives a session to the connection By, under its own id.
	Resumed struct {
		Session  SessionID
		By       SessionID
		TookOver bool // from a connection that is not cut, and has to be ended
		Will     bool // it has one still
	}
	// NotResumed refuses a Resume: By is a session of its own, or where there is an
	// Err to be ended with it.
	NotResumed struct {
		By  SessionID
		Err *protocol.Error
	}
	// Ended tells that a session which was cut is lost: nothing of it is needed.
	Ended struct {
		Session SessionID
		Why     string
	}
	// Withdraw tells that these sessions' replies are not needed any more: a
	// Deliver still queued whole is taken back, else a Cancel frame follows it. A
	// Bind that is still queued is taken back as well.
	Withdraw struct {
		From []SessionID
		Call CallID
		Room uint32
	}
	// Evict ends a session that does not keep to its limits: its Lost is to follow.
	Evict struct {
		Session SessionID
		Err     *protocol.Error
	}
	// Settled tells that more entries of a call in flight are final and may go
	// home: of one that asked for them, or where they are many. Or that there is more
	// of the reply that its account is Coming with.
	Settled struct{ *Account }
	// Finished carries what is left of an account home. It is held until Release.
	Finished struct{ *Account }
	// Abandoned tells of an account whose caller was lost, and which goes nowhere. It
	// is whole, and not to be released.
	Abandoned struct{ *Account }
	// View shows a watcher one view: the full one first, then what changed.
	View struct {
		Session  SessionID
		Sequence uint64
		Change   *protocol.ViewChunk // the same for all who watch; any number of members: the broker cuts it into frames
	}
)

func (Joined) effect()     {}
func (LeftRoom) effect()   {}
func (Expelled) effect()   {}
func (Stated) effect()     {}
func (Forgot) effect()     {}
func (Failed) effect()     {}
func (Deliver) effect()    {}
func (Message) effect()    {}
func (Bind) effect()       {}
func (Bound) effect()      {}
func (Withdraw) effect()   {}
func (Willed) effect()     {}
func (LastWord) effect()   {}
func (Resumed) effect()    {}
func (NotResumed) effect() {}
func (Ended) effect()      {}
func (Settled) effect()    {}
func (Finished) effect()   {}
func (Abandoned) effect()  {}
func (Evict) effect()      {}
func (View) effect()       {}

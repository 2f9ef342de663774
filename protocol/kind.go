package protocol

// Kind says what a frame is. Append-only: a number is never used again.
type Kind uint8

// The kinds, with who sends them (p a process, b the broker) and the header
// fields beyond sequence that they use.
const (
	KindHello   Kind = 1  // p: meta Hello; the first frame of a session
	KindWelcome Kind = 2  // b: meta Welcome
	KindJoin    Kind = 3  // p: meta Join
	KindJoined  Kind = 4  // b: room, member; meta Joined
	KindLeave   Kind = 5  // p: room
	KindLeft    Kind = 6  // b: room
	KindCall    Kind = 7  // p: budget, member; meta Call, payload
	KindDeliver Kind = 8  // b: room, budget; meta Deliver, payload; sequence names the call in that room
	KindReceipt Kind = 9  // p: room, the sequence of the Deliver
	KindReply   Kind = 10 // p: room, the sequence of the Deliver, outcome; payload; FlagMore: another part follows
	KindAccount Kind = 11 // b: meta AccountChunk; FlagMore: another chunk follows
	KindCancel  Kind = 12 // p: ends the call or watch of that sequence; b: room, the Deliver of that sequence needs no reply any more
	KindWatch   Kind = 13 // p: meta Watch
	KindView    Kind = 14 // b: meta ViewChunk; FlagMore: the same view goes on in the next frame
	KindPing    Kind = 15 // both
	KindPong    Kind = 16 // both: the sequence of the Ping
	KindGoAway  Kind = 17 // b: meta GoAway; no new calls, what runs may finish
	KindError   Kind = 18 // b: code; meta ErrorText; sequence 0 ends the session, else only that request
	KindForget  Kind = 19 // p: meta Forget
	KindForgot  Kind = 20 // b: meta Forgot
	KindPublish Kind = 21 // p: member; meta Publish, payload

	KindPublished Kind = 22 // b: meta Published
	KindState     Kind = 23 // p: room; meta State
	KindStated    Kind = 24 // b: room; meta Stated
	KindStatus    Kind = 25 // p
	KindStats     Kind = 26 // b: meta Stats
	KindOffer     Kind = 27 // p: budget; meta Offer, payload
	KindOffered   Kind = 28 // b: room, budget; meta Deliver, payload; sequence names the offer in that room, as in Deliver
	KindBid       Kind = 29 // p: room, the sequence of the Offered; meta Bid
	KindBind      Kind = 30 // b: room, budget, the sequence of the Offered; its receiver, and nobody else, begins
	KindBound     Kind = 31 // b: the offer's sequence, member; meta Bound
	KindExpelled  Kind = 32 // b: room, code; meta ErrorText; the broker has ended that membership
	KindAck       Kind = 33 // both: so many frames have come, in sequence
	KindBye       Kind = 34 // p: the session ends, and is not lost
	KindWill      Kind = 35 // p: member; meta Will, payload
	KindWilled    Kind = 36 // b: answers Will
	KindLastWord  Kind = 37 // b: room, or the watch's sequence; meta LastWord, payload
	KindDrain     Kind = 38 // p: meta Drain
	KindDraining  Kind = 39 // b: meta Draining
)

var kindNames = [...]string{
	KindHello: "hello", KindWelcome: "welcome", KindJoin: "join", KindJoined: "joined",
	KindLeave: "leave", KindLeft: "left", KindCall: "call", KindDeliver: "deliver",
	KindReceipt: "receipt", KindReply: "reply", KindAccount: "account", KindCancel: "cancel",
	KindWatch: "watch", KindView: "view", KindPing: "ping", KindPong: "pong",
	KindGoAway: "go_away", KindError: "error", KindForget: "forget", KindForgot: "forgot",
	KindPublish: "publish", KindPublished: "published",
	KindState: "state", KindStated: "stated",
	KindStatus: "status", KindStats: "stats",
	KindOffer: "offer", KindOffered: "offered", KindBid: "bid", KindBind: "bind", KindBound: "bound",
	KindExpelled: "expelled",
	KindAck:      "ack", KindBye: "bye", KindWill: "will", KindWilled: "willed", KindLastWord: "last_word",
	KindDrain: "drain", KindDraining: "draining",
}

// String is the kind's name in SPEC.md.
func (k Kind) String() string { return nameOf(kindNames[:], int(k), "kind") }

// Known tells whether this version of the protocol has that kind.
func (k Kind) Known() bool { return k >= KindHello && int(k) < len(kindNames) }

// Flags of a frame. Append-only.
type Flags uint8

const (
	FlagMore      Flags = 1 << 0 // the next frame of this kind and sequence goes on where this one ends
	FlagIgnorable Flags = 1 << 1 // a receiver that does not know the kind skips the frame
	FlagNoReply   Flags = 1 << 2 // Deliver: it was published, and wants neither receipt nor reply
)

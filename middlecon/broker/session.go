package broker

import (
	"bytes"
	"time"
	"unique"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// transport is a connection as a session sees it: bytes out, and how many of
// them the kernel has not taken yet. gnet.Conn is one.
type transport interface {
	Write(b []byte) (int, error)
	OutboundBuffered() int
	Discard(n int) (int, error) // of what came; a negative n: all
	Fd() int
	Close() error
}

// session is one connection. All of it belongs to the loop, after enrol. There
// are very many that are idle: what only some have is behind a pointer.
type session struct {
	id       uint64
	kin      unique.Handle[room.Peer] // what its peer has in common with others
	conn     transport
	pid      int32  // its peer's
	need     int32  // bytes that the frame on its way has in all
	held     uint16 // bytes that have come of it, fewer than there may be
	strays   int16  // answers that nobody waited for, less those that its deliveries account for
	kind     sort   // what is known of it in bits
	welcomed bool
	gone     bool     // the rooms know that it ended
	closing  bool     // its last frame is queued; nothing that comes is read any more
	closed   bool     // its transport is of no use any more
	dirty    bool     // it is in the broker's list of sessions to flush
	blocked  bool     // it is in the broker's list of sessions whose transport is full
	paced    bool     // it is in the broker's list of sessions to be pulled later
	parted   bool     // it has heard its last word
	cut      bool     // it has no connection, and may be resumed
	begun    bool     // it is in the broker's list of sessions that have begun a frame
	probe    *probing // nil where its host cannot be gone unseen

	heard time.Duration // when its latest frame came, if it is hidden
	look  time.Duration // when it is looked at again, likewise

	queue  []queued // frames that no byte of has been handed to the transport, oldest first
	bytes  int      // in queue
	shared int      // of what all sessions may have waiting
	caller *caller  // nil before its first call, where it cannot be resumed
}

// caller is what only a session has that calls, floods, or may be resumed.
type caller struct {
	keep    *resumable    // nil where it cannot be
	owes    time.Duration // until when it has had its share of the loop
	latest  *asked
	pulling []pull // accounts that flow as the queue empties, oldest first
	homing  int    // bytes of pulling
}

// sort is of bits, because a byte for each would make a session larger.
type sort uint16

const (
	hidden    sort = 1 << iota // its process can be stuck unseen: it is pinged
	moves                      // it goes by itself when the broker goes away
	inLine                     // what it has sent waits in line
	overdue                    // it has not said a hello in time
	astray                     // what it answered last nobody had asked
	pinged                     // it was pinged since it was heard
	denied                     // in its last turn it asked for what it may not have: deliveries, or a change of tables
	postponed                  // it is to be written to in a turn to come, and what it is lent until then outlives its turn
	unwritten                  // a long message to many has yet to be written to it, in a turn to come
	long                       // its next frame is a long message, which waits for that
)

// is tells whether the session is of that sort.
func (s *session) is(what sort) bool { return s.kind&what != 0 }

func (s *session) key() room.SessionID { return room.SessionID(s.id) }

// peer is what is known of who is behind the session.
func (s *session) peer() room.Peer {
	p := s.kin.Value()
	p.PID = s.pid
	return p
}

// calls makes the session one that calls.
func (s *session) calls() *caller {
	if s.caller == nil {
		s.caller = &caller{}
	}
	return s.caller
}

// keep is what a session has that may be resumed, or nil.
func (s *session) keep() *resumable {
	if s.caller == nil {
		return nil
	}
	return s.caller.keep
}

// queued is one frame that waits for a session. The bytes are shared by all
// sessions that get the same frame and are never changed.
type queued struct {
	frame []byte
	call  room.CallID // of a Deliver, an Offered or a Bind, else 0
	bind  bool        // it is a Bind
	lent  bool        // the bytes are the turn's: who waits longer needs its own
}

// own copies what the queue was lent, at the end of a turn that it outlives.
func (s *session) own() {
	for i := range s.queue {
		s.queue[i].own()
	}
}

// own is that of one frame.
func (q *queued) own() {
	if q.lent {
		q.frame, q.lent = bytes.Clone(q.frame), false
	}
}

// withdraw takes back what is still queued whole of a call: a Deliver, or of an
// offer the Bind. It tells whether its process has not heard of the call at all.
func (s *session) withdraw(call room.CallID) (unheard bool) {
	kept := s.queue[:0]
	for _, q := range s.queue {
		if q.call != call {
			kept = append(kept, q)
			continue
		}
		s.bytes -= len(q.frame)
		unheard = unheard || !q.bind
	}
	clear(s.queue[len(kept):])
	s.queue = kept
	return unheard
}

// frame encodes a frame without a payload; bodies made by the broker fit by construction.
func frame(h protocol.Header, body any) []byte {
	var meta []byte
	if body != nil {
		meta = protocol.Encode(body)
	}
	b, err := protocol.AppendFrame(make([]byte, 0, protocol.HeaderSize+len(meta)), h, meta, nil)
	if err != nil {
		panic("broker: " + err.Error())
	}
	return b
}

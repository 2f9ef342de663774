package middlecon

import (
	"net"
	"sync"
	"sync/atomic"

	"ddcos/protocol"
)

// link is one session with one broker. A connection has one, and while it moves
// those that it leaves beside it, until nothing runs in them any more.
type link struct {
	place   place
	at      protocol.Address // where the broker was reached
	in      *reader
	out     *writer
	credits *credits
	batch   []*delivery            // the reader's own: came since it last waited for the network
	members map[uint32]*Membership // by room number; Conn.mu guards it
	away    bool                   // the broker goes away; the reader's own

	running atomic.Int64  // requests that wait, and deliveries that are not replied to
	idle    chan struct{} // a place for one: running was 0
	hurry   chan struct{} // a place for one: somebody waits for the next session
	left    chan struct{} // closed when it is not the connection's session any more
	leaving sync.Once
	over    chan struct{} // closed with the session

	lasting *lasting      // nil where it cannot be resumed; the reader's own
	lasts   atomic.Bool   // it can
	broken  bool          // a frame was of no use; the reader's own
	hasWill atomic.Bool   // the broker has one of it
	polite  atomic.Bool   // it said bye
	deaf    chan struct{} // a place for one: after that nothing more came
	ending  sync.Once
}

func newLink(p place, nc net.Conn) *link {
	return &link{
		place: p, at: p.at, in: &reader{from: nc}, out: newWriter(nc), members: map[uint32]*Membership{},
		idle: make(chan struct{}, 1), hurry: make(chan struct{}, 1), left: make(chan struct{}), over: make(chan struct{}), deaf: make(chan struct{}, 1),
	}
}

// enter and exit count what runs in the session.
func (l *link) enter() { l.running.Add(1) }

func (l *link) exit() {
	if l.running.Add(-1) == 0 {
		notice(l.idle)
	}
}

// leave tells those who wait for the next session that this one is none any more.
func (l *link) leave() { l.leaving.Do(func() { close(l.left) }) }

func (l *link) isOver() bool {
	select {
	case <-l.over:
		return true
	default:
		return false
	}
}

// end closes the session, once; its reader finds out.
func (l *link) end() {
	l.ending.Do(func() {
		l.leave()
		close(l.over)
		l.out.stop()
	})
}

// notice leaves a token where there is a place for one.
func notice(place chan struct{}) {
	select {
	case place <- struct{}{}:
	default:
	}
}

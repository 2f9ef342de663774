package room

import (
	"errors"
	"time"

	"ddcos/protocol"
)

// Rooms are all rooms of one broker, with their members, watches, calls and
// the members that were lost. One owner calls it; it holds no lock.
type Rooms struct {
	broker uint32
	limits Limits
	now    time.Duration // of the latest Step; it never goes back
	short  bool          // of memory: there is none for new calls, and for more of members
	behind bool          // deadlines wait for a Tick

	sessions Table[session]
	rooms    map[string]*room
	numbers  map[uint32]*room
	calls    map[CallID]*call
	due      deadlines
	lost     lostList // of all rooms
	parted   partedHeap

	lastRoom   uint32
	lastSerial uint64
	lastCall   CallID
	lastView   uint64 // the highest view of any room that was dropped
	lastOrder  uint64 // of the calls that entered due
	waiting    int    // calls whose view is not fixed
	offers     int    // of the calls in flight, those that are offers
	answers    uint64 // replies, parts of replies, receipts and bids that were waited for
	shown      int    // bytes of the members
	held       int    // bytes of replies and waiting messages of the calls in flight
	entries    int    // of their accounts
	budget     budget

	spare      []*call // that are over, to be used again
	spareSlots int     // of them all

	stats    Stats
	effects  []Effect
	selected []*member // scratch of accept
}

// New makes a broker's rooms, empty. The broker's number is in every MemberID.
func New(broker uint32, limits Limits) *Rooms {
	return &Rooms{
		broker:  broker,
		limits:  limits,
		rooms:   make(map[string]*room),
		numbers: make(map[uint32]*room),
		calls:   make(map[CallID]*call),
		budget:  budget{paid: make(map[Principal]time.Duration)},
	}
}

// Step takes one event at now, a monotonic time since the broker's start, and
// returns what is to be done, in order. The returned slice is used again by
// the next Step; what the effects point to is the receiver's, but is shared
// between effects and must not be written to, and an account is only lent until
// Release. Nothing of ev is kept but the strings and maps of its Body and Peer.
//
// Deadlines that are due at now come before the event, so that a reply at the
// deadline is late. Sent and Overflow are the exceptions: they tell what the
// transport did earlier, and a deadline in between would call a frame not_sent
// whose bytes are gone. They leave the deadlines to the next event. Behind leaves them to the next Tick,
// and Memory as they are.
func (r *Rooms) Step(now time.Duration, ev Event) []Effect {
	r.now = max(r.now, now)
	r.effects = forget(r.effects)
	switch e := ev.(type) {
	case Sent:
		r.sent(e)
		return r.effects
	case Overflow:
		r.overflow(e)
		return r.effects
	case Memory:
		r.short = e.Short
		return r.effects
	case Behind:
		r.behind = true
		return r.effects
	case Tick:
		r.behind = false
	case Lost: // nothing more is for it, not even what is due now
		if s := r.sessions.Get(e.Session); s != nil {
			s.lost = true
		}
	}
	if !r.behind {
		r.expireCalls()
		r.expireParted()
		r.expireAbsent()
	}
	r.happens(ev)
	return r.effects
}

// happens takes one event at its time.
func (r *Rooms) happens(ev Event) {
	switch e := ev.(type) {
	case Receipt:
		r.receipt(e)
	case Reply:
		r.reply(e)
	case Call:
		r.call(e, nil)
	case Offer:
		r.offer(e)
	case Bid:
		r.bid(e)
	case Cancel:
		r.cancel(e)
	case Join:
		r.join(e)
	case Leave:
		r.leave(e)
	case Expel:
		r.expel(e)
	case Lost:
		if s := r.sessions.Get(e.Session); s != nil {
			r.lose(s, e.Why, e.Meant)
		}
	case Watch:
		r.watch(e)
	case Forget:
		r.forgetLost(e)
	case Publish:
		r.publish(e)
	case SetState:
		r.setState(e)
	default:
		r.befalls(e)
	}
}

// Next is when a deadline comes, a window ends, a will is due or a lost member is
// forgotten, whichever is first: the owner then gives a Tick, if nothing else happens. It may be past.
func (r *Rooms) Next() (at time.Duration, ok bool) {
	if len(r.due) > 0 {
		at, ok = r.due[0].deadline, true
	}
	if len(r.parted) > 0 {
		if part := r.parted[0].keep.at(); !ok || part < at {
			at, ok = part, true
		}
	}
	if r.lost.oldest != nil {
		forget := r.lost.oldest.at + r.limits.AbsentFor
		if !ok || forget < at {
			at, ok = forget, true
		}
	}
	return at, ok
}

// forget lets go of what effects point to, and of payloads that are not theirs.
func forget(effects []Effect) []Effect {
	for i, e := range effects {
		if d, ok := e.(Deliver); ok {
			d.Payload = nil
		}
		effects[i] = nil
	}
	return effects[:0]
}

func (r *Rooms) emit(e Effect) { r.effects = append(r.effects, e) }

func (r *Rooms) fail(s SessionID, sequence uint64, err error) {
	r.emit(Failed{Session: s, Sequence: sequence, Err: asError(err)})
}

func asError(err error) *protocol.Error {
	var e *protocol.Error
	if !errors.As(err, &e) {
		e = protocol.Errorf(protocol.CodeInternal, "%v", err)
	}
	return e
}

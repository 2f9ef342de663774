package broker

import (
	"time"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// A principal whose calls have just been delivered to fairAhead members that have not
// answered has its next call wait, as long as another principal has called within the last
// fairFor: else all that it may cause at once would stand before the calls of others in
// their members' queues. A principal that causes more than its rate has its next call wait
// for all members that have not answered, whoever called them. After fairTime nobody waits
// for slow members any more.
const (
	fairAhead = 16
	fairTime  = 2 * time.Millisecond
	fairFor   = time.Second
)

// fair is the account of that, and who waits.
type fair struct {
	owes   func(room.Principal) bool     // has it caused more than its rate
	latest room.Principal                // who called last
	shared time.Duration                 // until when there is more than one who calls
	began  time.Duration                 // of the deliveries that count
	ahead  map[room.Principal]int        // of these, that are not answered
	all    int                           // the sum of ahead
	held   map[room.Principal][]*session // first come, first served; some that do not wait any more
	eased  bool                          // some of held may go on before fairTime is over
	posts  bool                          // those are about to
}

func newFair(owes func(room.Principal) bool) fair {
	return fair{owes: owes, ahead: map[room.Principal]int{}, held: map[room.Principal][]*session{}}
}

// asksMembers tells whether a frame is delivered to members that answer.
func asksMembers(k protocol.Kind) bool { return k == protocol.KindCall || k == protocol.KindOffer }

// counts tells whether anybody has to wait.
func (f *fair) counts(now time.Duration) bool { return now < f.shared && now < f.began+fairTime }

// waits tells whether a principal's next call has to.
func (f *fair) waits(p room.Principal, now time.Duration) bool {
	return f.counts(now) && (f.ahead[p] >= fairAhead || f.all > 0 && f.owes(p))
}

// delivered charges a principal for a call to so many.
func (f *fair) delivered(p room.Principal, members int, now time.Duration) {
	if p != f.latest {
		if f.latest != "" {
			f.shared = now + fairFor
		}
		f.latest = p
	}
	if now >= f.shared {
		return
	}
	if now >= f.began+fairTime {
		f.began = now
		clear(f.ahead)
		f.all, f.eased = 0, true
	}
	f.ahead[p] += members
	f.all += members
}

// answered is for a call that is over, and counted if it was delivered lately enough.
func (f *fair) answered(a *room.Account, now time.Duration) {
	p := a.Caller.Principal
	n := f.ahead[p]
	if n == 0 || now-time.Duration(a.Summary.ElapsedUS)*time.Microsecond < f.began {
		return
	}
	left := max(0, n-len(a.Entries))
	f.ahead[p] = left
	f.all -= n - left
	f.eased = f.eased || n >= fairAhead && left < fairAhead || f.all == 0
}

// hold has a session wait whose next call has to.
func (f *fair) hold(p room.Principal, s *session) { f.held[p] = append(f.held[p], s) }

// callHeld has those that wait go on, if any may. Who is in the way of that are principals
// and not their sessions, which may be very many.
func (b *Broker) callHeld() {
	f := &b.fair
	if len(f.held) > 0 && !f.posts && (f.eased || !f.counts(b.clock)) {
		f.posts = true
		b.mailbox.post(b.passHeld)
	}
}

// passHeld lets those go on that may, for a slice of time. Who has to wait again is behind
// the others of its principal.
func (b *Broker) passHeld() {
	f, began := &b.fair, b.now()
	f.posts, f.eased, b.clock = false, false, began
	for p := range f.held {
		for ; len(f.held[p]) > 0 && b.clock-began <= sliceTime && !f.waits(p, b.clock); b.clock = b.now() {
			s := f.held[p][0]
			f.held[p][0] = nil
			if f.held[p] = f.held[p][1:]; s.is(inLine) {
				b.passes(s, readPatient)
			}
		}
		if len(f.held[p]) == 0 {
			delete(f.held, p)
		}
		if b.clock-began > sliceTime {
			f.eased = true // the rest has another slice
			break
		}
	}
	b.callHeld()
	b.arm()
}

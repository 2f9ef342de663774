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
	owes   func(room.Principal) bool // has it caused more than its rate
	latest room.Principal            // who called last
	shared time.Duration             // until when there is more than one who calls
	began  time.Duration             // of the deliveries that count
	ahead  map[room.Principal]int    // of these, that are not answered
	all    int                       // the sum of ahead
	held   inTurn                    // who has called much
	debts  inTurn                    // who has caused more than its rate
	eased  bool                      // some of those may go on before fairTime is over
	posts  bool                      // they are about to
}

// inTurn are sessions that wait: those of a principal first come, first served, and the
// principals in turn. Some do not wait any more.
type inTurn struct {
	order []room.Principal
	of    map[room.Principal][]*session
}

func newFair(owes func(room.Principal) bool) fair {
	return fair{owes: owes, ahead: map[room.Principal]int{}}
}

func (q *inTurn) add(p room.Principal, s *session) {
	if q.of == nil {
		q.of = map[room.Principal][]*session{}
	}
	if len(q.of[p]) == 0 {
		q.order = append(q.order, p)
	}
	q.of[p] = append(q.of[p], s)
}

// skip has the first principal wait behind the others.
func (q *inTurn) skip() { q.order = append(q.order[1:], q.order[0]) }

// take is its first session; the others wait behind those of the other principals.
func (q *inTurn) take() *session {
	p := q.order[0]
	s, rest := q.of[p][0], q.of[p][1:]
	q.of[p][0] = nil
	if q.of[p] = rest; len(rest) > 0 {
		q.skip()
		return s
	}
	delete(q.of, p)
	q.order = q.order[1:]
	return s
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
func (f *fair) hold(p room.Principal, s *session) {
	if f.owes(p) {
		f.debts.add(p, s)
		return
	}
	f.held.add(p, s)
}

// holds tells whether anybody waits.
func (f *fair) holds() bool { return len(f.held.order)+len(f.debts.order) > 0 }

// callHeld has those that wait go on, if any may.
func (b *Broker) callHeld() {
	f := &b.fair
	if f.holds() && !f.posts && (f.eased || !f.counts(b.clock)) {
		f.posts = true
		b.mailbox.post(b.passHeld)
	}
}

// passHeld lets those go on that may, for a slice of time. Of those who have called much
// there are only as many principals as so many calls fit into fairTime, and all are looked
// at; of those beyond their rate, who may be very many, none may go on behind one that may not.
func (b *Broker) passHeld() {
	f, began := &b.fair, b.now()
	f.posts, f.eased = false, false
	more := func() bool { b.clock = b.now(); return b.clock-began <= sliceTime }
	for stay := 0; stay < len(f.held.order) && more(); {
		if stay++; f.waits(f.held.order[0], b.clock) {
			f.held.skip()
			continue
		}
		b.goesOn(f.held.take())
		stay = 0
	}
	for len(f.debts.order) > 0 && more() && !f.waits(f.debts.order[0], b.clock) {
		b.goesOn(f.debts.take())
	}
	f.eased = f.eased || !more() // the rest has another slice
	b.callHeld()
	b.arm()
}

func (b *Broker) goesOn(s *session) {
	if s.is(inLine) {
		b.passes(s, readPatient)
	}
}

package room

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"ddcos/protocol"
)

const (
	simBroker = 0xb0b
	simSeeds  = 3000
	simSteps  = 300
)

// simLimits are small, so that a history meets them, and a third of them smaller still in
// each: so every limit is the first to be met in some.
func simLimits(random *rand.Rand) Limits {
	l := Limits{
		Rooms: 3, Members: 5, MemberBytes: 9*memberWeight + 268, Parted: 3, SessionRooms: 2, SessionCalls: 2, SessionWatches: 2, Calls: 5,
		StateBurst: 2, StateEvery: 10 * time.Millisecond, ReplyBytes: 40, AccountBytes: 90, HeldBytes: 200, BlockBytes: 11, PartBytes: 150, Overdraws: 2, Entries: 8, Deliveries: 150, DeliveryBurst: 8, Principals: 3, Absent: 2, AbsentAll: 3, AbsentBytes: 4*memberWeight + 100, AbsentFor: 80 * time.Millisecond,
	}
	for _, limit := range []struct {
		is    *int
		least int
	}{
		{&l.Members, 2},
		{&l.MemberBytes, 3 * memberWeight},
		{&l.Parted, 1},
		{&l.SessionRooms, 1},
		{&l.SessionCalls, 1},
		{&l.SessionWatches, 1},
		{&l.Calls, 2},
		{&l.StateBurst, 1},
		{&l.ReplyBytes, 15},
		{&l.AccountBytes, 20},
		{&l.HeldBytes, 40},
		{&l.PartBytes, 140},
		{&l.Overdraws, 0},
		{&l.Entries, 4},
		{&l.DeliveryBurst, 2},
		{&l.Principals, 1},
		{&l.Absent, 1},
		{&l.AbsentAll, 1},
		{&l.AbsentBytes, memberWeight + 50},
	} {
		if random.IntN(3) == 0 {
			*limit.is = limit.least + random.IntN(*limit.is-limit.least+1)
		}
	}
	return l
}

// TestSimulation plays random histories, and the model checks every step of
// them. ROOM_SEED=N plays that one again and tells it event by event;
// ROOM_SEEDS=N plays so many instead of simSeeds, and ROOM_SEEDS=M-N those from M to before N.
func TestSimulation(t *testing.T) {
	if text := os.Getenv("ROOM_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("ROOM_SEED: %v", err)
		}
		if err := simulate(seeded(seed), stepsOf(seed), make(met), t.Logf); err != nil {
			t.Error(err)
		}
		return
	}
	sum, first, end := make(met), uint64(0), uint64(simSeeds)
	if text := os.Getenv("ROOM_SEEDS"); text != "" {
		if _, err := fmt.Sscanf(text, "%d-%d", &first, &end); err != nil {
			first = 0
			if _, err := fmt.Sscan(text, &end); err != nil {
				t.Fatalf("ROOM_SEEDS: %v", err)
			}
		}
	}
	for seed := first; seed < end; seed++ {
		if seed > 0 && seed%10_000 == 0 {
			fmt.Fprintf(os.Stderr, "%d of %d histories\n", seed, end)
		}
		if err := simulate(seeded(seed), stepsOf(seed), sum, nil); err != nil {
			t.Fatalf("seed %d, %v\nagain: ROOM_SEED=%d go test -run TestSimulation -v ./middlecon/room", seed, err, seed)
		}
	}
	sum.check(t)
}

func seeded(seed uint64) rand.Source { return rand.NewPCG(seed, 1) }

// stepsOf makes some histories long: their tables grow, close their holes and grow again.
func stepsOf(seed uint64) int {
	if seed%100 == 0 {
		return 20 * simSteps
	}
	return simSteps
}

// FuzzHistory lets the fuzzer choose what TestSimulation leaves to chance, a
// byte a choice. Give it -fuzzminimizetime=1x, or it shortens instead of searching.
func FuzzHistory(f *testing.F) {
	for seed := range uint64(4) {
		source, data := seeded(seed), make([]byte, 4*simSteps)
		for i := range data {
			data[i] = byte(source.Uint64())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := simulate(&choices{data: data}, min(len(data)/4, simSteps), make(met), nil); err != nil {
			t.Error(err)
		}
	})
}

// choices are a fuzzer's bytes as a random source. Where they end, a counter
// goes on: the same bytes must always make the same history.
type choices struct {
	data []byte
	more uint64
}

// Uint64 is the next byte, eight times.
func (c *choices) Uint64() uint64 {
	if len(c.data) == 0 {
		c.more += 0x9e3779b97f4a7c15
		return c.more
	}
	n := uint64(c.data[0]) * 0x0101010101010101
	c.data = c.data[1:]
	return n
}

// met counts what the histories came across, lest they prove nothing.
type met map[string]uint64

func (m met) add(s Stats) {
	for _, o := range protocol.Outcomes() {
		m[o.String()] += s.Outcomes[o]
	}
	m["late"] += s.Late
	m["duplicate"] += s.Duplicate
	m["unknown"] += s.Unknown
	m["abandoned"] += s.Abandoned
	m["offers abandoned"] += s.Offers.Abandoned
	m["bound"] += s.Bound
	m["bids late"] += s.BidsLate
	m["bids duplicate"] += s.BidsDuplicate
	m["bids unknown"] += s.BidsUnknown
	m["resumed"] += s.Resumed
	m["taken over"] += s.TakenOver
	m["windows ended"] += s.Expired
	m["resumes refused"] += s.ResumesRefused
	m["wills"] += s.WillsSent
}

func (m met) check(t *testing.T) {
	t.Log(m)
	delete(m, protocol.UnreachableBroker.String()) // it takes two brokers
	for _, code := range []protocol.Code{
		protocol.CodeNameTaken, protocol.CodeAlreadyMember, protocol.CodeNotMember, protocol.CodeBadName, protocol.CodeBadRule,
		protocol.CodeBadDeadline, protocol.CodeTooManyRooms, protocol.CodeTooManyMembers, protocol.CodeTooManyCalls,
		protocol.CodeTooManyWatches, protocol.CodeDuplicate, protocol.CodeNoSuchMember, protocol.CodeBadState, protocol.CodeTooManyDeliveries, protocol.CodeOverloaded, protocol.CodeTooManyChanges, protocol.CodeFrameTooLarge,
	} {
		m[code.String()] += 0
	}
	for what, n := range m {
		if n < simSeeds/20 {
			t.Errorf("%d histories met %s %d times", simSeeds, what, n)
		}
	}
}

// world makes the events of one history.
type world struct {
	*rand.Rand
	m     *model
	r     *Rooms
	met   met
	now   time.Duration
	alive []SessionID
	last  SessionID
	said  int

	first  []Event // that come before all others
	offers int     // of 4 calls, and those of 6 that wait
	waits  int
	claims *claims
	pipes  *pipes
}

// simulate plays one history of so many steps, then loses every session.
func simulate(source rand.Source, steps int, sum met, log func(string, ...any)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	random := rand.New(source)
	limits := simLimits(random)
	w := &world{claims: newClaims(), met: sum, Rand: random, offers: random.IntN(4), waits: random.IntN(5), m: newModel(limits), r: New(simBroker, limits)}
	w.pipes = &pipes{world: w, to: map[CallID][]SessionID{}, ends: map[SessionID]*pipe{}}
	for range 6 {
		w.open()
	}
	for step := range steps {
		w.pass()
		if err := w.step(w.event(), log); err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
	}
	for _, s := range slices.Clone(w.alive) {
		if err := w.step(Lost{Session: s, Why: "end"}, log); err != nil {
			return fmt.Errorf("at the end: %w", err)
		}
	}
	for range 2 { // windows end, and then the lost are forgotten
		w.now = w.m.now + limits.AbsentFor
		if err := w.step(Tick{}, log); err != nil {
			return fmt.Errorf("at the end: %w", err)
		}
	}
	for len(w.m.unread) > 0 {
		w.read()
	}
	sum.add(w.r.Stats())
	sum["parts void"] += w.m.voids
	return w.quiet()
}

// quiet wants nothing left of a history whose sessions are all lost.
func (w *world) quiet() error {
	s, r := w.r.Stats(), w.r
	left := s.Entries + s.InFlight + s.Rooms + s.Members + s.Watches + s.Absent + s.Held + s.Parted + s.Wills
	tables := r.sessions.Len() + len(r.rooms) + len(r.numbers) + len(r.calls) + len(r.due)
	if left != 0 || tables != 0 || r.lost != (lostList{}) {
		return fmt.Errorf("something is left: %+v", s)
	}
	return nil
}

func (w *world) step(ev Event, log func(string, ...any)) error {
	effects := w.r.Step(w.now, ev)
	if log != nil {
		log("%v %T%+v", w.now, ev, ev)
		for _, e := range effects {
			log("    %s", describe(e))
		}
	}
	for _, e := range effects {
		switch e := e.(type) {
		case Failed:
			w.met[e.Err.Code.String()]++
		case Settled:
			if i, coming := e.Coming(); coming {
				w.met["parts told"] += uint64(min(1, e.ReplyBytes(i)))
			}
		}
	}
	if err := w.claims.step(ev, effects); err != nil {
		return fmt.Errorf("%T%+v: at most one is bound: %w", ev, ev, err)
	}
	if err := w.pipes.step(ev, effects); err != nil {
		return fmt.Errorf("%T%+v: at most once: %w", ev, ev, err)
	}
	w.m.step(w.now, ev, effects)
	w.returned(effects)
	w.m.checkStats(w.r)
	w.m.checkKnown(w.r, w.alive[int(w.m.lastCall)%len(w.alive)], effects)
	w.read()
	if w.m.failed != "" {
		return fmt.Errorf("%T%+v: %s", ev, ev, w.m.failed)
	}
	return nil
}

// read lets some callers read their accounts to the end, and others wait.
func (w *world) read() {
	for i := 0; i < len(w.m.unread); {
		u := w.m.unread[i]
		if w.IntN(4) == 0 {
			i++
			continue
		}
		w.m.stays(u)
		w.m.isHome(u.account.Session)
		w.r.Release(u.account)
		w.m.unread = slices.Delete(w.m.unread, i, i+1)
	}
	w.m.checkStats(w.r)
}

// open lets a new session connect.
func (w *world) open() {
	w.last++
	w.alive = append(w.alive, w.last)
	w.held(w.last)
}

// pass lets time go on: often not at all, sometimes exactly to the next
// deadline or just before it, and now and then backwards.
func (w *world) pass() {
	at, ok := w.r.Next()
	switch n := w.IntN(40); {
	case n < 20:
	case n < 36:
		w.now += time.Duration(w.IntN(500)) * time.Microsecond
	case n == 36 && ok:
		w.now = max(w.now, at)
	case n == 37 && ok:
		w.now = max(w.now, at-1)
	case n == 38:
		w.now += time.Duration(w.IntN(30)) * time.Millisecond
	case n == 39:
		w.now -= min(w.now, time.Millisecond)
	}
}

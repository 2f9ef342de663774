package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unique"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// Who waits, and for how long: only who has called much, lately and beside others.
func TestWhoIsHeld(t *testing.T) {
	const now = time.Hour
	const much, other = room.Principal("much"), room.Principal("other")
	debtor := room.Principal("")
	f := newFair(func(p room.Principal) bool { return p == debtor })
	f.delivered(much, 100*fairAhead, now)
	if f.waits(much, now) {
		t.Error("it is alone, and waits")
	}
	f.delivered(other, 1, now)
	f.delivered(much, fairAhead-1, now)
	if f.waits(much, now) {
		t.Error("it may have one more, and waits")
	}
	f.delivered(much, 1, now)
	if !f.waits(much, now) || f.waits(other, now) {
		t.Error("the wrong one waits")
	}
	if f.waits(much, now+fairTime) {
		t.Error("it waits for members that are slow")
	}
	over := func(elapsed time.Duration) *room.Account {
		return &room.Account{
			Caller: room.Peer{Principal: much}, Entries: make([]protocol.Entry, 2),
			Summary: protocol.Summary{ElapsedUS: uint64(elapsed.Microseconds())},
		}
	}
	f.eased = false
	if f.answered(over(time.Second), now+time.Microsecond); !f.waits(much, now) || f.eased {
		t.Error("the end of an old call has it go on")
	}
	if f.answered(over(0), now+time.Microsecond); f.waits(much, now) || !f.eased {
		t.Error("members have answered, and it waits")
	}
	f.delivered(much, 2, now)
	if f.delivered(other, 1, now+fairTime); f.ahead[much] != 0 || f.all != 1 {
		t.Error("what is long ago counts")
	}
	debtor = much
	if !f.waits(much, now+fairTime) || f.waits(other, now+fairTime) {
		t.Error("a debtor does not wait for others, or they for it")
	}
	if f.waits(much, now+2*fairTime) {
		t.Error("a debtor waits for members that are slow")
	}
	end := over(0)
	end.Caller.Principal, f.eased = other, false
	if f.answered(end, now+fairTime); f.waits(much, now+fairTime) || !f.eased {
		t.Error("a debtor waits for nobody")
	}
	later := now + fairTime + fairFor
	f.delivered(other, 100*fairAhead, later)
	if f.waits(other, later) {
		t.Error("the others have gone, and it waits")
	}
}

// Calls that are held are neither lost nor out of order, and hold nobody else up, whether
// their members answer or not.
func TestHeldCalls(t *testing.T) {
	for _, networks := range [][2]string{{"unix", "tcp"}, {"tcp", "unix"}} {
		for _, answers := range []bool{true, false} {
			t.Run(fmt.Sprint(networks[0], " ", answers), func(t *testing.T) {
				b := start(t, nil)
				member, much, other := welcome(t, b, "unix"), welcome(t, b, networks[0]), welcome(t, b, networks[1])
				number := member.join("r", "m")
				other.call(1, "r", time.Minute, nil)
				member.reply(number, member.expect(protocol.KindDeliver, nil).Sequence, protocol.OK, "")
				other.account()
				const calls = 5 * fairAhead
				var burst []byte
				for i := range uint64(calls) {
					h := protocol.Header{Kind: protocol.KindCall, Sequence: i + 1, Budget: uint32(time.Minute.Microseconds())}
					burst = append(burst, bytesOf(h, protocol.Call{Room: "r"}, []byte{byte(i)})...)
				}
				much.write(append(burst, bytesOf(protocol.Header{Kind: protocol.KindPing, Sequence: calls + 1}, nil, nil)...))
				for i := range calls {
					d := member.expect(protocol.KindDeliver, nil)
					if len(d.Payload) != 1 || d.Payload[0] != byte(i) {
						t.Fatalf("call %d is %v", i, d.Payload)
					}
					if answers {
						member.reply(number, d.Sequence, protocol.OK, "")
					}
				}
				accounts, pong := 0, false
				for !pong || answers && accounts < calls {
					switch f := much.next(); f.Kind {
					case protocol.KindPong:
						pong = true
					case protocol.KindAccount:
						accounts++
					default:
						t.Fatalf("%v", f.Header)
					}
				}
				if s := counted(t, b); s.PutOff == 0 || s.Accepted != calls+1 {
					t.Errorf("%d accepted, put off %d times", s.Accepted, s.PutOff)
				}
				other.lives()
			})
		}
	}
}

// hold has everybody's calls wait until the work that it gives is done on the loop.
func hold(t *testing.T, b *Broker) (letGo func()) {
	ice := frozen{T: t, b: b}
	ice.onLoop(func() {
		b.fair.shared, b.fair.began = never, b.now()+time.Hour
		for _, s := range b.byID.All() {
			b.fair.ahead[s.kin.Value().Principal] = fairAhead
		}
	})
	return func() { ice.onLoop(func() { b.fair.began = -fairTime; b.callHeld() }) } // also in a broker's first moments
}

// Nobody looks at those who wait before one of them may go on; and then its principal's
// sessions do, as far as they may, and no other's.
func TestOnePrincipalGoesOn(t *testing.T) {
	b := start(t, nil)
	member := welcome(t, b, "unix")
	member.join("r", "m")
	var held []*raw
	for _, network := range []string{"unix", "unix", "tcp", "tcp"} {
		held = append(held, welcome(t, b, network))
	}
	letGo := hold(t, b)
	for i, c := range held {
		before := counted(t, b).PutOff
		c.call(1, "r", time.Minute, []byte{byte(i)})
		until(t, "it is held", func() bool { return counted(t, b).PutOff > before })
	}
	ice := frozen{T: t, b: b}
	ice.onLoop(func() {
		b.fair.eased = false
		if b.callHeld(); b.fair.posts {
			t.Error("those who wait are looked at, and none may go on")
		}
		for p := range b.fair.held.of {
			if !strings.HasPrefix(string(p), uidPrefix) { // it may have one call more
				b.fair.ahead[p], b.fair.eased = fairAhead-1, true
			}
		}
		b.callHeld()
	})
	if d := member.expect(protocol.KindDeliver, nil); d.Payload[0] != 2 {
		t.Errorf("call %v went on", d.Payload)
	}
	ice.onLoop(func() {
		if n := b.rooms.Stats().Accepted; n != 1 {
			t.Errorf("%d calls were accepted, want 1", n)
		}
	})
	letGo()
	rest := map[byte]bool{}
	for range 3 {
		rest[member.expect(protocol.KindDeliver, nil).Payload[0]] = true
	}
	if !rest[0] || !rest[1] || !rest[3] {
		t.Errorf("%v went on in the end", rest)
	}
}

// Who has caused more than its rate waits for whatever call is not answered, and the one who
// made that does not.
func TestDebtorIsHeld(t *testing.T) {
	b := start(t, func(o *Options) { o.Limits.Deliveries, o.Limits.DeliveryBurst = 1, 10 })
	member, other, debtor := welcome(t, b, "unix"), welcome(t, b, "unix"), welcome(t, b, "tcp")
	number := member.join("r", "m")
	for i := range uint64(2) {
		debtor.call(i+1, "r", time.Minute, nil)
		member.reply(number, member.expect(protocol.KindDeliver, nil).Sequence, protocol.OK, "")
		debtor.account()
	}
	ice := frozen{T: t, b: b}
	ice.onLoop(func() {
		clear(b.fair.ahead)
		b.fair.shared, b.fair.began, b.fair.all = never, b.now()+time.Hour, 0
	})
	sent := func(c *raw, sequence uint64) {
		c.call(sequence, "r", time.Minute, []byte{byte(sequence)})
		if d := member.expect(protocol.KindDeliver, nil); d.Payload[0] != byte(sequence) {
			t.Errorf("call %d was delivered, want %d", d.Payload[0], sequence)
		}
	}
	sent(debtor, 3) // nobody is in its way
	before := counted(t, b).PutOff
	debtor.call(5, "r", time.Minute, []byte{5})
	until(t, "it is held", func() bool { return counted(t, b).PutOff > before })
	sent(other, 4)
	ice.onLoop(func() { b.fair.began = -fairTime; b.callHeld() })
	if d := member.expect(protocol.KindDeliver, nil); d.Payload[0] != 5 {
		t.Errorf("call %d was delivered, want 5", d.Payload[0])
	}
}

// Who sends so much while it is held that it is set aside goes on where it was; and a session
// that ends while it is held has asked for all that it has sent.
func TestHeldForLong(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			b := start(t, nil)
			member, much := welcome(t, b, "unix"), welcome(t, b, network)
			member.join("r", "m")
			letGo := hold(t, b)
			const calls = 100
			var burst []byte
			for i := range uint64(calls) {
				h := protocol.Header{Kind: protocol.KindCall, Sequence: i + 1, Budget: uint32(time.Minute.Microseconds())}
				burst = append(burst, bytesOf(h, protocol.Call{Room: "r"}, []byte(fmt.Sprintf("%0400d", i)))...)
			}
			much.write(burst)
			until(t, "it is set aside", func() bool { return counted(t, b).Floods == 1 })
			if s := counted(t, b); s.Accepted != 0 {
				t.Errorf("%d calls were accepted", s.Accepted)
			}
			letGo()
			for i := range calls {
				if d := member.expect(protocol.KindDeliver, nil); string(d.Payload) != fmt.Sprintf("%0400d", i) {
					t.Fatalf("call %d is %s", i, d.Payload)
				}
			}
			gone := welcome(t, b, network)
			before := counted(t, b).PutOff
			hold(t, b)
			gone.call(1, "r", time.Minute, []byte("last"))
			until(t, "it is held", func() bool { return counted(t, b).PutOff > before })
			_ = gone.c.Close()
			if d := member.expect(protocol.KindDeliver, nil); string(d.Payload) != "last" {
				t.Errorf("delivered %q", d.Payload)
			}
		})
	}
}

// Of very many who wait since they have caused more than their rate only one goes on when
// nobody is in its way any more, and no other is looked at; and all get their turn.
func TestDebtorsInTurn(t *testing.T) {
	d := newDesk(t, 1, protocol.Call{Room: "r"})
	b, looks := d.b, 0
	b.fair.owes = func(room.Principal) bool { looks++; return true }
	b.begin()
	b.fair.shared, b.fair.began, b.fair.all = never, b.clock+time.Hour, 1
	const debtors = 1000
	for i := range debtors {
		call := protocol.Header{Kind: protocol.KindCall, Sequence: 1, Budget: 1e6}
		from := d.came(i+10, bytesOf(call, protocol.Call{Room: "r"}, []byte(fmt.Sprint(i))))
		from.s.kin = unique.Make(room.Peer{Host: "here", Principal: room.Principal(uidPrefix + fmt.Sprint(i))})
		from.take()
	}
	if b.mailbox.open(); len(b.fair.debts.order) != debtors {
		t.Fatalf("%d wait, of %d", len(b.fair.debts.order), debtors)
	}
	for next := range debtors {
		looks, b.fair.all, b.fair.eased = 0, 0, true
		clear(b.fair.ahead)
		b.callHeld()
		for len(b.fair.debts.order) == debtors-next { // a slice that is interrupted early has another
			b.mailbox.open()
		}
		if left := len(b.fair.debts.order); left != debtors-next-1 || looks > 8 {
			t.Fatalf("%d of %d wait when one may go on, and %d were looked at", left, debtors-next, looks)
		}
		d.members[0].conn.(*tape).frames(t, func(f protocol.Frame) {
			if string(f.Payload) != fmt.Sprint(next) {
				t.Errorf("call %s goes on, and it is the turn of %d", f.Payload, next)
			}
		})
	}
}

// A principal with very many sessions is in nobody's way: each has one, in turn.
func TestInTurn(t *testing.T) {
	q := newFair(nil).held
	for id, p := range []room.Principal{"many", "many", "many", "one", "two", "two"} {
		q.add(p, &session{id: uint64(id)})
	}
	var got []uint64
	for len(q.order) > 0 {
		got = append(got, q.take().id)
	}
	if want := []uint64{0, 3, 4, 1, 5, 2}; !slices.Equal(got, want) || len(q.of) > 0 {
		t.Errorf("they go on as %v, want %v; %d are left", got, want, len(q.of))
	}
}

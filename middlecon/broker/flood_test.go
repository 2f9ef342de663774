package broker

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"ddcos/protocol"
)

// floodBy has a session send what needs no answer, far ahead of the loop, until the
// broker takes it for a flood. Now and then it asks for a pong: all come, in order.
func floodBy(t *testing.T, b *Broker, r *raw) {
	t.Helper()
	before := counted(t, b).Floods
	batch := bytes.Repeat(bytesOf(protocol.Header{Kind: protocol.KindPong}, nil, nil), 4000)
	sent := make(chan uint64, 1)
	stop := make(chan struct{})
	go func() {
		for n := uint64(0); ; n++ {
			select {
			case <-stop:
				sent <- n
				return
			default:
			}
			if _, err := r.c.Write(append(batch, bytesOf(protocol.Header{Kind: protocol.KindPing, Sequence: n + 1}, nil, nil)...)); err != nil {
				t.Error(err)
				sent <- n
				return
			}
		}
	}()
	got := uint64(0)
	pong := func() {
		got++
		if f := r.expect(protocol.KindPong, nil); f.Sequence != got {
			t.Fatalf("pong %d, want %d", f.Sequence, got)
		}
	}
	for counted(t, b).Floods == before {
		pong()
	}
	close(stop)
	for all := <-sent; got < all; {
		pong()
	}
}

// counted is what the broker says of itself.
func counted(t *testing.T, b *Broker) protocol.Stats {
	t.Helper()
	s, err := b.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A session that floods loses nothing by being set aside, neither a frame nor its
// memberships, and is over when it ends.
func TestFlood(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			b := start(t, nil)
			r, caller := welcome(t, b, network), welcome(t, b, "unix")
			number := r.join("r", "flooding")
			floodBy(t, b, r)
			if s := counted(t, b); s.Floods != 1 || s.Sessions != 2 || s.Members != 1 {
				t.Fatalf("%d floods, %d sessions, %d members", s.Floods, s.Sessions, s.Members)
			}
			caller.call(7, "r", patience, []byte("hello"))
			d := r.expect(protocol.KindDeliver, nil)
			if string(d.Payload) != "hello" {
				t.Fatalf("delivered %q", d.Payload)
			}
			r.reply(number, d.Sequence, protocol.OK, "yes")
			if entries, _ := caller.account(); len(entries) != 1 || string(entries[0].Reply) != "yes" {
				t.Fatalf("%+v", entries)
			}
			caller.call(8, "r", patience, nil)
			r.expect(protocol.KindDeliver, nil)
			_ = r.c.Close()
			if entries, _ := caller.account(); len(entries) != 1 || entries[0].Outcome != protocol.LostAfterSend {
				t.Fatalf("%+v", entries)
			}
			until(t, "its session is over", func() bool { return counted(t, b).Sessions == 1 })
			if s := counted(t, b); s.TLS != 0 {
				t.Errorf("%d TLS sessions, and there was none", s.TLS)
			}
			again := welcome(t, b, network)
			floodBy(t, b, again) // there is a place for another
			again.lives()
		})
	}
}

// A session that floods and is refused hears why, as any other.
func TestFloodIsRefused(t *testing.T) {
	b := start(t, nil)
	r := welcome(t, b, "unix")
	floodBy(t, b, r)
	r.write(bytesOf(protocol.Header{Kind: protocol.KindHello, Sequence: 1}, nil, nil))
	if code := r.ended(); code != protocol.CodeUnexpected {
		t.Errorf("ended with %v", code)
	}
	until(t, "it is over", func() bool { return counted(t, b).Sessions == 0 })
}

// Who does not flood pays nothing: what a turn costs is charged only to who is far
// ahead, a burst is free, and so is a fortieth of the time.
func TestWhoFloods(t *testing.T) {
	b, s, now := &Broker{}, &session{}, time.Hour
	if b.floods(s, now, floodBurst) {
		t.Error("a burst is a flood")
	}
	if !b.floods(s, now, time.Microsecond) {
		t.Error("more than a burst is none")
	}
	for range 1000 {
		b.floods(s, now, time.Second)
	}
	now += 2 * floodBurst * floodShare
	if b.floods(s, now, floodBurst) {
		t.Error("what it did long ago is held against it")
	}
	for range 1000 {
		now += floodShare * time.Millisecond
		if b.floods(s, now, time.Millisecond) {
			t.Fatal("its share is a flood")
		}
	}
}

// Who floods does so until it has its share again, even where it is no longer ahead; and
// who sends what nobody waits for, where it never was.
func TestFloodsUntil(t *testing.T) {
	for name, c := range map[string]struct {
		flooding, ahead, owes bool
		kind                  sort
		want                  bool
	}{
		"is beyond its share":              {owes: true},
		"is ahead, within its share":       {ahead: true},
		"is ahead, and beyond it":          {ahead: true, owes: true, want: true},
		"has flooded, and is beyond it":    {flooding: true, owes: true, want: true},
		"has flooded, and has it again":    {flooding: true},
		"answers what nobody asked":        {kind: astray, owes: true, want: true},
		"answers little that nobody asked": {kind: astray},
	} {
		d := newDesk(t, 0, protocol.Call{Room: "r"})
		until(t, fmt.Sprintf("who %s floods: %v", name, c.want), func() bool { // a turn that is interrupted is dear
			from := d.came(1, asks(false))
			from.flooding, from.ahead, from.s.kind = c.flooding, c.ahead, from.s.kind|c.kind
			if c.owes {
				from.s.calls().owes = d.b.now() + time.Hour
			}
			if from.take(); c.flooding {
				d.b.mailbox.open() // it is in line
			}
			if len(from.taken) != 1 {
				t.Fatalf("%s: taken %d times", name, len(from.taken))
			}
			return from.flooding == c.want
		})
	}
}

// What gnet reads is charged for, ahead or not, where nobody has asked for it.
func TestStraysAreCharged(t *testing.T) {
	b, sessions := talkers(t)
	b.aside.Store(asideMost) // they have no sockets that could be
	for i, c := range []struct {
		kind    protocol.Kind
		charged bool
	}{{protocol.KindReply, true}, {protocol.KindPong, false}} {
		w := sessions[i]
		one := bytesOf(protocol.Header{Kind: c.kind, Sequence: 1 << 50, Outcome: protocol.OK}, nil, nil)
		for w.in = nil; len(w.in) < readBytes; w.in = append(w.in, one...) {
		}
		if (&handler{b: b}).OnTraffic(w); w.s.closing || (w.s.calls().owes > 0) != c.charged {
			t.Errorf("%v: ended %v, owes %v", c.kind, w.s.closing, w.s.calls().owes)
		}
	}
}

// A flood has one burst, however many sessions it takes for it.
func TestFloodOfSessions(t *testing.T) {
	d := newDesk(t, 0, protocol.Call{Room: "r"})
	d.b.begin()
	now := d.b.clock
	first, second := d.session(1), d.session(2)
	if d.b.floods(first, now, floodBurst) {
		t.Error("a burst is a flood")
	}
	d.b.closed(first, nil)
	if !d.b.floods(second, now, time.Microsecond) {
		t.Error("the next session has a burst of its own")
	}
	if d.b.floods(d.session(3), now+floodBurst*floodShare, floodBurst) {
		t.Error("what others did long ago is held against a session")
	}
}

// Who floods by calls is charged for what their members' answers will cost, too.
func TestAskedAreCharged(t *testing.T) {
	const members = 50
	d := newDesk(t, members, protocol.Call{Room: "r"})
	b := d.b
	call := protocol.Header{Kind: protocol.KindCall, Sequence: 1, Budget: 1e6}
	from := d.came(members+2, bytesOf(call, protocol.Call{Room: "r"}, nil))
	from.flooding, from.ahead, b.backlog.needed = true, true, never
	from.take()
	b.mailbox.open()
	const least = besideSlice + members*besideAsked
	if owes := from.s.caller.owes - b.clock; owes < (least-sliceTime)*floodShare { // the turn began before
		t.Errorf("it owes %v for %d members that were asked", owes, members)
	}
	if rest := b.backlog.at - b.clock; rest < min(least*(floodShare-1), restMost) {
		t.Errorf("the loop rests %v from it", rest)
	}
}

// The loop rests from those in line where others need it, and only there.
func TestRest(t *testing.T) {
	var l backlog
	const now, cost = time.Hour, 100 * time.Microsecond
	for i, one := range []struct {
		after time.Duration
		cost  time.Duration
		turns uint64
		flood bool
		rest  time.Duration
	}{
		{0, cost, 5, false, (lineShare - 1) * cost},
		{0, cost, 5, false, 0}, // nobody else has sent anything since
		{neededFor - 1, cost, 5, true, (floodShare - 1) * cost},
		{neededFor, cost, 5, true, 0}, // nor for long
		{neededFor, cost, 6, true, (floodShare - 1) * cost},
		{2 * neededFor, time.Hour, 7, false, restMost},
	} {
		if l.rest(now+one.after, one.cost, one.turns, one.flood); l.at-now-one.after != one.rest {
			t.Errorf("slice %d: rests %v, want %v", i, l.at-now, one.rest)
		}
	}
}

// What changes tables waits behind what changes tables, and not behind floods.
func TestFloodsHoldNobodyUp(t *testing.T) {
	d := newDesk(t, 0, protocol.Call{Room: "r"})
	b := d.b
	b.begin()
	b.backlog.at = never
	flood := d.session(1)
	flood.conn = &fed{b: b, s: flood, flooding: true}
	if b.queueUp(flood); b.tablesWait() {
		t.Error("a flood in line has others wait")
	}
	if b.queueUp(d.session(2)); !b.tablesWait() {
		t.Error("who comes later does not wait for who is in line")
	}
}

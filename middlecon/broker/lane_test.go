package broker

import (
	"bytes"
	"testing"
	"testing/synctest"
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
// ahead, a burst is free, and so is a twentieth of the time.
func TestCharge(t *testing.T) {
	s, now := &session{}, time.Hour
	if s.charge(now, floodBurst) {
		t.Error("a burst is a flood")
	}
	if !s.charge(now, time.Microsecond) {
		t.Error("more than a burst is none")
	}
	for range 1000 {
		s.charge(now, time.Second)
	}
	now += 2 * floodBurst * floodShare
	if s.charge(now, floodBurst) {
		t.Error("what it did long ago is held against it")
	}
	for range 1000 {
		now += floodShare * time.Millisecond
		if s.charge(now, time.Millisecond) {
			t.Fatal("its share is a flood")
		}
	}
}

// The loop rests from floods where others need it, and only there.
func TestLaneRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lane
		stopped := make(chan struct{})
		pass := func(s slice) (rested time.Duration, ok bool) {
			began := time.Now()
			ok = l.pass(stopped, func() (slice, bool) { return s, true })
			return time.Since(began), ok
		}
		const cost = 100 * time.Microsecond
		for i, one := range []struct {
			slice
			rest time.Duration
		}{
			{slice{cost, 5}, restShare * (cost + besideSlice)},
			{slice{cost, 5}, 0}, // nobody else has had a turn since
			{slice{cost, 6}, restShare * (cost + besideSlice)},
			{slice{time.Hour, 7}, restMost},
		} {
			if rested, ok := pass(one.slice); rested != one.rest || !ok {
				t.Errorf("slice %d: rested %v, want %v; %v", i, rested, one.rest, ok)
			}
		}
		close(stopped)
		if rested, ok := pass(slice{cost, 8}); rested != 0 || ok {
			t.Errorf("without a loop: rested %v, %v", rested, ok)
		}
		if l.pass(stopped, func() (slice, bool) { return slice{}, false }) {
			t.Error("a slice that nobody took has passed")
		}
	})
}

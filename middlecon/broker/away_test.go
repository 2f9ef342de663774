package broker

import (
	"testing"
	"time"

	"ddcos/protocol"
)

// absent keeps the loop of b busy while something happens, and so much longer.
func absent(t *testing.T, b *Broker, length time.Duration, meanwhile func()) {
	t.Helper()
	busy, back := make(chan struct{}), make(chan struct{})
	b.post(func() { close(busy); <-back })
	<-busy
	meanwhile()
	<-time.After(length) // it is time itself that is tested
	close(back)
}

// A loop that was away over a deadline counts the replies that came meanwhile,
// and settles only who sent none.
func TestRepliesOfAnAbsence(t *testing.T) {
	b := start(t, nil)
	caller := welcome(t, b, "unix")
	var members []*raw
	var numbers []uint32
	for _, name := range []string{"a", "b", "c"} {
		m := welcome(t, b, "unix")
		numbers = append(numbers, m.join("r", name))
		members = append(members, m)
	}
	caller.send(protocol.Header{Kind: protocol.KindCall, Sequence: 5, Budget: 2_000_000}, protocol.Call{Room: "r"}, []byte("x"))
	var calls []uint64
	for _, m := range members {
		calls = append(calls, m.expect(protocol.KindDeliver, nil).Sequence)
	}
	absent(t, b, 2200*time.Millisecond, func() {
		for i, m := range members[:2] {
			m.send(protocol.Header{Kind: protocol.KindReply, Sequence: calls[i], Room: numbers[i], Outcome: protocol.OK}, nil, []byte("y"))
		}
	})
	var account protocol.AccountChunk
	caller.expect(protocol.KindAccount, &account)
	want := []protocol.Outcome{protocol.OK, protocol.OK, protocol.NoReceipt}
	for i, e := range account.Entries {
		if e.Outcome != want[i] {
			t.Errorf("%s: %v, want %v", e.Name, e.Outcome, want[i])
		}
		if e.LatencyUS < 2_200_000 {
			t.Errorf("%s: after %d µs, and the loop was away for longer", e.Name, e.LatencyUS)
		}
	}
	if s := account.Summary; s == nil || s.Selected != 3 {
		t.Errorf("%+v", s)
	}
}

// The broker's own absence is no silence of its sessions, and no lateness of
// their Hellos. Of its own time the silent one has as much as it is asked within.
func TestAbsenceIsNoSilence(t *testing.T) {
	const every, away = time.Second, 2200 * time.Millisecond
	b := start(t, func(o *Options) { o.PingEvery = every })
	newcomer, idle := connect(t, b, "tcp"), welcome(t, b, "tcp")
	absent(t, b, away, func() { newcomer.write(helloFrame()) })
	if f := newcomer.next(); f.Kind != protocol.KindWelcome {
		t.Errorf("the newcomer got a %v frame (%v)", f.Kind, f.Code)
	}
	if f := idle.next(); f.Kind != protocol.KindPing {
		t.Fatalf("the silent one got a %v frame (%v)", f.Kind, f.Code)
	}
	idle.send(protocol.Header{Kind: protocol.KindPong, Sequence: 1}, nil, nil)
	idle.lives()
}

// What the loop's absence is, is no session's silence: also where it was
// away again before it had read all that came in the first absence.
func TestAbsenceAfterAbsence(t *testing.T) {
	for name, back := range map[string]func(b *Broker){
		"read again": (*Broker).readAgain,
		"a timer":    (*Broker).due,
		"a frame":    func(b *Broker) { b.lookBack(); b.settle() },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, 0, protocol.Call{Room: "r"})
			b, silent := d.b, d.session(1)
			const every = 200 * time.Millisecond
			b.options.PingEvery = every
			silent.kind |= hidden
			b.listenFor(silent)
			turn := func(after time.Duration, what func(b *Broker)) {
				b.started = b.started.Add(-after)
				b.contain(func() { what(b) }, func() { t.Error("a defect") })
			}
			turn(0, (*Broker).settle)
			turn(every, (*Broker).due)
			if !b.behind {
				t.Fatal("the loop was not away")
			}
			turn(3*every, back)
			turn(3*every, (*Broker).readAgain)
			if b.behind || silent.closing {
				t.Errorf("away: %v; the silent one is ended: %v", b.behind, silent.closing)
			}
			for _, one := range b.unwoken() {
				t.Error("nobody wakes the loop: " + one)
			}
		})
	}
}

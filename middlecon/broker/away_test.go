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
	caller.send(protocol.Header{Kind: protocol.KindCall, Sequence: 5, Budget: 100_000}, protocol.Call{Room: "r"}, []byte("x"))
	var calls []uint64
	for _, m := range members {
		calls = append(calls, m.expect(protocol.KindDeliver, nil).Sequence)
	}
	absent(t, b, 200*time.Millisecond, func() {
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
		if e.LatencyUS < 200_000 {
			t.Errorf("%s: after %d µs, and the loop was away for longer", e.Name, e.LatencyUS)
		}
	}
	if s := account.Summary; s == nil || s.Selected != 3 {
		t.Errorf("%+v", s)
	}
}

// The broker's own absence is no silence of its sessions, and no lateness of
// their Hellos.
func TestAbsenceIsNoSilence(t *testing.T) {
	b := start(t, func(o *Options) { o.PingEvery, o.HelloTimeout = 200*time.Millisecond, 200*time.Millisecond })
	idle := welcome(t, b, "tcp")
	newcomer := connect(t, b, "tcp")
	absent(t, b, 600*time.Millisecond, func() { newcomer.write(helloFrame()) })
	if f := newcomer.next(); f.Kind != protocol.KindWelcome {
		t.Errorf("the newcomer got a %v frame (%v)", f.Kind, f.Code)
	}
	if f := idle.next(); f.Kind != protocol.KindPing {
		t.Fatalf("the silent one got a %v frame (%v)", f.Kind, f.Code)
	}
	idle.send(protocol.Header{Kind: protocol.KindPong, Sequence: 1}, nil, nil)
	idle.lives()
}

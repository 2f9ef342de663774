package broker

import (
	"slices"
	"testing"
	"time"

	"ddcos/protocol"
)

// A silent TCP session is pinged; one that does not answer is ended and its
// members are lost, one that does lives on, and a Unix session hears nothing.
func TestPing(t *testing.T) {
	const every = 2 * time.Second // within which a busy machine answers
	b := start(t, func(o *Options) { o.PingEvery = every })
	local := welcome(t, b, "unix")
	stuck, alive := welcome(t, b, "tcp"), connect(t, b, "tcp")
	alive.write(helloFrame())
	var w protocol.Welcome
	if alive.expect(protocol.KindWelcome, &w); w.PingMS != uint32(every.Milliseconds()) {
		t.Errorf("ping_ms %d", w.PingMS)
	}
	stuck.join("r", "stuck")
	alive.send(protocol.Header{Kind: protocol.KindWatch, Sequence: 7}, protocol.Watch{Room: "r"}, nil)
	alive.expect(protocol.KindView, nil)
	began, pings := time.Now(), 0
	for {
		var v protocol.ViewChunk
		f := alive.next()
		if f.Kind == protocol.KindPing {
			pings++
			alive.send(protocol.Header{Kind: protocol.KindPong, Sequence: f.Sequence}, nil, nil)
			continue
		}
		if err := protocol.DecodeAnswer(f.Meta, &v); err != nil {
			t.Fatal(err)
		}
		if len(v.Gone) != 1 || v.Gone[0].Name != "stuck" || v.Gone[0].Reason != protocol.ReasonLost {
			t.Errorf("%+v", v)
		}
		break
	}
	if took := time.Since(began); took < 2*every-every/looks || pings == 0 {
		t.Errorf("lost after %v and %d pings", took, pings)
	}
	if f := stuck.next(); f.Kind != protocol.KindPing || f.Sequence == 0 {
		t.Errorf("a %v frame instead of a ping", f.Kind)
	}
	if code := stuck.ended(); code != protocol.CodeUnresponsive {
		t.Errorf("the end of the silent session: %v", code)
	}
	local.lives() // the pong is the first frame since the welcome
}

// However many sessions there are, each is looked at in its turn, and those that
// have ended leave the list.
func TestPingTurns(t *testing.T) {
	b := start(t, func(o *Options) { o.PingEvery = 60 * time.Millisecond })
	var all []*raw
	for range 20 {
		all = append(all, welcome(t, b, "tcp"))
	}
	for _, r := range slices.Backward(all) {
		if code := r.ended(); code != protocol.CodeUnresponsive {
			t.Errorf("%v", code)
		}
	}
	observer := welcome(t, b, "unix")
	deadline := time.Now().Add(patience)
	for left := -1; left != 0; {
		observer.lives()
		done := make(chan int, 1)
		b.post(func() { done <- len(b.pinged) })
		if left = <-done; time.Now().After(deadline) {
			t.Fatalf("%d sessions are still looked at", left)
		}
	}
}

package broker

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"ddcos/protocol"
)

// serving is a broker that the test ends itself.
func serving(t *testing.T, grace time.Duration) (b *Broker, end func(), done chan error) {
	t.Helper()
	options := DefaultOptions()
	options.Listen = []protocol.Address{{Network: "unix", Where: filepath.Join(t.TempDir(), "m.sock")}}
	options.Grace = grace
	b, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done = make(chan error, 1)
	go func() { done <- b.Serve(ctx) }()
	t.Cleanup(cancel)
	return b, cancel, done
}

// From go_away on nothing new begins, and each request is told so; what runs may
// finish, and with the last of it the broker ends.
func TestDrain(t *testing.T) {
	b, end, done := serving(t, patience)
	member, caller, other := welcome(t, b, "unix"), welcome(t, b, "unix"), welcome(t, b, "unix")
	room := member.join("r", "m")
	caller.call(1, "r", patience, nil)
	call := member.expect(protocol.KindDeliver, nil).Sequence
	caller.offer(2, protocol.Offer{Room: "r"}, patience, "")
	offer := member.expect(protocol.KindOffered, nil).Sequence
	end()
	for _, r := range []*raw{member, caller, other} {
		var bye protocol.GoAway
		if r.expect(protocol.KindGoAway, &bye); bye.GraceMS != uint32(patience.Milliseconds()) {
			t.Errorf("go_away %+v", bye)
		}
	}
	budget := uint32(time.Second.Microseconds())
	for i, asks := range []struct {
		kind protocol.Kind
		body any
	}{
		{protocol.KindJoin, protocol.Join{Room: "new", Name: "n"}},
		{protocol.KindCall, protocol.Call{Room: "r"}},
		{protocol.KindOffer, protocol.Offer{Room: "r"}},
		{protocol.KindWatch, protocol.Watch{Room: "r"}},
		{protocol.KindPublish, protocol.Publish{Room: "r"}},
	} {
		other.send(protocol.Header{Kind: asks.kind, Sequence: uint64(100 + i), Budget: budget}, asks.body, nil)
		if f := other.expect(protocol.KindError, nil); f.Code != protocol.CodeShuttingDown || f.Sequence != uint64(100+i) {
			t.Errorf("%s: %v of %d", asks.kind, f.Code, f.Sequence)
		}
	}
	other.lives()
	member.send(protocol.Header{Kind: protocol.KindState, Sequence: 3, Room: room}, protocol.State{State: map[string]string{"k": "v"}}, nil)
	member.expect(protocol.KindStated, nil)
	member.reply(room, call, protocol.OK, "late but here")
	if entries, sum := caller.account(); !sum.Met || string(entries[0].Reply) != "late but here" {
		t.Errorf("%+v, %+v", entries, sum)
	}
	member.bid(room, offer, 0)
	member.expect(protocol.KindBind, nil)
	caller.expect(protocol.KindBound, nil)
	select {
	case err := <-done:
		t.Fatalf("it ended with an offer in flight: %v", err)
	default:
	}
	member.reply(room, offer, protocol.OK, "")
	if _, sum := caller.account(); !sum.Met {
		t.Errorf("%+v", sum)
	}
	for _, r := range []*raw{member, caller, other} {
		if code := r.ended(); code != protocol.CodeShuttingDown {
			t.Errorf("ended with %v", code)
		}
	}
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// What runs longer than the grace is cut off.
func TestGraceIsOver(t *testing.T) {
	b, end, done := serving(t, 20*time.Millisecond)
	member, caller := welcome(t, b, "unix"), welcome(t, b, "unix")
	member.join("r", "m")
	caller.call(1, "r", patience, nil)
	member.expect(protocol.KindDeliver, nil)
	end()
	caller.expect(protocol.KindGoAway, nil)
	if code := caller.ended(); code != protocol.CodeShuttingDown {
		t.Errorf("ended with %v", code)
	}
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

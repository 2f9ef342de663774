package broker

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"ddcos/middlecon/policy"
	"ddcos/middlecon/room"
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
		if r.expect(protocol.KindGoAway, &bye); bye.GraceMS > uint32(patience.Milliseconds()) || bye.GraceMS < uint32(patience.Milliseconds()/2) {
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

// mover is a session that said that it goes by itself.
func mover(t *testing.T, b *Broker, network string) *raw {
	t.Helper()
	r := connect(t, b, network)
	r.send(protocol.Header{Kind: protocol.KindHello}, protocol.Hello{MinVersion: protocol.Version, MaxVersion: protocol.Version, MaxFrame: protocol.MaxFrame, Moves: true}, nil)
	r.expect(protocol.KindWelcome, nil)
	return r
}

// A broker that is asked to drain says within what sessions should move, waits for
// those that do, turns new ones away, and ends the one that asked last.
func TestAskedToDrain(t *testing.T) {
	b, _, done := serving(t, patience)
	silent := connect(t, b, "unix")
	admin, moves, stays := welcome(t, b, "unix"), mover(t, b, "unix"), welcome(t, b, "unix")
	admin.send(protocol.Header{Kind: protocol.KindDrain, Sequence: 4}, protocol.Drain{GraceMS: 9000}, nil)
	var told protocol.Draining
	if f := admin.expect(protocol.KindDraining, &told); f.Sequence != 4 || told.GraceMS != 9000 || told.Sessions != 2 {
		t.Errorf("draining %+v", told)
	}
	for _, r := range []*raw{admin, moves, stays} {
		var bye protocol.GoAway
		if r.expect(protocol.KindGoAway, &bye); bye.GraceMS > 9000 || bye.GraceMS < 5000 || bye.MoveMS != bye.GraceMS/2 {
			t.Errorf("go_away %+v", bye)
		}
	}
	silent.write(helloFrame())
	if code := silent.ended(); code != protocol.CodeShuttingDown {
		t.Errorf("a hello is answered with %v", code)
	}
	admin.send(protocol.Header{Kind: protocol.KindDrain, Sequence: 5}, protocol.Drain{}, nil)
	if admin.expect(protocol.KindDraining, &told); told.Sessions != 2 || told.GraceMS > 9000 {
		t.Errorf("asked again: %+v", told)
	}
	stays.lives()
	select {
	case err := <-done:
		t.Fatalf("it ended with a session that was to move: %v", err)
	default:
	}
	_ = moves.c.Close()
	for _, r := range []*raw{admin, stays} {
		if code := r.ended(); code != protocol.CodeShuttingDown {
			t.Errorf("ended with %v", code)
		}
	}
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// Who moves and does not go is ended when the grace is over.
func TestMovesTooLate(t *testing.T) {
	b, end, done := serving(t, 20*time.Millisecond)
	moves := mover(t, b, "unix")
	end()
	if code := moves.ended(); code != protocol.CodeShuttingDown {
		t.Errorf("ended with %v", code)
	}
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// Draining is not for everybody.
func TestDrainIsRefused(t *testing.T) {
	b := start(t, nil)
	for _, network := range []string{"unix", "tcp"} {
		r := welcome(t, b, network)
		r.send(protocol.Header{Kind: protocol.KindDrain, Sequence: 4}, protocol.Drain{}, nil)
		if f := r.expect(protocol.KindError, nil); f.Code != protocol.CodeForbidden || f.Sequence != 4 {
			t.Errorf("%s: %v of %d", network, f.Code, f.Sequence)
		}
		r.lives()
	}
}

// Draining is for whom the policy says, and beside these for who may kill the broker.
func TestDrainIsAVerb(t *testing.T) {
	own := "uid " + strconv.Itoa(os.Getuid())
	for _, c := range []struct {
		policy   string
		managers []room.Principal
	}{
		{"allow: [{who: '" + own + "', may: drain}]", nil},
		{"deny: [{who: '*', may: drain}]", []room.Principal{room.Principal(own)}},
	} {
		p, err := policy.Parse([]byte(c.policy))
		if err != nil {
			t.Fatal(err)
		}
		b := start(t, func(o *Options) { o.Policy = p })
		r := welcome(t, b, "unix")
		set := make(chan struct{})
		b.post(func() { b.managers = c.managers; close(set) }) // they are the loop's now
		<-set
		r.send(protocol.Header{Kind: protocol.KindDrain, Sequence: 4}, protocol.Drain{}, nil)
		r.expect(protocol.KindDraining, nil)
		if code := r.ended(); code != protocol.CodeShuttingDown {
			t.Errorf("%s: ended with %v", c.policy, code)
		}
	}
}

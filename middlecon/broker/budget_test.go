package broker

import (
	"fmt"
	"testing"
	"time"

	"ddcos/protocol"
)

// Calls that are cancelled as soon as they are made come to nothing without the
// credits that they took, and their caller is ended when it goes on; the members
// have never more of them than there are credits.
func TestRapidReset(t *testing.T) {
	const credits, overdraws = 4, 50
	b := start(t, func(o *Options) { o.Limits.SessionCalls, o.Limits.Overdraws = credits, overdraws })
	member := welcome(t, b, "unix")
	member.join("r", "m")
	greedy := welcome(t, b, "unix")
	payload := make([]byte, 60<<10)
	var flood []byte
	for i := range uint64(40) { // more than the kernel takes of accounts and refusals
		h := protocol.Header{Kind: protocol.KindCall, Sequence: i + 1, Budget: uint32(time.Minute.Microseconds())}
		flood = append(flood, bytesOf(h, protocol.Call{Room: "r"}, payload[:100])...)
		if i >= credits {
			continue // without a credit
		}
		flood = append(flood, bytesOf(protocol.Header{Kind: protocol.KindCancel, Sequence: i + 1}, nil, nil)...)
	}
	greedy.write(flood)
	accounts, refused := 0, 0
	for accounts+refused < 40-credits {
		switch f := greedy.next(); f.Kind {
		case protocol.KindAccount:
			accounts++
		case protocol.KindError:
			if refused++; f.Code != protocol.CodeTooManyCalls {
				t.Fatalf("%v", f.Code)
			}
		}
	}
	s := statsOf(greedy)
	if s.InFlight > credits || s.Overdrawn == 0 || s.Accepted+s.Refused != 40 {
		t.Errorf("%+v", s)
	}
	for i := range uint64(2 * overdraws) { // it does not learn
		h := protocol.Header{Kind: protocol.KindCall, Sequence: 1000 + i, Budget: uint32(time.Minute.Microseconds())}
		if _, err := greedy.c.Write(bytesOf(h, protocol.Call{Room: "r"}, nil)); err != nil {
			break
		}
	}
	if code := greedy.ended(); code != protocol.CodeTooManyCalls {
		t.Errorf("it was ended with %v", code)
	}
}

// A user who causes too many deliveries is told for how long to wait, by whatever
// session; others are not concerned.
func TestDeliveriesOfAPrincipal(t *testing.T) {
	const members = 60 // so many seconds of debt: no machine is too slow to ask within them
	b := start(t, func(o *Options) { o.Limits.Deliveries, o.Limits.DeliveryBurst = 1, 3 })
	for i := range members {
		welcome(t, b, "unix").join("r", fmt.Sprint("m", i))
	}
	first, second, other := welcome(t, b, "unix"), welcome(t, b, "unix"), welcome(t, b, "tcp")
	for i, to := range []string{"m0", "m1", ""} { // the last one goes into debt
		first.send(protocol.Header{Kind: protocol.KindPublish, Sequence: uint64(i + 1)}, protocol.Publish{Room: "r", To: to}, nil)
		first.expect(protocol.KindPublished, nil)
	}
	second.call(9, "r", time.Minute, nil)
	var text protocol.ErrorText
	f := second.expect(protocol.KindError, &text)
	if f.Code != protocol.CodeTooManyDeliveries || f.Sequence != 9 || text.WaitMS == 0 || text.WaitMS > 1000*members {
		t.Errorf("%v %+v", f.Header, text)
	}
	other.send(protocol.Header{Kind: protocol.KindPublish, Sequence: 1}, protocol.Publish{Room: "r"}, nil)
	other.expect(protocol.KindPublished, nil)
	if s := statsOf(second); s.Throttled != 1 {
		t.Errorf("%+v", s)
	}
}

// Who has just been refused for that, or a change of tables, waits in line with what it asks
// next, in the way of nobody; when that is not refused, or it ends, it is as before.
func TestDeniedWaits(t *testing.T) {
	for what, network := range map[string]string{"deliveries": "unix", "deliveries over TCP": "tcp", "a join": "unix"} {
		t.Run(what, func(t *testing.T) {
			const members = 60
			b := start(t, func(o *Options) { o.Limits.Deliveries, o.Limits.DeliveryBurst = 1, 3 })
			for i := range members {
				welcome(t, b, "unix").join("r", fmt.Sprint("m", i))
			}
			much, other := welcome(t, b, network), welcome(t, b, network)
			much.send(protocol.Header{Kind: protocol.KindPublish, Sequence: 1}, protocol.Publish{Room: "r"}, nil) // into debt
			much.expect(protocol.KindPublished, nil)
			refuse := func() {
				t.Helper()
				why := protocol.CodeTooManyDeliveries
				if what == "a join" {
					why = protocol.CodeNameTaken
					much.send(protocol.Header{Kind: protocol.KindJoin, Sequence: 2}, protocol.Join{Room: "r", Name: "m0"}, nil)
				} else {
					much.call(2, "r", time.Minute, nil)
				}
				if f := much.expect(protocol.KindError, nil); f.Code != why {
					t.Fatalf("%v", f.Code)
				}
			}
			ice := frozen{T: t, b: b}
			stop := func() { ice.onLoop(func() { b.backlog.at = never }) }
			waiting := func() (floods int) {
				ice.onLoop(func() { floods = b.backlog.floods })
				return floods
			}
			ping := bytesOf(protocol.Header{Kind: protocol.KindPing, Sequence: 3}, nil, nil)

			refuse()
			stop()
			much.write(ping)
			until(t, "it waits", func() bool { return waiting() == 1 })
			other.lives()
			ice.onLoop(func() {
				if len(b.backlog.line) > b.backlog.floods {
					t.Error("who joins would wait behind it")
				}
			})
			ice.thaw()
			if f := much.expect(protocol.KindPong, nil); f.Sequence != 3 || waiting() != 0 {
				t.Errorf("%v, %d wait", f.Header, waiting())
			}
			stop()
			much.lives() // a ping is not refused

			ice.thaw()
			refuse()
			stop()
			much.write(ping)
			until(t, "it waits again", func() bool { return waiting() == 1 })
			_ = much.c.Close()
			until(t, "it is gone", func() bool { return counted(t, b).Sessions == members+1 })
			ice.thaw()
			if n := waiting(); n != 0 {
				t.Errorf("%d wait", n)
			}
		})
	}
}

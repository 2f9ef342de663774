package broker

import (
	"testing"
	"time"

	"ddcos/protocol"
)

// W20: a secret is good for one resume. W22: and for nobody else.
func TestSecretsAreUsedOnceAndByTheirOwner(t *testing.T) {
	b := start(t, lasting)
	witness := welcome(t, b, "unix")
	member, first := lastingSession(t, b, "unix")
	room := member.join("r", "m")
	cut(t, member, witness)

	thief := connect(t, b, "tcp") // another principal
	h := again(first, 2)
	h.MinVersion, h.MaxVersion, h.MaxFrame = protocol.Version, protocol.Version, protocol.MaxFrame
	thief.send(protocol.Header{Kind: protocol.KindHello}, h, nil)
	if code := thief.ended(); code != protocol.CodeNotResumed {
		t.Errorf("a stolen secret: %v", code)
	}
	member, second := hail(t, b, "unix", again(first, 2))
	if !second.Resumed || string(second.Resume) == string(first.Resume) {
		t.Fatalf("after the theft: %+v", second)
	}
	member.lives()
	other, w := hail(t, b, "unix", again(first, 2))
	if w.Resumed || w.Session == second.Session {
		t.Errorf("a secret was used twice: %+v", w)
	}
	other.send(protocol.Header{Kind: protocol.KindLeave, Sequence: 1, Room: room}, nil, nil)
	if f := other.expect(protocol.KindError, nil); f.Code != protocol.CodeNotMember {
		t.Errorf("the second user's leave: %v", f.Code)
	}
	member.lives()
	if s := statsOf(witness); s.ResumesRefused != 2 || s.Resumed != 1 {
		t.Errorf("%+v", s)
	}
}

// A process that never got its welcome may come again with the secret before; one that
// says that something else has come to it may not.
func TestWelcomeThatIsLost(t *testing.T) {
	b := start(t, lasting)
	caller := welcome(t, b, "unix")
	member, w := lastingSession(t, b, "unix")
	member.join("r", "m")
	caller.call(1, "r", time.Minute, []byte("work"))
	member.expect(protocol.KindDeliver, nil)
	for range 3 { // the deliver was not received, nor are these welcomes
		cut(t, member, caller)
		var second protocol.Welcome
		if member, second = hail(t, b, "unix", again(w, 2)); !second.Resumed || second.Received != 2 {
			t.Fatalf("welcome %+v", second)
		}
	}
	f := member.expect(protocol.KindDeliver, nil)
	member.reply(f.Room, f.Sequence, protocol.OK, "done")
	caller.wantEntry(protocol.OK, "done")
	cut(t, member, caller)
	if _, w := hail(t, b, "unix", again(w, 2)); w.Resumed {
		t.Errorf("after a frame of the new session: %+v", w)
	}
}

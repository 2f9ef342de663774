package broker

import (
	"strings"
	"testing"
	"time"

	"ddcos/protocol"
)

// frozen is a line in which nobody passes, as if very much were to be done first.
type frozen struct {
	*testing.T
	b      *Broker
	putOff uint64 // before
}

func freeze(t *testing.T, b *Broker) frozen {
	t.Helper()
	f := frozen{T: t, b: b}
	f.onLoop(func() {
		b.backlog.at = never
		b.backlog.line = append(b.backlog.line, &session{}) // whose turn does not come
		f.putOff = b.tables.putOff
	})
	return f
}

// thaw lets them pass.
func (f frozen) thaw() {
	f.Helper()
	f.onLoop(func() { f.b.backlog.at = 0; f.b.callLine() })
}

func (f frozen) onLoop(work func()) {
	f.Helper()
	done := make(chan struct{})
	f.b.post(func() { work(); close(done) })
	select {
	case <-done:
	case <-time.After(patience):
		f.Fatal("the loop does not answer")
	}
}

// waits waits until so many are in line.
func (f frozen) waits(n uint64) {
	f.Helper()
	until(f, "they wait", func() bool { return counted(f.T, f.b).PutOff == f.putOff+n })
}

// Who has to wait in line loses nothing: neither a frame nor its order, nor its hello in
// time. What is not of the tables goes on meanwhile.
func TestLine(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			b := start(t, nil)
			member, joins := welcome(t, b, network), welcome(t, b, network)
			room := member.join("r", "m")
			ice := freeze(t, b)
			comes := connect(t, b, network)
			comes.write(helloFrame())
			joins.send(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: "r", Name: "second"}, nil)
			joins.call(2, "r", patience, nil) // of both, since it joins before
			ice.waits(2)
			if code := connect(t, b, network).ended(); code != protocol.CodeHelloTimeout { // it came after comes
				t.Errorf("who says nothing hears %v", code)
			}
			member.call(3, "r", patience, nil)
			member.reply(room, member.expect(protocol.KindDeliver, nil).Sequence, protocol.OK, "at once")
			if entries, _ := member.account(); len(entries) != 1 || string(entries[0].Reply) != "at once" {
				t.Errorf("%+v", entries)
			}
			ice.thaw()
			comes.expect(protocol.KindWelcome, nil)
			joins.expect(protocol.KindJoined, nil)
			second := joins.expect(protocol.KindDeliver, nil)
			member.reply(room, member.expect(protocol.KindDeliver, nil).Sequence, protocol.OK, "1")
			joins.reply(room, second.Sequence, protocol.OK, "2")
			if entries, _ := joins.account(); len(entries) != 2 {
				t.Errorf("%+v", entries)
			}
			comes.join("r", "third")
		})
	}
}

// What a session asked for that ends while it waits is done, as for any other.
func TestLineLeft(t *testing.T) {
	b := start(t, nil)
	member, ends := welcome(t, b, "unix"), welcome(t, b, "unix")
	member.join("r", "m")
	ice := freeze(t, b)
	ends.write(append(bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: "r", Name: "x"}, nil),
		bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: 2}, protocol.Publish{Room: "r"}, []byte("last"))...))
	ice.waits(1)
	_ = ends.c.Close()
	if f := member.expect(protocol.KindDeliver, nil); string(f.Payload) != "last" {
		t.Errorf("%q", f.Payload)
	}
}

// Who sends on while it waits fills no memory: what it sends waits in its own socket, and
// is done in order when the line goes on.
func TestLineIsBounded(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			b := start(t, nil)
			r := welcome(t, b, network)
			room := r.join("r", "m")
			ice := freeze(t, b)
			const states = 4000 // more than may be set at once: the others are refused
			var all []byte
			for i := range uint64(states) {
				state := protocol.State{State: map[string]string{"k": strings.Repeat("x", 250)}}
				all = append(all, bytesOf(protocol.Header{Kind: protocol.KindState, Sequence: i + 1, Room: room}, state, nil)...)
			}
			sent := make(chan error, 1)
			go func() {
				_, err := r.c.Write(all)
				sent <- err
			}()
			until(t, "it is set aside", func() bool { return counted(t, b).Floods == 1 })
			if n, _ := held(b); n > lineMost {
				t.Errorf("%d bytes are held", n)
			}
			ice.thaw()
			for i := range uint64(states) {
				if f := r.next(); f.Sequence != i+1 || f.Kind != protocol.KindStated && f.Code != protocol.CodeTooManyChanges {
					t.Fatalf("a %v frame (%v) of %d, want of %d", f.Kind, f.Code, f.Sequence, i+1)
				}
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
			until(t, "nothing is held", func() bool { n, of := held(b); return n == 0 && of == 0 })
		})
	}
}

// The tables have their share and a burst, and do not owe for ever.
func TestTablesSpend(t *testing.T) {
	var a tables
	now := time.Hour
	a.spend(now, tableBurst)
	if a.spent(now) {
		t.Error("a burst has to wait")
	}
	a.spend(now, time.Microsecond)
	if !a.spent(now) {
		t.Error("more than a burst has not")
	}
	a.spend(now, time.Hour)
	if now += tableBurst * lineShare; a.spent(now) {
		t.Error("what was long ago is held against them")
	}
	for range 1000 {
		now += lineShare * time.Millisecond
		if a.spend(now, time.Millisecond); a.spent(now) {
			t.Fatal("their share has to wait")
		}
	}
	for k := range protocol.Kind(255) {
		if changesTables(k) && carries(k) {
			t.Errorf("%v waits for itself", k)
		}
	}
}

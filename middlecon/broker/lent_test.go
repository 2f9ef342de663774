package broker

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"ddcos/protocol"
)

// busy is a desk where the last two members watch the room, and have yet to be written to.
func busy(t *testing.T, members int) (d *desk, last []*session) {
	d = newDesk(t, members, protocol.Call{Room: "r"})
	last = d.members[members-2:]
	for _, s := range last {
		d.turn(s, bytesOf(protocol.Header{Kind: protocol.KindWatch, Sequence: 1}, protocol.Watch{Room: "r"}, nil))
		s.conn.(*tape).bytes = nil
	}
	d.turn(d.caller, bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: 1}, protocol.Publish{Room: "r"}, make([]byte, 60<<10)))
	for _, s := range last {
		if !s.is(postponed) {
			t.Fatal("it was written to at once")
		}
	}
	return d, last
}

// What is made in the memory of a turn for one who is written to in another stays what it is:
// messages to one, changes of views, and accounts.
func TestMadeWhilePostponed(t *testing.T) {
	const members, rounds = 64, 5
	d, last := busy(t, members)
	for n := range byte(rounds) {
		for i, s := range last { // the second's lies where the first's lay
			to := fmt.Sprint("m", members-2+i)
			d.turn(d.caller, bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: 1}, protocol.Publish{Room: "r", To: to}, bytes.Repeat([]byte{n, byte(i)}, 50)))
			d.turn(s, bytesOf(protocol.Header{Kind: protocol.KindCall, Sequence: uint64(n) + 2, Budget: 1e6}, protocol.Call{Room: "r", To: "m0"}, nil))
			d.members[0].conn.(*tape).frames(t, func(f protocol.Frame) {
				if f.Kind == protocol.KindDeliver && f.Flags&protocol.FlagNoReply == 0 {
					d.turn(d.members[0], bytesOf(protocol.Header{Kind: protocol.KindReply, Sequence: f.Sequence, Room: f.Room, Outcome: protocol.OK}, nil, []byte{n, byte(i)}))
				}
			})
		}
		d.state(d.members[1], fmt.Sprint(n))
	}
	for len(d.b.later.sessions) > 0 {
		d.b.mailbox.open()
	}
	for i, s := range last {
		var messages, views, accounts byte
		s.conn.(*tape).frames(t, func(f protocol.Frame) {
			switch f.Kind {
			case protocol.KindDeliver:
				if len(f.Payload) == 100 {
					if !bytes.Equal(f.Payload[:2], []byte{messages, byte(i)}) {
						t.Errorf("message %d to %d is message %d to %d", messages, i, f.Payload[0], f.Payload[1])
					}
					messages++
				}
			case protocol.KindView:
				var v protocol.ViewChunk
				if err := protocol.DecodeAnswer(f.Meta, &v); err != nil || v.Changed[0].State["k"] != fmt.Sprint(views) {
					t.Errorf("change %d is %+v, %v", views, v, err)
				}
				views++
			case protocol.KindAccount:
				var a protocol.AccountChunk
				if err := protocol.DecodeAnswer(f.Meta, &a); err != nil || f.Sequence != uint64(accounts)+2 || len(a.Entries) != 1 || !bytes.Equal(a.Entries[0].Reply, []byte{accounts, byte(i)}) {
					t.Errorf("account %d of %d is of call %d: %+v, %v", accounts+2, i, f.Sequence, a, err)
				}
				accounts++
			}
		})
		if messages != rounds || views != rounds || accounts != rounds {
			t.Errorf("%d messages, %d changes and %d accounts of %d each", messages, views, accounts, rounds)
		}
	}
}

// No frame outlives its turn in that turn's memory, whatever is done one after the other.
func TestNothingLentIsLeft(t *testing.T) {
	const members, steps = 12, 300
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		d, _ := busy(t, members)
		for n := range steps {
			s := d.members[r.IntN(members)]
			message := protocol.Publish{Room: "r", To: []string{"", fmt.Sprint("m", r.IntN(members))}[r.IntN(2)]}
			size := []int{10, copiedLittle / 2, copiedLittle + 1, 60 << 10}[r.IntN(4)]
			switch r.IntN(7) {
			case 0, 1:
				d.turn(s, bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: 1}, message, make([]byte, size)))
			case 2:
				d.turn(s, bytesOf(protocol.Header{Kind: protocol.KindCall, Sequence: uint64(n + 2), Budget: 1e6}, protocol.Call{Room: "r", To: message.To}, make([]byte, size)))
			case 3:
				s.conn.(*tape).frames(t, func(f protocol.Frame) {
					if f.Kind == protocol.KindDeliver && f.Flags&protocol.FlagNoReply == 0 {
						d.turn(s, bytesOf(protocol.Header{Kind: protocol.KindReply, Sequence: f.Sequence, Room: f.Room, Outcome: protocol.OK}, nil, make([]byte, size)))
					}
				})
			case 4:
				d.state(s, fmt.Sprint(n))
			case 5:
				s.conn.(*tape).full ^= 1 // its transport has not taken all, or has
			case 6:
				d.b.later.at = 0
				d.b.mailbox.open()
			}
			for _, s := range d.members {
				if why := d.b.leaves(s); why != "" && !s.closing { // a tape does not tell that it is closed
					t.Fatalf("seed %d, step %d, session %d: %s", seed, n, s.id, why)
				}
			}
		}
	}
}

// Over sockets: messages to one come whole and in order to members that long messages to all
// have yet to be written to.
func TestMessagesAmongLongOnes(t *testing.T) {
	const members, long, each = 40, 12, 50
	b := start(t, nil)
	var all []*raw
	for i := range members {
		all = append(all, welcome(t, b, []string{"unix", "tcp"}[i%2]))
		all[i].join("r", fmt.Sprint("m", i))
	}
	publish := func(to string, n int, payload []byte) []byte {
		return bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: uint64(n + 1)}, protocol.Publish{Room: "r", To: to}, payload)
	}
	loud, quiet := welcome(t, b, "unix"), welcome(t, b, "unix")
	var work sync.WaitGroup
	work.Go(func() {
		for n := range long {
			loud.write(publish("", n, make([]byte, 60<<10)))
			loud.expect(protocol.KindPublished, nil)
		}
	})
	work.Go(func() {
		for n := range each {
			for i := range members {
				quiet.write(publish(fmt.Sprint("m", i), n, fmt.Append(nil, i, n, "!")))
				quiet.expect(protocol.KindPublished, nil)
			}
		}
	})
	for i, m := range all {
		for longs, littles := 0, 0; longs < long || littles < each; {
			f := m.expect(protocol.KindDeliver, nil)
			if len(f.Payload) > 100 {
				longs++
				continue
			}
			if want := fmt.Append(nil, i, littles, "!"); !bytes.Equal(f.Payload, want) {
				t.Fatalf("member %d heard %q instead of %q", i, f.Payload, want)
			}
			littles++
		}
	}
	work.Wait()
}

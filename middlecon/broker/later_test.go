package broker

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// A long message to many is handed to the kernel in several turns, and comes to each
// whole, once and in order; what is little is handed over at once.
func TestLongMessageToMany(t *testing.T) {
	const members, long = 64, 60 << 10
	d := newDesk(t, members, protocol.Call{Room: "r"})
	say := func(size int, text byte) {
		d.turn(d.caller, bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: 1}, protocol.Publish{Room: "r"}, bytes.Repeat([]byte{text}, size)))
	}
	written := func() (bytes int) {
		for _, s := range d.members {
			bytes += len(s.conn.(*tape).bytes)
		}
		return bytes
	}
	say(long, 'a')
	if n := written(); n < long || n > copiedMost+2*long {
		t.Errorf("%d bytes were written in one turn; %d are the most to be copied", n, copiedMost)
	}
	say(100, 'b')
	for turns := 1; len(d.b.later.sessions) > 0; turns++ {
		before := written()
		d.b.mailbox.open()
		if n := written() - before; n == 0 || n > copiedMost+2*long || turns > 2*members*long/copiedMost {
			t.Fatalf("turn %d copied %d bytes", turns, n)
		}
	}
	for i, s := range d.members {
		var got []byte
		s.conn.(*tape).frames(t, func(f protocol.Frame) {
			got = append(got, f.Payload[0])
			if want := map[byte]int{'a': long, 'b': 100}[f.Payload[0]]; len(f.Payload) != want {
				t.Errorf("member %d: %d bytes of %d", i, len(f.Payload), want)
			}
		})
		if string(got) != "ab" {
			t.Errorf("member %d heard %q", i, got)
		}
	}
}

// Where others send messages meanwhile, the loop rests between these turns, and wakes for them.
func TestLongMessageAmongOthers(t *testing.T) {
	const members = 64
	d := newDesk(t, members, protocol.Call{Room: "r"})
	b, l := d.b, &d.b.later
	d.turn(d.caller, bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: 1}, protocol.Publish{Room: "r"}, make([]byte, 60<<10)))
	b.mailbox.open()
	if l.at != 0 || !l.posts {
		t.Fatalf("nobody else sends anything: the next turn is a letter %v, at %v", l.posts, l.at)
	}
	from := d.came(members+2, bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: 1}, protocol.Publish{Room: "r"}, nil))
	from.take()
	l.at = time.Hour
	b.mailbox.open()
	for _, one := range b.unwoken() {
		t.Error("nobody wakes the loop: " + one)
	}
	left := len(l.sessions)
	if l.at <= time.Hour || l.posts || left == 0 {
		t.Fatalf("%d wait for a letter %v, at %v", left, l.posts, l.at)
	}
	l.at = 0
	b.contain(b.due, func() { t.Error("a defect") })
	if b.mailbox.open(); len(l.sessions) >= left {
		t.Errorf("%d of %d are left when the rest is over", len(l.sessions), left)
	}
}

// How long that is depends on how long the turn took, and whether somebody does not read.
func TestLaterRests(t *testing.T) {
	const began, cost = time.Hour, 100 * time.Microsecond
	for i, one := range []struct {
		needed time.Duration
		at     time.Duration // when the turn could have come
		unread bool
		cost   time.Duration
		next   time.Duration
	}{
		{needed: began, at: 1, unread: true, cost: cost, next: 1}, // no other has sent anything lately
		{needed: began + 1, at: began, cost: cost, next: began + laterShare*cost},
		{needed: began + 1, at: began - cost, cost: cost, next: began + (laterShare-1)*cost},
		{needed: began + 1, cost: cost, next: began + laterShare*cost - laterCredit},
		{needed: began + 1, unread: true, cost: cost, next: began + lineShare*cost},
		{needed: began + 1, at: began, cost: time.Hour, next: began + restMost},
	} {
		l := later{needed: one.needed, at: one.at, unread: one.unread}
		if l.rest(began, began+one.cost); l.at != one.next {
			t.Errorf("turn %d: the next one comes %v after it, want %v", i, l.at-began, one.next-began)
		}
	}
}

// Who has not read what was written is known by its socket.
func TestUnread(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = unix.Close(fds[0]), unix.Close(fds[1]) }()
	d := newDesk(t, 0, protocol.Call{Room: "r"})
	to := &tape{fd: fds[0]}
	for _, step := range []struct {
		what string
		do   func(int, []byte) (int, error)
		fd   int
		want bool
	}{
		{what: "has nothing to read", want: false},
		{what: "has not read", do: unix.Write, fd: fds[0], want: true},
		{what: "has read", do: unix.Read, fd: fds[1], want: false},
	} {
		if step.do != nil {
			if _, err := step.do(step.fd, make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
		}
		d.b.begin()
		if d.b.later.copies(copiedLittle, to); d.b.later.copied > 0 || d.b.later.unread {
			t.Error("what is little counts")
		}
		if d.b.later.copies(copiedLittle+1, to); d.b.later.unread != step.want {
			t.Errorf("who %s: %v", step.what, d.b.later.unread)
		}
	}
}

// Who sends a long message to many waits until those before have been written, so that who
// reads loses none, however many send; and nobody else waits for that.
func TestLongMessagesOfMany(t *testing.T) {
	const members, senders, each, long = 32, 8, 4, 60 << 10
	d := newDesk(t, members, protocol.Call{Room: "r"})
	b := d.b
	b.options.QueueBytes = 2 * long // a message and what is little beside it
	publish := func(to string, payload []byte) []byte {
		return bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: 1}, protocol.Publish{Room: "r", To: to}, payload)
	}
	sent, from := [senders]int{}, [senders]*fed{}
	send := func() (more bool) {
		for i, c := range from {
			if sent[i] == each || c != nil && len(c.taken) == 0 {
				more = more || sent[i] < each
				continue
			}
			frame := publish("", bytes.Repeat([]byte{byte(1 + i*each + sent[i])}, long))
			if c == nil {
				c = d.came(100+i, frame)
				from[i] = c
			} else {
				<-c.taken
				c.came = frame
			}
			sent[i]++
			more = true
			c.take()
		}
		return more
	}
	send()
	if got := len(b.later.held.of["uid 7"]); got != senders-1 {
		t.Errorf("%d of %d are held", got, senders)
	}
	few := d.session(300)
	d.turn(few, bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: "few", Name: "x"}, nil))
	toFew := bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: 1}, protocol.Publish{Room: "few"}, make([]byte, long))
	for i, frame := range [][]byte{toFew, bytesOf(protocol.Header{Kind: protocol.KindCall, Sequence: 1, Budget: 1e6}, protocol.Call{Room: "r"}, []byte("!")), publish("m0", make([]byte, long/2))} {
		c := d.came(200+i, frame)
		if c.take(); c.s.is(inLine) {
			t.Error("it waits, though what it sends is little, or for few")
		}
	}
	if n := len(few.conn.(*tape).bytes); n < long {
		t.Errorf("%d bytes of a message to few were written at once", n)
	}
	for i := 0; send() || b.later.late > 0 || len(b.later.held.order) > 0; i++ {
		for _, one := range b.unwoken() {
			t.Fatal("nobody wakes the loop: " + one)
		}
		b.later.at = 0 // the rest is over
		b.contain(b.due, func() { t.Error("a defect") })
		if b.mailbox.open(); i > members*senders*each {
			t.Fatal("it does not end")
		}
	}
	for i, s := range d.members {
		var next [senders]int
		others := 0
		s.conn.(*tape).frames(t, func(f protocol.Frame) {
			if len(f.Payload) < long {
				others++
				return
			}
			if sender, n := int(f.Payload[0]-1)/each, int(f.Payload[0]-1)%each; n == next[sender] {
				next[sender]++
			} else {
				t.Errorf("member %d heard message %d of sender %d, want %d", i, n, sender, next[sender])
			}
		})
		if want := map[bool]int{true: 2, false: 1}[i == 0]; slices.Min(next[:]) < each || others != want {
			t.Errorf("member %d heard %v of the senders, %d of others", i, next, others)
		}
	}
}

// Whom a long message has yet to be written to may have more waiting than others meanwhile.
func TestRoomOfTheUnwritten(t *testing.T) {
	const members = 32
	d := newDesk(t, members, protocol.Call{Room: "r"})
	most := d.b.options.QueueBytes
	message := func(size int) []byte {
		return bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: 1}, protocol.Publish{Room: "r"}, make([]byte, size))
	}
	d.turn(d.caller, message(60<<10))
	for range 2 * most / copiedLittle {
		d.turn(d.caller, message(copiedLittle))
	}
	d.caller.conn.(*tape).frames(t, func(f protocol.Frame) {
		var p protocol.Published
		if err := protocol.DecodeAnswer(f.Meta, &p); err != nil || p.Handed != members {
			t.Errorf("handed to %d of %d, %v", p.Handed, members, err)
		}
	})
	last := d.members[members-1]
	if n := last.bytes; !last.is(unwritten) || n < 2*most || last.shared < n-most || d.b.shares.used < last.shared {
		t.Errorf("%d bytes wait, %d of them counted with %d of all; %d are what waits at most for others", n, last.shared, d.b.shares.used, most)
	}
	if !d.b.full(last, laterQueues*most) {
		t.Error("what waits has no bound")
	}
	for _, slow := range []int{0, 1} {
		last.conn.(*tape).full = slow
		if full := d.b.full(last, 1); full != (slow > 0) {
			t.Errorf("who has %d bytes not taken finds its queue full: %v", slow, full)
		}
	}
	last.conn.(*tape).full = 0
	for len(d.b.later.sessions) > 0 {
		d.b.mailbox.open()
	}
	if n := d.b.shares.used; n > 0 {
		t.Errorf("%d bytes are counted when all are written", n)
	}
}

// All that are held go on when nothing is left to be waited for, in slices of time.
func TestHeldLongMessagesGoOn(t *testing.T) {
	const senders = 200
	d := newDesk(t, 1, protocol.Call{Room: "r"})
	b := d.b
	labels := map[string]string{"k": "v"} // of the room, which is large enough, only this one has them
	member := d.session(99)
	d.turn(member, bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: "r", Name: "x", Labels: labels}, nil))
	member.conn.(*tape).bytes = nil
	b.later.late++
	for i := range senders {
		d.came(100+i, bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: 1}, protocol.Publish{Room: "r", Labels: labels}, make([]byte, 60<<10))).take()
	}
	if n := len(b.later.held.of["uid 7"]); n != senders {
		t.Fatalf("%d of %d are held", n, senders)
	}
	b.begin()
	b.later.late--
	b.callLater()
	for left := senders; left > 0; {
		for _, one := range b.unwoken() {
			t.Fatal("nobody wakes the loop: " + one)
		}
		before := left
		if b.mailbox.open(); len(b.later.held.of["uid 7"]) >= before {
			t.Fatalf("%d are still held", before)
		}
		left = len(b.later.held.of["uid 7"])
	}
	heard := 0
	if member.conn.(*tape).frames(t, func(protocol.Frame) { heard++ }); heard != senders {
		t.Errorf("%d of %d came", heard, senders)
	}
}

// Over sockets: who sends long messages one behind the other, without waiting for an answer,
// loses none of as many as the kernel and the queue of a member have room for.
func TestLongMessagesOverSockets(t *testing.T) {
	const members, messages, long = 40, 7, 60 << 10
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			b := start(t, nil)
			var all []*raw
			for i := range members {
				all = append(all, welcome(t, b, []string{"unix", "tcp"}[i%2]))
				all[i].join("r", fmt.Sprint("m", i))
			}
			publisher := welcome(t, b, network)
			var frames []byte
			for n := range messages {
				frames = append(frames, bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: uint64(n + 1)}, protocol.Publish{Room: "r"}, bytes.Repeat([]byte{byte(n)}, long))...)
			}
			publisher.write(append(frames, bytesOf(protocol.Header{Kind: protocol.KindPing, Sequence: 1}, nil, nil)...))
			for n := range messages {
				var p protocol.Published
				if f := publisher.expect(protocol.KindPublished, &p); f.Sequence != uint64(n+1) || p.Handed != members {
					t.Errorf("message %d: answer %d, handed to %d of %d", n+1, f.Sequence, p.Handed, members)
				}
			}
			publisher.expect(protocol.KindPong, nil)
			for i, m := range all {
				for n := range messages {
					if f := m.expect(protocol.KindDeliver, nil); len(f.Payload) != long || f.Payload[0] != byte(n) {
						t.Fatalf("member %d heard message %d instead of %d", i, f.Payload[0], n)
					}
				}
			}
		})
	}
}

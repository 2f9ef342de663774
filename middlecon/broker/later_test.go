package broker

import (
	"bytes"
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
	b.mailbox.open()
	for _, one := range b.unwoken() {
		t.Error("nobody wakes the loop: " + one)
	}
	left := len(l.sessions)
	if l.at <= b.clock || l.posts || left == 0 { // the timer may have rung already
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
		unread bool
		cost   time.Duration
		rest   time.Duration
	}{
		{needed: began, unread: true, cost: cost, rest: -began - cost}, // no other has sent anything lately
		{needed: began + 1, cost: cost, rest: (laterShare - 1) * cost},
		{needed: began + 1, unread: true, cost: cost, rest: (lineShare - 1) * cost},
		{needed: began + 1, cost: time.Hour, rest: restMost},
	} {
		l := later{needed: one.needed, unread: one.unread}
		if l.rest(began, began+one.cost); l.at-began-one.cost != one.rest {
			t.Errorf("turn %d: rests %v, want %v", i, l.at-began-one.cost, one.rest)
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

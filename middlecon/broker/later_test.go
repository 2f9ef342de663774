package broker

import (
	"bytes"
	"testing"

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
	if n := written(); n < copiedMost || n > copiedMost+2*long {
		t.Errorf("%d bytes were copied in one turn; %d are the most", n, copiedMost)
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

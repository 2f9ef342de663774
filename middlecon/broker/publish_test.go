package broker

import (
	"bytes"
	"testing"

	"ddcos/protocol"
)

// Who does not read costs the publisher nothing but a number.
func TestPublishToAFullQueue(t *testing.T) {
	b := start(t, nil)
	stuck, reads, publisher := welcome(t, b, "unix"), welcome(t, b, "unix"), welcome(t, b, "unix")
	stuck.join("r", "stuck")
	reads.join("r", "reads")
	payload := bytes.Repeat([]byte("x"), protocol.MaxPayload)
	for n := range 100 {
		publisher.send(protocol.Header{Kind: protocol.KindPublish, Sequence: 1}, protocol.Publish{Room: "r"}, payload)
		var p protocol.Published
		publisher.expect(protocol.KindPublished, &p)
		f := reads.expect(protocol.KindDeliver, nil)
		if f.Flags&protocol.FlagNoReply == 0 || f.Budget != 0 || f.Sequence != uint64(n+1) || len(f.Payload) != len(payload) {
			t.Fatalf("message %d: %+v", n, f.Header)
		}
		if p.Selected != 2 || p.Handed < 1 {
			t.Fatalf("message %d: %+v", n, p)
		}
		if p.Handed == 1 {
			if n < 4 {
				t.Errorf("message %d found the queue full", n)
			}
			return
		}
	}
	t.Error("a session that does not read took 100 messages")
}

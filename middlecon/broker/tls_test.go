package broker

import (
	"bytes"
	"testing"
	"time"

	"ddcos/middlecon/creds/forge"
	"ddcos/protocol"
)

// A call over TLS: what a member is shown by is its certificate's, and every byte
// arrives, however large the message is.
func TestCallOverTLS(t *testing.T) {
	a := forge.New(t, "authority")
	b := mutual(t, a, nil)
	member := shows(t, b, a.Issue(nil, "spiffe://ddcos/agent/web-1")).admitted()
	caller := shows(t, b, a.Issue(nil, "spiffe://elsewhere.example/ns/prod/sa/deploy")).admitted()
	number := member.join("r", "m")
	payload := bytes.Repeat([]byte("0123456789abcdef"), protocol.MaxPayload/16)
	for i := range uint64(20) {
		caller.call(i+1, "r", patience, payload)
		var d protocol.Deliver
		f := member.expect(protocol.KindDeliver, &d)
		if !bytes.Equal(f.Payload, payload) || d.Host != "elsewhere.example/ns/prod/sa/deploy" {
			t.Fatalf("%d bytes of %d, from %q", len(f.Payload), len(payload), d.Host)
		}
		member.send(protocol.Header{Kind: protocol.KindReply, Sequence: f.Sequence, Room: number, Outcome: protocol.OK}, nil, f.Payload)
		var reply []byte
		entries, summary := caller.account()
		for _, e := range entries {
			reply = append(reply, e.Reply...)
		}
		if last := entries[len(entries)-1]; !summary.Met || !bytes.Equal(reply, payload) || last.Host != "web-1" || last.Outcome != protocol.OK {
			t.Fatalf("%+v, %d bytes", summary, len(reply))
		}
	}
	_ = member.c.Close()
	until(t, "the session is given back", func() bool { return b.sessions.Load() == 1 })
	caller.call(100, "r", time.Second, nil)
	if _, summary := caller.account(); summary.Selected != 0 {
		t.Errorf("%+v", summary)
	}
}

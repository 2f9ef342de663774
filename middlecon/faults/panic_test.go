package faults

import (
	"os"
	"strings"
	"testing"

	"ddcos/protocol"
)

// A frame with this payload meets the planted defect.
const cursed = "cursed"

// panics are brokers with a defect: one in what a session asks, one within the
// rooms, where a call's account is half made.
func panics() []defect {
	return []defect{
		{
			"panic at a call", "middlecon/broker/take.go",
			"	case protocol.KindCall:\n",
			"	case protocol.KindCall:\n\t\tif string(f.Payload) == \"cursed\" {\n\t\t\tpanic(\"planted\")\n\t\t}\n",
		},
		{
			"panic at a reply", "middlecon/room/reply.go",
			"func (r *Rooms) reply(e Reply) {\n",
			"func (r *Rooms) reply(e Reply) {\n\tif string(e.Part) == \"cursed\" {\n\t\tpanic(\"planted\")\n\t}\n",
		},
	}
}

// TestBrokerPanics (fault 31): a defect of the broker costs the session that
// met it, with a reason in the log. The process, the other sessions and the
// accounts of their calls go on.
func TestBrokerPanics(t *testing.T) {
	for _, d := range panics() {
		t.Run(d.name, func(t *testing.T) {
			w := begin(t, setup{defect: &d})
			w.baseline()
			w.members(plan{Names: names("well", 3)})
			w.sick("cursed")
			r := connectRaw(t, w.broker.socket, 0).welcome().join("cursed")
			w.awaitSize(4)
			done := w.caller("c").goCall(ask{})
			f := r.delivered()
			w.noted(r, f.Payload, Began)
			if strings.HasSuffix(d.name, "call") {
				r.send(protocol.Header{Kind: protocol.KindCall, Sequence: 7, Budget: 1_000_000}, protocol.Call{Room: theRoom}, []byte(cursed))
			} else {
				r.reply(f, protocol.OK, []byte(cursed))
			}
			if code := r.ended(); code != 0 {
				t.Errorf("it ends with %v", code)
			}
			if a := <-done; len(a.Entries) != 4 || outcomeOf(a.Entries, "cursed") != protocol.LostAfterSend {
				t.Errorf("a session that met a defect: %+v", a.Entries)
			}
			w.awaitSize(3)
			log, err := os.ReadFile(w.broker.log)
			if err != nil || strings.Count(string(log), "a defect of the broker") != 1 {
				t.Errorf("the log: %v", err)
			}
			w.finish()
		})
	}
}

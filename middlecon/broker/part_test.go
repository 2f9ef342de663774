package broker

import (
	"bytes"
	"testing"

	"ddcos/protocol"
)

// work offers something and binds the session that joined as doer, of a room of two; it
// gives the room's number and the offer's at the broker.
func (r *raw) work(doer, other *raw, partial bool) (room uint32, offer uint64) {
	r.t.Helper()
	room = doer.join("r", "doer")
	other.join("r", "other")
	r.offer(5, protocol.Offer{Room: "r", Partial: partial}, patience, "job")
	offer = doer.expect(protocol.KindOffered, nil).Sequence
	other.expect(protocol.KindOffered, nil)
	doer.bid(room, offer, 0)
	doer.expect(protocol.KindBind, nil)
	r.expect(protocol.KindBound, nil)
	other.expect(protocol.KindCancel, nil)
	return room, offer
}

// part sends a part of a reply.
func (r *raw) part(room uint32, offer uint64, outcome protocol.Outcome, part []byte) {
	r.t.Helper()
	r.send(protocol.Header{Kind: protocol.KindReply, Flags: protocol.FlagMore, Sequence: offer, Room: room, Outcome: outcome}, nil, part)
}

// told is what a caller has read of an account that comes.
type told struct {
	entries []protocol.Entry // that are no part
	parts   []byte
	summary *protocol.Summary
}

// hears reads on until so many bytes have come in parts, or with none to the end.
func (r *raw) hears(a *told, parts int) {
	r.t.Helper()
	for a.summary == nil && (parts == 0 || len(a.parts) < parts) {
		var chunk protocol.AccountChunk
		r.expect(protocol.KindAccount, &chunk)
		for _, e := range chunk.Entries {
			switch {
			case e.Outcome != protocol.Pending:
				a.entries = append(a.entries, e)
			case !e.More || e.Name != "doer" || e.LatencyUS != 0 || e.Error != "":
				r.t.Fatalf("a part %+v", e)
			default:
				a.parts = append(a.parts, e.Reply...)
			}
		}
		a.summary = chunk.Summary
	}
}

// What the bound member says comes at once, each byte once, and its entry says in the
// end whether it counts. A reply may be longer than any frame or queue.
func TestReplyAsItComes(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789abcdef"), 40<<10) // ten blocks
	for name, c := range map[string]struct {
		end     func(doer, caller *raw, room uint32, offer uint64)
		outcome protocol.Outcome
		rest    string // in the doer's entry
		text    string
	}{
		"ok": {func(doer, _ *raw, room uint32, offer uint64) {
			doer.reply(room, offer, protocol.OK, "the rest")
		}, protocol.OK, "the rest", ""},
		"ok without a rest": {func(doer, _ *raw, room uint32, offer uint64) {
			doer.reply(room, offer, protocol.OK, "")
		}, protocol.OK, "", ""},
		"lost": {func(doer, _ *raw, _ uint32, _ uint64) { _ = doer.c.Close() }, protocol.LostAfterSend, "", ""},
		"failed after all": {func(doer, _ *raw, room uint32, offer uint64) {
			doer.part(room, offer, protocol.AppError, []byte("no "))
			doer.reply(room, offer, protocol.AppError, "disk")
		}, protocol.AppError, "", "no disk"},
		"of three minds": {func(doer, _ *raw, room uint32, offer uint64) {
			doer.part(room, offer, protocol.AppError, []byte("no disk"))
			doer.part(room, offer, protocol.OK, []byte("but"))
		}, protocol.AppError, "", "its reply went on after an error"},
		"left": {func(doer, _ *raw, room uint32, _ uint64) {
			doer.send(protocol.Header{Kind: protocol.KindLeave, Sequence: 9, Room: room}, nil, nil)
		}, protocol.Left, "", ""},
		"cancelled by its caller": {func(_, caller *raw, _ uint32, _ uint64) {
			caller.send(protocol.Header{Kind: protocol.KindCancel, Sequence: 5}, nil, nil)
		}, protocol.Cancelled, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, nil)
			doer, other, caller := welcome(t, b, "tcp"), welcome(t, b, "unix"), welcome(t, b, "unix")
			room, offer := caller.work(doer, other, true)
			var a told
			want := []byte("step one ")
			doer.part(room, offer, protocol.OK, want)
			caller.hears(&a, len(want)) // while the doer has said no more
			for at := 0; at < len(long); at += 50_000 {
				part := long[at:min(at+50_000, len(long))]
				doer.part(room, offer, protocol.OK, part)
				want = append(want, part...)
			}
			caller.hears(&a, len(want))
			c.end(doer, caller, room, offer)
			caller.hears(&a, 0)
			if !bytes.Equal(a.parts, want) {
				t.Errorf("%d bytes came in parts, want %d", len(a.parts), len(want))
			}
			if len(a.entries) != 2 || a.entries[0].Name != "other" || a.entries[0].Outcome != protocol.Cancelled || a.summary.Selected != 2 {
				t.Fatalf("%+v, %+v", a.entries, a.summary)
			}
			e := a.entries[1]
			if e.Outcome != c.outcome || string(e.Reply) != c.rest || e.Error != c.text || e.More || a.summary.Met != (c.outcome == protocol.OK) {
				t.Errorf("the doer is %+v, met %v", e, a.summary.Met)
			}
		})
	}
}

// Who did not ask hears nothing of a reply before it is whole.
func TestReplyThatWasNotAskedForAsItComes(t *testing.T) {
	b := start(t, nil)
	doer, other, caller := welcome(t, b, "tcp"), welcome(t, b, "unix"), welcome(t, b, "unix")
	room, offer := caller.work(doer, other, false)
	doer.part(room, offer, protocol.OK, []byte("step one "))
	doer.lives()
	caller.lives() // the pong is the next frame
	doer.reply(room, offer, protocol.OK, "and two")
	entries, sum := caller.account()
	if len(entries) != 2 || string(entries[1].Reply) != "step one and two" || !sum.Met {
		t.Errorf("%+v, %+v", entries, sum)
	}
}

// A caller that does not read is sent no more than its queue takes; what comes meanwhile
// goes with the rest of the reply.
func TestReplyToACallerThatDoesNotRead(t *testing.T) {
	b := start(t, nil)
	doer, other, caller := welcome(t, b, "unix"), welcome(t, b, "unix"), welcome(t, b, "unix")
	room, offer := caller.work(doer, other, true)
	want := bytes.Repeat([]byte("fedcba9876543210"), 4<<10)[:60_000]
	const parts = 50 // 3 MB
	for range parts {
		doer.part(room, offer, protocol.OK, want)
	}
	doer.reply(room, offer, protocol.OK, "end")
	doer.lives()
	var a told
	caller.hears(&a, 0)
	var rest []byte
	for _, e := range a.entries {
		if e.Name == "doer" {
			rest = append(rest, e.Reply...)
		}
	}
	if got := append(a.parts, rest...); !bytes.Equal(got, append(bytes.Repeat(want, parts), "end"...)) || !a.summary.Met {
		t.Errorf("%d bytes in parts and %d behind them, met %v", len(a.parts), len(rest), a.summary.Met)
	}
}

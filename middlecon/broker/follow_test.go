package broker

import (
	"fmt"
	"os"
	"testing"

	"ddcos/protocol"
)

// A policy that changes ends what it does not allow any more, with a reason and at
// once, and nothing else; others see why.
func TestFollowEndsWhatIsForbidden(t *testing.T) {
	b := start(t, nil)
	all := policyOf(t, "allow:\n - {who: '*', may: '*'}\n")
	followed(t, b, all)
	r, other := welcome(t, b, "unix"), welcome(t, b, "tcp")
	kept, lost := r.join("kept", "n"), r.join("lost", "n")
	r.send(protocol.Header{Kind: protocol.KindWatch, Sequence: 5}, protocol.Watch{Room: "kept"}, nil)
	r.expect(protocol.KindView, nil)
	r.send(protocol.Header{Kind: protocol.KindWatch, Sequence: 6}, protocol.Watch{Room: "lost"}, nil)
	r.expect(protocol.KindView, nil)
	other.send(protocol.Header{Kind: protocol.KindWatch, Sequence: 7}, protocol.Watch{Room: "lost"}, nil)
	other.expect(protocol.KindView, nil)
	other.call(8, "lost", patience, nil)
	r.expect(protocol.KindDeliver, nil)

	b.Follow(policyOf(t, "allow:\n - {who: '*', may: '*'}\ndeny:\n - {who: 'uid *', may: '*', rooms: 'lo*'}\n"))
	told, watch, away := false, false, false
	for !told || !watch || !away {
		f := r.next()
		var text protocol.ErrorText
		switch f.Kind {
		case protocol.KindExpelled:
			told = protocol.DecodeAnswer(f.Meta, &text) == nil && f.Room == lost && f.Code == protocol.CodeForbidden && text.Text == fmt.Sprintf("uid %d may not join in %q any more", ownUID(), "lost")
		case protocol.KindError:
			watch = f.Sequence == 6 && f.Code == protocol.CodeForbidden
		case protocol.KindCancel:
			away = f.Room == lost
		case protocol.KindView: // of "lost", as it goes
		default:
			t.Fatalf("%s %v", f.Kind, f.Code)
		}
	}
	entries, _ := other.accountOf(8)
	if len(entries) != 1 || entries[0].Outcome != protocol.Left {
		t.Errorf("the call: %+v", entries)
	}
	r.send(protocol.Header{Kind: protocol.KindState, Sequence: 9, Room: kept}, protocol.State{State: map[string]string{"a": "b"}}, nil)
	if f := r.answer(9); f.Kind != protocol.KindStated {
		t.Errorf("the membership that is allowed: %s %v", f.Kind, f.Code)
	}
	s, err := b.Stats(t.Context())
	if err != nil || s.Members != 1 || s.Watches != 2 || s.Expelled != 2 {
		t.Errorf("%v: %d members, %d watches, %d expelled", err, s.Members, s.Watches, s.Expelled)
	}
	followed(t, b, all)
	r.send(protocol.Header{Kind: protocol.KindJoin, Sequence: 10}, protocol.Join{Room: "lost", Name: "n"}, nil)
	if f := r.answer(10); f.Kind != protocol.KindJoined {
		t.Errorf("when it is allowed again: %s %v", f.Kind, f.Code)
	}
}

// A will that may not be published any more is dropped, and its session told so; one that
// may be is kept.
func TestFollowDropsWills(t *testing.T) {
	b := start(t, nil)
	heir := welcome(t, b, "tcp")
	heir.join("r", "heir")
	heir.send(protocol.Header{Kind: protocol.KindWatch, Sequence: 7}, protocol.Watch{Room: "other"}, nil)
	heir.expect(protocol.KindView, nil)
	for _, in := range []string{"r", "other"} {
		r := welcome(t, b, "unix")
		r.send(protocol.Header{Kind: protocol.KindWill, Sequence: 3}, protocol.Will{Room: in}, []byte("gone"))
		r.expect(protocol.KindWilled, nil)
		followed(t, b, policyOf(t, "allow:\n - {who: '*', may: '*'}\ndeny:\n - {who: 'uid *', may: publish, rooms: r}\n"))
		if in == "r" {
			if f := r.expect(protocol.KindExpelled, nil); f.Room != 0 || f.Code != protocol.CodeForbidden {
				t.Errorf("%+v", f.Header)
			}
		}
		_ = r.c.Close()
	}
	if f := heir.expect(protocol.KindLastWord, nil); f.Sequence != 7 {
		t.Errorf("the will of a room where it is forbidden: %+v", f.Header)
	}
	s, err := b.Stats(t.Context())
	if err != nil || s.WillsSent != 1 || s.Wills != 0 {
		t.Errorf("%v: %d wills, %d sent", err, s.Wills, s.WillsSent)
	}
}

// accountOf reads an account, whatever comes in between, and wants the watch's view to
// tell why the member is gone.
func (r *raw) accountOf(sequence uint64) ([]protocol.Entry, *protocol.Summary) {
	r.t.Helper()
	why := ""
	for {
		f := r.next()
		if f.Kind == protocol.KindView {
			var v protocol.ViewChunk
			if err := protocol.DecodeAnswer(f.Meta, &v); err != nil {
				r.t.Fatal(err)
			}
			for _, gone := range v.Gone {
				why = gone.Text
			}
			continue
		}
		var chunk protocol.AccountChunk
		if err := protocol.DecodeAnswer(f.Meta, &chunk); f.Kind != protocol.KindAccount || f.Sequence != sequence || err != nil {
			r.t.Fatalf("%s %d %v", f.Kind, f.Sequence, err)
		}
		for why == "" {
			var v protocol.ViewChunk
			r.expect(protocol.KindView, &v)
			for _, gone := range v.Gone {
				why = gone.Text
			}
		}
		if want := fmt.Sprintf("forbidden: uid %d may not join in %q any more", ownUID(), "lost"); why != want {
			r.t.Errorf("others see %q, want %q", why, want)
		}
		return chunk.Entries, chunk.Summary
	}
}

// Very many sessions are looked at in several turns, all of them.
func TestFollowLooksAtAll(t *testing.T) {
	b := start(t, nil)
	const n = 3*sweepEach + 5
	var all []*raw
	for i := range n {
		r := welcome(t, b, "unix")
		r.join("r", fmt.Sprint("n", i))
		all = append(all, r)
	}
	b.Follow(policyOf(t, "allow: []\n"))
	for _, r := range all {
		r.expect(protocol.KindExpelled, nil)
	}
	s, err := b.Stats(t.Context())
	if err != nil || s.Members != 0 || s.Expelled != n || s.Sessions != n {
		t.Errorf("%v: %d members, %d expelled, %d sessions", err, s.Members, s.Expelled, s.Sessions)
	}
}

func ownUID() int { return os.Getuid() }

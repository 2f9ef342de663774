package broker

import (
	"testing"

	"ddcos/protocol"
)

func TestWill(t *testing.T) {
	b := start(t, lasting)
	member, watcher := welcome(t, b, "unix"), welcome(t, b, "unix")
	room := member.join("r", "heir")
	watcher.send(protocol.Header{Kind: protocol.KindWatch, Sequence: 9}, protocol.Watch{Room: "r"}, nil)
	watcher.expect(protocol.KindView, nil)
	set := func(r *raw, h protocol.Will) protocol.Frame {
		r.send(protocol.Header{Kind: protocol.KindWill, Sequence: 3}, h, []byte("gone"))
		return r.next()
	}
	lost := welcome(t, b, "tcp")
	lost.join("r", "lost")
	watcher.expect(protocol.KindView, nil)
	if f := set(lost, protocol.Will{Room: "r"}); f.Kind != protocol.KindWilled || f.Sequence != 3 {
		t.Fatalf("%+v", f.Header)
	}
	_ = lost.c.Close()
	for _, heir := range []*raw{member, watcher} {
		var word protocol.LastWord
		f := heir.expect(protocol.KindLastWord, &word)
		if word.Name != "lost" || word.Host != "127.0.0.1" || word.Room != "r" || word.Member == 0 || string(f.Payload) != "gone" {
			t.Errorf("last word %+v", word)
		}
		if heir == member && (f.Room != room || f.Sequence == 0) || heir == watcher && (f.Room != 0 || f.Sequence != 9) {
			t.Errorf("last word %+v", f.Header)
		}
	}
	watcher.expect(protocol.KindView, nil)

	meant := welcome(t, b, "tcp")
	set(meant, protocol.Will{Room: "r"})
	meant.send(protocol.Header{Kind: protocol.KindBye}, nil, nil)
	_ = meant.ended()
	member.lives()

	// One that comes back within the delay has its will still, and dies once.
	back, w := lastingSession(t, b, "unix")
	set(back, protocol.Will{Room: "r", DelayMS: 60_000})
	cut(t, back, watcher)
	back, w = hail(t, b, "unix", again(w, 2))
	if !w.Resumed || !w.Will {
		t.Errorf("welcome %+v", w)
	}
	set(back, protocol.Will{Room: "r", DelayMS: 1})
	_ = back.c.Close()
	member.expect(protocol.KindLastWord, nil)
	if _, w = hail(t, b, "unix", again(w, 2)); !w.Resumed || w.Will {
		t.Errorf("welcome %+v", w)
	}
	if s := statsOf(member); s.Wills != 0 || s.WillsSent != 2 {
		t.Errorf("%+v", s)
	}
}

func TestWillIsBounded(t *testing.T) {
	b := start(t, nil)
	r := welcome(t, b, "unix")
	for want, e := range map[protocol.Code]struct {
		will    protocol.Will
		payload int
	}{
		protocol.CodeFrameTooLarge: {protocol.Will{Room: "r"}, protocol.MaxWill + 1},
		protocol.CodeBadDeadline:   {protocol.Will{Room: "r", DelayMS: 300_001}, 0},
		protocol.CodeBadName:       {protocol.Will{Room: "\n"}, 0},
		0:                          {protocol.Will{Room: "r", DelayMS: 300_000}, protocol.MaxWill},
	} {
		r.send(protocol.Header{Kind: protocol.KindWill, Sequence: 1}, e.will, make([]byte, e.payload))
		if f := r.next(); f.Code != want {
			t.Errorf("%+v: %v, want %v", e.will, f.Code, want)
		}
	}
}

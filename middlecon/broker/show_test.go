package broker

import (
	"fmt"
	"testing"

	"ddcos/protocol"
)

// gallery is a room of one member with very many watches.
func gallery(t testing.TB, sessions, each int) (d *desk, member *session, watchers []*session) {
	t.Helper()
	d = newDesk(t, 0, protocol.Call{Room: "r"})
	for i := range sessions {
		w := d.session(100 + i)
		for n := range uint64(each) {
			d.turn(w, bytesOf(protocol.Header{Kind: protocol.KindWatch, Sequence: n + 1}, protocol.Watch{Room: "busy"}, nil))
		}
		watchers = append(watchers, w)
	}
	member = d.session(99)
	d.turn(member, bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: "busy", Name: "x"}, nil))
	d.showAll()
	for _, w := range watchers {
		w.conn.(*tape).bytes = nil
	}
	return d, member, watchers
}

// showAll lets turns pass until everybody was shown what has changed.
func (d *desk) showAll() {
	d.Helper()
	for turns := 0; len(d.b.backlog.views) > 0; turns++ {
		if d.b.mailbox.open(); turns > 10_000 {
			d.Fatal("some are never shown it")
		}
	}
}

func (d *desk) state(member *session, text string) {
	d.turn(member, bytesOf(protocol.Header{Kind: protocol.KindState, Sequence: 1, Room: 1}, protocol.State{State: map[string]string{"k": text}}, nil))
}

// views counts those that came of each watch since the last time; they come in order.
func (d *desk) views(w *session) map[uint64]int {
	d.Helper()
	all := map[uint64]int{}
	w.conn.(*tape).frames(d, func(f protocol.Frame) {
		var v protocol.ViewChunk
		if err := protocol.DecodeAnswer(f.Meta, &v); err != nil || f.Kind != protocol.KindView || len(v.Changed) != 1 {
			d.Fatalf("a %v frame: %+v, %v", f.Kind, v, err)
		}
		if all[f.Sequence]++; v.Changed[0].State["k"] != fmt.Sprint(all[f.Sequence]) {
			d.Errorf("change %d of watch %d is %q", all[f.Sequence], f.Sequence, v.Changed[0].State["k"])
		}
	})
	return all
}

// A change that very many watch is shown in many turns, to each who watches, once and in
// order; meanwhile what makes more changes has to wait, and nothing else.
func TestVeryManyWatch(t *testing.T) {
	d, member, watchers := gallery(t, 10, 20)
	d.state(member, "1")
	if n := 200 - len(d.b.backlog.views); n != viewsAtOnce || !d.b.tablesWait() {
		t.Errorf("%d watches were shown the change at once; the tables wait: %v", n, d.b.tablesWait())
	}
	for _, one := range d.b.unwoken() {
		t.Error("nobody wakes the loop: " + one)
	}
	for _, i := range []int{0, 1, 9} { // the first that are shown it now wait for the change before
		d.b.closed(watchers[i], nil)
	}
	d.state(member, "2")
	d.showAll()
	d.b.tables.owes = 0 // how long their work took a busy machine is another matter
	if d.b.tablesWait() {
		t.Error("the tables wait")
	}
	if all := d.views(watchers[9]); len(all) > 0 {
		t.Errorf("who is gone was shown %v", all)
	}
	for i, w := range watchers[2:9] {
		all := d.views(w)
		for n := range uint64(20) {
			if all[n+1] != 2 {
				t.Errorf("session %d, watch %d: %d changes, want 2", i, n+1, all[n+1])
			}
		}
	}
}

// More than may wait do not.
func TestTooManyWatch(t *testing.T) {
	d, member, watchers := gallery(t, 2, 60)
	d.state(member, "1")
	waiting := d.b.backlog.views
	for len(d.b.backlog.views) < viewsMost {
		d.b.backlog.views = append(d.b.backlog.views, unshown{}) // of nobody
	}
	if len(waiting) == 0 {
		t.Fatal("nobody waits")
	}
	d.state(member, "2")
	if n := len(d.b.backlog.views); n >= 120 {
		t.Errorf("%d wait", n)
	}
	d.showAll()
	for _, w := range watchers {
		for n, changes := range d.views(w) {
			if changes != 2 {
				t.Errorf("watch %d: %d changes, want 2", n, changes)
			}
		}
	}
}

package broker

import (
	"testing"
	"time"

	"ddcos/protocol"
)

// window is that of the sessions here that are to come back: they do, long before.
const window = 5 * time.Minute

func lasting(o *Options) { o.ResumeWindow = window }

// hail opens a session on a new connection with this Hello.
func hail(t testing.TB, b *Broker, network string, h protocol.Hello) (*raw, protocol.Welcome) {
	t.Helper()
	r := connect(t, b, network)
	h.MinVersion, h.MaxVersion, h.MaxFrame = protocol.Version, protocol.Version, protocol.MaxFrame
	r.send(protocol.Header{Kind: protocol.KindHello}, h, nil)
	var w protocol.Welcome
	r.expect(protocol.KindWelcome, &w)
	return r, w
}

// lastingSession is one that may be resumed.
func lastingSession(t testing.TB, b *Broker, network string) (*raw, protocol.Welcome) {
	t.Helper()
	r, w := hail(t, b, network, protocol.Hello{WindowMS: uint32(window.Milliseconds())})
	if w.WindowMS != uint32(window.Milliseconds()) || len(w.Resume) != secretBytes || w.Resumed {
		t.Fatalf("welcome %+v", w)
	}
	return r, w
}

// again resumes a session of whose frames so many have come.
func again(w protocol.Welcome, received uint64) protocol.Hello {
	return protocol.Hello{WindowMS: w.WindowMS, Resume: w.Resume, Received: received}
}

// cut ends a connection and waits until the broker has noticed.
func cut(t testing.TB, r, witness *raw) {
	t.Helper()
	before := statsOf(witness)
	_ = r.c.Close()
	until(t, "the broker knows that it is cut", func() bool { return statsOf(witness).Parted > before.Parted })
}

// wantEntry wants an account of one member.
func (r *raw) wantEntry(outcome protocol.Outcome, reply string) {
	r.t.Helper()
	entries, sum := r.account()
	if len(entries) != 1 || entries[0].Outcome != outcome || string(entries[0].Reply) != reply || sum.Selected != 1 {
		r.t.Fatalf("account %+v %+v, want one %v %q", entries, sum, outcome, reply)
	}
}

// A member that was delivered a call and is cut answers it in its next connection,
// under the same numbers; and nothing is delivered twice.
func TestResumedMemberAnswers(t *testing.T) {
	for _, read := range []bool{true, false} {
		b := start(t, lasting)
		caller := welcome(t, b, "unix")
		member, w := lastingSession(t, b, "unix")
		room := member.join("r", "m")
		caller.call(1, "r", time.Minute, []byte("work"))
		got := member.expect(protocol.KindDeliver, nil)
		received := uint64(2) // welcome, joined
		if read {
			received++
		}
		cut(t, member, caller)
		member, w = hail(t, b, "unix", again(w, received))
		if !w.Resumed || w.Received != 2 || w.WindowMS == 0 || len(w.Resume) != secretBytes { // hello, join
			t.Fatalf("welcome %+v", w)
		}
		if !read { // it had come to the machine, and not to the process
			f := member.expect(protocol.KindDeliver, nil)
			if f.Sequence != got.Sequence || f.Room != room || string(f.Payload) != "work" || f.Budget >= got.Budget || f.Budget < 10_000_000 {
				t.Errorf("sent again as %+v, first %+v", f.Header, got.Header)
			}
		}
		member.lives() // and nothing was sent before
		member.reply(got.Room, got.Sequence, protocol.OK, "done")
		caller.wantEntry(protocol.OK, "done")
		if s := statsOf(caller); s.Resumed != 1 || s.Parted != 0 || s.Members != 1 || s.TakenOver != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// What was asked of a session while it was parted reaches it afterwards, and what
// is over then does not.
func TestPartedMemberIsWaitedFor(t *testing.T) {
	b := start(t, lasting)
	caller := welcome(t, b, "tcp")
	member, w := lastingSession(t, b, "tcp")
	member.join("r", "m")
	cut(t, member, caller)
	caller.call(1, "r", time.Minute, []byte("first"))
	caller.call(2, "r", 20*time.Millisecond, []byte("too late"))
	caller.wantEntry(protocol.NotSent, "")
	caller.call(3, "r", time.Minute, []byte("cancelled"))
	caller.send(protocol.Header{Kind: protocol.KindCancel, Sequence: 3}, nil, nil)
	caller.wantEntry(protocol.Cancelled, "")
	member, _ = hail(t, b, "tcp", again(w, 2))
	f := member.expect(protocol.KindDeliver, nil)
	if string(f.Payload) != "first" {
		t.Fatalf("delivered %q", f.Payload)
	}
	member.lives()
	member.reply(f.Room, f.Sequence, protocol.OK, "done")
	caller.wantEntry(protocol.OK, "done")
}

// A call that was sent before the cut, and whose deadline comes before the resume,
// is lost after send, and is not sent again.
func TestDeadlineWhileParted(t *testing.T) {
	b := start(t, lasting)
	caller := welcome(t, b, "unix")
	member, w := lastingSession(t, b, "unix")
	member.join("r", "m")
	caller.call(1, "r", 3*time.Second, nil) // as long as the broker may take to notice
	member.expect(protocol.KindDeliver, nil)
	_ = member.c.Close()
	caller.wantEntry(protocol.LostAfterSend, "")
	member, w = hail(t, b, "unix", again(w, 2))
	if !w.Resumed {
		t.Fatalf("welcome %+v", w)
	}
	if f := member.next(); f.Kind != protocol.KindCancel {
		t.Errorf("a %v frame instead of a cancel", f.Kind)
	}
	member.lives()
}

// A caller that is cut gets its account in its next connection.
func TestResumedCallerGetsItsAccount(t *testing.T) {
	b := start(t, lasting)
	witness, member := welcome(t, b, "unix"), welcome(t, b, "unix")
	member.join("r", "m")
	caller, w := lastingSession(t, b, "unix")
	caller.call(1, "r", time.Minute, []byte("work"))
	f := member.expect(protocol.KindDeliver, nil)
	cut(t, caller, witness)
	member.reply(f.Room, f.Sequence, protocol.OK, "done")
	caller, w = hail(t, b, "unix", again(w, 1))
	if w.Received != 2 { // hello and call
		t.Errorf("welcome %+v", w)
	}
	caller.wantEntry(protocol.OK, "done")
	if s := statsOf(witness); s.Accepted != 1 || s.Finished != 1 || s.Abandoned != 0 {
		t.Errorf("%+v", s)
	}
}

// A resume that lacks frames which nobody has any more loses the session: it is not
// said to be whole.
func TestResumeWithGapsIsRefused(t *testing.T) {
	for name, received := range map[string]uint64{"more than was sent": 9, "none": 0} {
		b := start(t, lasting)
		watcher := welcome(t, b, "unix")
		watcher.send(protocol.Header{Kind: protocol.KindWatch, Sequence: 1}, protocol.Watch{Room: "r"}, nil)
		watcher.expect(protocol.KindView, nil)
		member, w := lastingSession(t, b, "unix")
		member.join("r", "m")
		watcher.expect(protocol.KindView, nil)
		if received == 0 {
			member.send(protocol.Header{Kind: protocol.KindAck, Sequence: 2}, nil, nil)
			member.lives()
		}
		_ = member.c.Close()
		var v protocol.ViewChunk
		if watcher.expect(protocol.KindView, &v); len(v.Changed) != 1 || !v.Changed[0].Parted {
			t.Fatalf("%s: view %+v, want it parted", name, v)
		}
		member, w = hail(t, b, "unix", again(w, received))
		if w.Resumed {
			t.Errorf("%s: %+v", name, w)
		}
		v = protocol.ViewChunk{}
		if watcher.expect(protocol.KindView, &v); len(v.Gone) != 1 {
			t.Errorf("%s: view %+v, want it gone", name, v)
		}
		member.join("r", "m")
	}
}

// A resume takes a session over from a connection that seems alive, which is told so.
func TestTakeover(t *testing.T) {
	b := start(t, lasting)
	caller := welcome(t, b, "unix")
	old, w := lastingSession(t, b, "unix")
	old.join("r", "m")
	caller.call(1, "r", time.Minute, nil)
	f := old.expect(protocol.KindDeliver, nil)
	member, w := hail(t, b, "unix", again(w, 3))
	if !w.Resumed {
		t.Fatalf("welcome %+v", w)
	}
	if code := old.ended(); code != protocol.CodeTakenOver {
		t.Errorf("the older connection was ended with %v", code)
	}
	_ = old.c.Close()
	member.reply(f.Room, f.Sequence, protocol.OK, "by the newer")
	caller.wantEntry(protocol.OK, "by the newer")
	member.lives()
	if s := statsOf(caller); s.TakenOver != 1 || s.Members != 1 || s.Parted != 0 {
		t.Errorf("%+v", s)
	}
}

// W22, W23: of two processes with one name the newer has it where the older is
// parted and of the same principal, and then the older cannot come back.
func TestNameOfAPartedMember(t *testing.T) {
	b := start(t, lasting)
	caller := welcome(t, b, "unix")
	old, w := lastingSession(t, b, "unix")
	old.join("r", "m")
	caller.call(1, "r", time.Minute, nil)
	old.expect(protocol.KindDeliver, nil)

	rival := welcome(t, b, "unix")
	join := func(r *raw) protocol.Code {
		r.send(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: "r", Name: "m"}, nil)
		return r.next().Code
	}
	if code := join(rival); code != protocol.CodeNameTaken {
		t.Errorf("the name of who is alive: %v", code)
	}
	cut(t, old, caller)
	if code := join(welcome(t, b, "tcp")); code != protocol.CodeNameTaken {
		t.Errorf("to another principal: %v", code)
	}
	if code := join(rival); code != 0 {
		t.Errorf("to the same principal: %v", code)
	}
	caller.wantEntry(protocol.LostAfterSend, "")
	if _, w := hail(t, b, "unix", again(w, 3)); w.Resumed {
		t.Errorf("old and new: %+v", w)
	}
	if s := statsOf(caller); s.Members != 1 || s.Parted != 0 || s.TakenOver != 1 {
		t.Errorf("%+v", s)
	}
}

// Who does not come back within the window is lost then, and calls are told.
func TestWindowEnds(t *testing.T) {
	b := start(t, func(o *Options) { o.ResumeWindow = 50 * time.Millisecond })
	caller := welcome(t, b, "unix")
	member, w := hail(t, b, "unix", protocol.Hello{WindowMS: 1 << 30})
	if w.WindowMS != 50 {
		t.Errorf("granted %d ms", w.WindowMS)
	}
	member.join("r", "m")
	caller.call(1, "r", time.Minute, nil)
	member.expect(protocol.KindDeliver, nil)
	_ = member.c.Close()
	caller.wantEntry(protocol.LostAfterSend, "")
	if _, w := hail(t, b, "unix", again(w, 3)); w.Resumed {
		t.Errorf("after the window: %+v", w)
	}
	if s := statsOf(caller); s.Expired != 1 || s.Absent != 1 || s.Parted != 0 || s.Sessions != 2 {
		t.Errorf("%+v", s)
	}
}

// Who did not ask, or says bye, or is refused, is lost at once.
func TestNotParted(t *testing.T) {
	b := start(t, lasting)
	caller := welcome(t, b, "unix")
	for name, end := range map[string]func(*raw){
		"bye":       func(r *raw) { r.send(protocol.Header{Kind: protocol.KindBye}, nil, nil) },
		"malformed": func(r *raw) { r.write(make([]byte, protocol.HeaderSize)) },
	} {
		member, _ := lastingSession(t, b, "unix")
		member.join("r", "m")
		caller.call(1, "r", time.Minute, nil)
		member.expect(protocol.KindDeliver, nil)
		end(member)
		caller.wantEntry(protocol.LostAfterSend, "")
		_ = member.ended()
		if s := statsOf(caller); s.Parted != 0 || s.Expired != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// A parted session costs its queue at most: what is beyond overflows, and ends it
// where it asked for it.
func TestPartedSessionIsBounded(t *testing.T) {
	b := start(t, func(o *Options) { o.ResumeWindow, o.QueueBytes = window, 64<<10 })
	caller := welcome(t, b, "unix")
	member, w := lastingSession(t, b, "unix")
	member.join("r", "m")
	cut(t, member, caller)
	for i := range 4 {
		caller.call(uint64(1+i), "r", time.Minute, make([]byte, 20<<10))
	}
	caller.wantEntry(protocol.Overflow, "")
	member, _ = hail(t, b, "unix", again(w, 2))
	for range 3 {
		f := member.expect(protocol.KindDeliver, nil)
		member.reply(f.Room, f.Sequence, protocol.OK, "")
		caller.wantEntry(protocol.OK, "")
	}
	member.lives()
}

// Kept frames are acknowledged while a session goes on, and let go.
func TestAcknowledged(t *testing.T) {
	b := start(t, lasting)
	witness := welcome(t, b, "unix")
	r, w := lastingSession(t, b, "unix")
	for i := range uint64(200) {
		r.send(protocol.Header{Kind: protocol.KindPing, Sequence: i + 1}, nil, nil)
	}
	pongs, acks, received := 0, 0, uint64(1)
	for ; pongs < 200; received++ {
		switch f := r.next(); f.Kind {
		case protocol.KindPong:
			pongs++
		case protocol.KindAck:
			acks++
		default:
			t.Fatalf("a %v frame", f.Kind)
		}
	}
	if acks == 0 || statsOf(witness).Unacked == 0 {
		t.Errorf("%d acks for 200 frames, %d bytes kept", acks, statsOf(witness).Unacked)
	}
	r.send(protocol.Header{Kind: protocol.KindAck, Sequence: received}, nil, nil)
	r.lives()
	if n := statsOf(witness).Unacked; n > 4*protocol.HeaderSize {
		t.Errorf("%d bytes are kept of what was acknowledged", n)
	}
	cut(t, r, witness)
	r, _ = hail(t, b, "unix", again(w, received+1))
	r.lives()
	r.send(protocol.Header{Kind: protocol.KindAck, Sequence: 1 << 40}, nil, nil)
	if code := r.ended(); code != protocol.CodeMalformed {
		t.Errorf("more than was sent: %v", code)
	}
}

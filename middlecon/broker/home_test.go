package broker

import (
	"bytes"
	"testing"
	"time"

	"ddcos/protocol"
)

// longReplies makes a member that answers each call with so many bytes.
func longReplies(t *testing.T, b *Broker, room string, size int) {
	t.Helper()
	m := welcome(t, b, "unix")
	number := m.join(room, "m")
	go func() {
		for {
			d, err := m.read()
			if err != nil {
				return
			}
			h := protocol.Header{Kind: protocol.KindReply, Sequence: d.Sequence, Room: number, Outcome: protocol.OK, Flags: protocol.FlagMore}
			for left := size; left > 0 && d.Kind == protocol.KindDeliver; left -= protocol.MaxBody {
				if left <= protocol.MaxBody {
					h.Flags = 0
				}
				_, _ = m.c.Write(bytesOf(h, nil, make([]byte, min(left, protocol.MaxBody))))
			}
		}
	}()
}

// W16: accounts that nobody reads are held up to a limit, all callers together;
// the caller that holds up most is ended then, and one that reads is not.
func TestAccountsThatNobodyReads(t *testing.T) {
	const size, most = 1 << 20, 4<<20 + 64<<10 // and what entries are taken to hold
	b := start(t, func(o *Options) { o.Limits.HeldBytes = most })
	longReplies(t, b, "r", size)
	reads := welcome(t, b, "unix")
	deaf := make([]*raw, 3)
	for i := range deaf {
		deaf[i] = welcome(t, b, "unix")
		for n := range uint64(3) {
			deaf[i].call(n+1, "r", patience, nil)
			reads.call(1<<20+n, "r", patience, nil) // so the one before is answered as well
			entries, sum := reads.account()
			got := 0
			for _, e := range entries {
				got += len(e.Reply)
			}
			if got != size || !sum.Met {
				t.Fatalf("beside callers that do not read: %d bytes, %+v", got, sum)
			}
			done := make(chan int, 1)
			b.post(func() { done <- b.homing })
			if held := <-done; held > most {
				t.Errorf("%d bytes wait for callers; %d are allowed", held, most)
			}
		}
	}
	ended := 0
	for _, r := range deaf {
		if n, closed := r.drainBytes(); closed {
			ended++
		} else if n < 3*size {
			t.Errorf("a caller that was let live read %d bytes", n)
		}
	}
	if ended == 0 || ended == len(deaf) {
		t.Errorf("%d of %d callers were ended", ended, len(deaf))
	}
	done := make(chan int, 1)
	b.post(func() { done <- b.homing })
	if left := <-done; left != 0 {
		t.Errorf("%d bytes wait for nobody", left)
	}
}

// drainBytes reads until a pong or the end, and counts the bytes of replies.
func (r *raw) drainBytes() (n int, closed bool) {
	_, _ = r.c.Write(bytesOf(protocol.Header{Kind: protocol.KindPing, Sequence: 3}, nil, nil))
	for accounts := 0; accounts < 3; {
		f, err := r.read()
		if err != nil || f.Kind == protocol.KindError {
			return n, true
		}
		if n += len(f.Meta); f.Kind == protocol.KindAccount && f.Flags&protocol.FlagMore == 0 {
			accounts++
		}
	}
	return n, false
}

// A session that has not read as many accounts as it may have calls in flight
// is refused further ones, and lives on when it reads.
func TestUnreadAccountsAreAsManyAsCalls(t *testing.T) {
	b := start(t, func(o *Options) { o.Limits.SessionCalls, o.QueueBytes = 4, 2*protocol.MaxFrame })
	longReplies(t, b, "r", 2<<20) // of which the kernel takes a part
	r, witness := welcome(t, b, "unix"), welcome(t, b, "unix")
	for i := range uint64(20) {
		r.call(i+1, "r", patience, nil)
		witness.call(i+1, "r", patience, nil)
		witness.account()
	}
	refused, answered := 0, 0
	for refused+answered < 20 {
		switch f := r.next(); {
		case f.Kind == protocol.KindError && f.Code == protocol.CodeTooManyCalls:
			refused++
		case f.Kind == protocol.KindAccount && f.Flags&protocol.FlagMore == 0:
			answered++
		}
	}
	if answered < 4 || answered > 6 { // those that wait, and one or two on their way
		t.Errorf("%d answered, %d refused", answered, refused)
	}
	r.lives()
}

// Whoever is ended hears why, though what it has sent was not read.
func TestTheLastWordIsHeard(t *testing.T) {
	b := start(t, nil)
	for _, network := range []string{"unix", "tcp"} {
		r := welcome(t, b, network)
		bad := bytesOf(protocol.Header{Kind: 200}, nil, nil)
		more := bytes.Repeat(bytesOf(protocol.Header{Kind: protocol.KindPing}, nil, make([]byte, 1000)), 50)
		for range 3 {
			_ = r.c.SetWriteDeadline(time.Now().Add(patience))
			if _, err := r.c.Write(append(bytes.Clone(bad), more...)); err != nil {
				t.Errorf("%s: what comes after the end is not taken: %v", network, err)
			}
		}
		if code := r.ended(); code != protocol.CodeUnexpected {
			t.Errorf("%s: ended with %v", network, code)
		}
		_ = r.c.Close()
	}
	until(t, "sessions are given back", func() bool { return b.sessions.Load() == 0 })
	done := make(chan bool, 1)
	welcome(t, b, "unix").lives()
	// A peer that does not close is closed after a while.
	stays := welcome(t, b, "tcp")
	stays.write(bytesOf(protocol.Header{Kind: 200}, nil, nil))
	if code := stays.ended(); code != protocol.CodeUnexpected {
		t.Errorf("ended with %v", code)
	}
	until(t, "the session is closed", func() bool { return b.sessions.Load() == 1 })
	b.post(func() { done <- len(b.lingering) > 1 })
	if <-done {
		t.Error("sessions that have gone still linger")
	}
}

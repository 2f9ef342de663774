package broker

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"ddcos/protocol"
)

// until waits for a condition that other goroutines bring about.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func TestHelloTimeout(t *testing.T) {
	b := start(t, func(o *Options) { o.HelloTimeout = 20 * time.Millisecond })
	silent := connect(t, b, "tcp")
	half := connect(t, b, "unix")
	half.write(helloFrame()[:50])
	for _, r := range []*raw{silent, half} {
		if code := r.ended(); code != protocol.CodeHelloTimeout {
			t.Errorf("ended with %v, want %v", code, protocol.CodeHelloTimeout)
		}
	}
	until(t, "sessions are given back", func() bool { return b.sessions.Load() == 0 })
}

func TestSessionCap(t *testing.T) {
	b := start(t, func(o *Options) { o.Sessions = 3 })
	var held []*raw
	for range 3 {
		held = append(held, welcome(t, b, "unix"))
	}
	if code := connect(t, b, "tcp").ended(); code != protocol.CodeTooManySessions {
		t.Fatalf("the fourth session ended with %v", code)
	}
	_ = held[0].c.Close()
	until(t, "the place is given back", func() bool { return b.sessions.Load() == 2 })
	welcome(t, b, "tcp").lives()
	held[1].lives()
}

// Who is refused hears why, though its own first words were not read: a connection
// that is closed with bytes unread would be reset.
func TestRefusedHearsWhy(t *testing.T) {
	b := start(t, func(o *Options) { o.Sessions = 1 })
	held := welcome(t, b, "unix")
	hello := append(helloFrame(), make([]byte, 8<<10)...)
	for i := range 200 {
		r := connect(t, b, []string{"unix", "tcp"}[i%2])
		r.write(hello)
		if code := r.ended(); code != protocol.CodeTooManySessions {
			t.Fatalf("refusal %d: %v", i, code)
		}
		_ = r.c.Close()
	}
	held.lives()
	until(t, "nobody lingers", func() bool { return len(b.hangUps) == 0 })
}

// One that does not hang up is not waited for, and so many at once are not either.
func TestRefusedDoNotStay(t *testing.T) {
	b := start(t, func(o *Options) { o.Sessions = 1 })
	held, files := welcome(t, b, "unix"), openFiles(t)
	var all []*raw
	for range 2 * hangUpsMost {
		all = append(all, connect(t, b, "unix"))
	}
	for _, r := range all {
		if code := r.ended(); code != protocol.CodeTooManySessions {
			t.Errorf("refused with %v", code)
		}
	}
	held.lives()
	until(t, "the broker has let go of all", func() bool { return len(b.hangUps) == 0 && openFiles(t) <= files+len(all) })
}

// TestOutcomesOfOneCall brings about each outcome that a session can have, by
// members that speak the wire themselves.
func TestOutcomesOfOneCall(t *testing.T) {
	const deadline = 3 * time.Second // as long as an answer may take on a busy machine
	b := start(t, nil)
	behave := map[string]func(m *raw, room uint32, call uint64){
		"replies": func(m *raw, room uint32, call uint64) {
			m.send(protocol.Header{Kind: protocol.KindReply, Outcome: protocol.OK, Room: room, Sequence: call}, nil, []byte("here"))
		},
		"fails": func(m *raw, room uint32, call uint64) {
			m.send(protocol.Header{Kind: protocol.KindReply, Outcome: protocol.AppError, Room: room, Sequence: call}, nil, []byte("broken"))
		},
		"refuses": func(m *raw, room uint32, call uint64) {
			m.send(protocol.Header{Kind: protocol.KindReply, Outcome: protocol.Refused, Room: room, Sequence: call}, nil, []byte("busy"))
		},
		"ponders": func(m *raw, room uint32, call uint64) {
			m.send(protocol.Header{Kind: protocol.KindReceipt, Room: room, Sequence: call}, nil, nil)
		},
		"is silent": func(*raw, uint32, uint64) {},
		"dies":      func(m *raw, _ uint32, _ uint64) { _ = m.c.Close() },
		"leaves": func(m *raw, room uint32, _ uint64) {
			m.send(protocol.Header{Kind: protocol.KindLeave, Room: room}, nil, nil)
		},
	}
	want := map[string]protocol.Outcome{
		"replies": protocol.OK, "fails": protocol.AppError, "refuses": protocol.Refused, "ponders": protocol.Timeout,
		"is silent": protocol.NoReceipt, "dies": protocol.LostAfterSend, "leaves": protocol.Left,
	}
	for name, act := range behave {
		m := welcome(t, b, "unix")
		room := m.join("r", name)
		go func() {
			f, err := m.read()
			if err == nil && f.Kind == protocol.KindDeliver && f.Room == room && string(f.Payload) == "hello" {
				act(m, room, f.Sequence)
			}
		}()
	}
	caller := welcome(t, b, "tcp")
	caller.call(9, "r", deadline, []byte("hello"))
	entries, sum := caller.account()
	if sum.Selected != 7 || len(entries) != 7 || sum.Met || sum.ViewSize != 7 {
		t.Errorf("summary %+v with %d entries", sum, len(entries))
	}
	for _, e := range entries {
		if e.Outcome != want[e.Name] {
			t.Errorf("%s: %v, want %v", e.Name, e.Outcome, want[e.Name])
		}
		if e.PID != int32(os.Getpid()) || e.Host != "here" {
			t.Errorf("%s: host %s, pid %d; the kernel says here, %d", e.Name, e.Host, e.PID, os.Getpid())
		}
		waited := e.Outcome == protocol.Timeout || e.Outcome == protocol.NoReceipt
		if over := e.LatencyUS >= uint64(deadline.Microseconds()); over != waited {
			t.Errorf("%s: %v after %d µs of a deadline of %v", e.Name, e.Outcome, e.LatencyUS, deadline)
		}
	}
}

// A member that never reads costs itself its deliveries, the broker a bounded
// queue, and the others nothing.
func TestNeverReadingMemberOverflows(t *testing.T) {
	const queue = 128 << 10
	b := start(t, func(o *Options) { o.QueueBytes = queue })
	stuck := welcome(t, b, "unix")
	stuck.join("r", "stuck")
	good := welcome(t, b, "unix")
	room := good.join("r", "good")
	caller := welcome(t, b, "unix")
	payload := make([]byte, 60<<10) // the kernel takes a few of these, and then no more
	const calls = 12
	for i := range uint64(calls) {
		caller.call(i+1, "r", 3*time.Second, payload)
		good.reply(room, good.expect(protocol.KindDeliver, nil).Sequence, protocol.OK, "")
	}
	seen := map[protocol.Outcome]int{}
	for i := range calls {
		entries, _ := caller.account()
		for _, e := range entries {
			if e.Name == "good" && e.Outcome != protocol.OK {
				t.Fatalf("call %d: good: %v", i, e.Outcome)
			}
			if e.Name == "stuck" {
				seen[e.Outcome]++
			}
		}
	}
	// What the kernel took was sent; what waited here at the deadline was not.
	if seen[protocol.OK] > 0 || seen[protocol.NoReceipt] == 0 || seen[protocol.NotSent] == 0 {
		t.Errorf("stuck: %v", seen)
	}
	done := make(chan struct{})
	b.post(func() {
		defer close(done)
		for _, s := range b.byID.All() {
			if s.bytes+s.conn.OutboundBuffered() > queue+protocol.MaxFrame {
				t.Errorf("session %d holds %d bytes of a queue of %d", s.id, s.bytes+s.conn.OutboundBuffered(), queue)
			}
		}
	})
	<-done
}

// Deliveries of calls that still run fill the queue: the next one overflows at once.
func TestOverflowSettlesAtOnce(t *testing.T) {
	b := start(t, func(o *Options) { o.QueueBytes = 96 << 10 })
	welcome(t, b, "unix").join("r", "stuck")
	caller := welcome(t, b, "unix")
	payload := make([]byte, 60<<10)
	const calls = 20
	for i := range uint64(calls) {
		caller.call(i+1, "r", 10*patience, payload)
	}
	entries, sum := caller.account() // long before the others' deadline
	if len(entries) != 1 || entries[0].Outcome != protocol.Overflow || sum.Met {
		t.Errorf("entries %+v", entries)
	}
}

// One that asks and does not read is closed; its words do not pile up here.
func TestNeverReadingAskerIsClosed(t *testing.T) {
	b := start(t, func(o *Options) { o.QueueBytes = 64 << 10 })
	r := welcome(t, b, "unix")
	ping := bytes.Repeat(bytesOf(protocol.Header{Kind: protocol.KindPing}, nil, nil), 1000)
	_ = r.c.SetWriteDeadline(time.Now().Add(patience))
	for {
		if _, err := r.c.Write(ping); err != nil {
			if !isReset(err) {
				t.Fatalf("write: %v", err)
			}
			break
		}
	}
	until(t, "the session is closed", func() bool { return b.sessions.Load() == 0 })
}

// Large replies come in parts and go home in chunks, through a caller that
// reads slowly, without ever filling its queue.
func TestLargeAccount(t *testing.T) {
	b := start(t, nil)
	const members, size = 20, 1 << 20
	for i := range members {
		m := welcome(t, b, "unix")
		room := m.join("r", fmt.Sprint("m", i))
		go func() {
			f, err := m.read()
			if err != nil || f.Kind != protocol.KindDeliver {
				return
			}
			reply := bytes.Repeat([]byte{byte(i)}, size)
			for len(reply) > 0 {
				part := reply[:min(len(reply), protocol.MaxBody)]
				reply = reply[len(part):]
				h := protocol.Header{Kind: protocol.KindReply, Outcome: protocol.OK, Room: room, Sequence: f.Sequence}
				if len(reply) > 0 {
					h.Flags = protocol.FlagMore
				}
				_, _ = m.c.Write(bytesOf(h, nil, part))
			}
		}()
	}
	caller := welcome(t, b, "unix")
	caller.call(1, "r", patience, nil)
	entries, sum := caller.account()
	got := map[protocol.MemberID]int{}
	for _, e := range entries {
		got[e.Member] += len(e.Reply)
	}
	if len(got) != members || int(sum.Selected) != members || !sum.Met {
		t.Fatalf("%d members answered; summary %+v", len(got), sum)
	}
	for id, n := range got {
		if n != size {
			t.Errorf("%v: %d bytes, want %d", id, n, size)
		}
	}
}

// A view larger than a frame comes in several.
func TestLargeView(t *testing.T) {
	b := start(t, nil)
	const members = 700
	for i := range members {
		welcome(t, b, "unix").join("r", fmt.Sprintf("a rather long name for member number %d", i))
	}
	r := welcome(t, b, "unix")
	r.send(protocol.Header{Kind: protocol.KindWatch, Sequence: 3}, protocol.Watch{Room: "r", Once: true}, nil)
	names := map[string]bool{}
	for frames := 1; ; frames++ {
		var chunk protocol.ViewChunk
		f := r.expect(protocol.KindView, &chunk)
		for _, m := range chunk.Joined {
			names[m.Name] = true
		}
		if f.Flags&protocol.FlagMore == 0 {
			if frames < 2 || len(names) != members || int(chunk.Size) != members || !chunk.Full {
				t.Errorf("%d names in %d frames, size %d", len(names), frames, chunk.Size)
			}
			return
		}
	}
}

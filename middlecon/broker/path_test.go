package broker

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"unique"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// tape is a transport that takes everything and counts the writes.
type tape struct {
	writes int
	bytes  []byte
	full   int // bytes that its kernel has not taken
	fd     int
}

func (t *tape) Write(b []byte) (int, error) {
	t.writes++
	t.bytes = append(t.bytes, b...)
	return len(b), nil
}

func (t *tape) OutboundBuffered() int    { return t.full }
func (t *tape) Fd() int                  { return t.fd }
func (t *tape) Discard(int) (int, error) { return 0, nil }
func (t *tape) Close() error             { return nil }

// frames are what was written since the last time.
func (t *tape) frames(tb testing.TB, each func(protocol.Frame)) {
	tb.Helper()
	for rest := t.bytes; len(rest) > 0; {
		f, size, err := protocol.Parse(rest, protocol.MaxFrame)
		if err != nil || size == 0 {
			tb.Fatalf("%d bytes that are no frame: %v", len(rest), err)
		}
		each(f)
		rest = rest[size:]
	}
	t.bytes, t.writes = t.bytes[:0], 0
}

// desk is a broker without sockets, played by one goroutine: the whole path of a
// message but for the kernel and gnet.
type desk struct {
	testing.TB
	b       *Broker
	caller  *session
	members []*session
	call    []byte // frames of one turn
	answers []byte
}

func newDesk(tb testing.TB, members int, call protocol.Call) *desk {
	options := DefaultOptions()
	options.Listen, options.Number, options.Limits.Deliveries = nil, 7, 0 // it is all one user's
	b, err := New(options)
	if err != nil {
		tb.Fatal(err)
	}
	d := &desk{TB: tb, b: b}
	d.caller = d.session(members + 1)
	for i := range members {
		s := d.session(i + 1)
		d.members = append(d.members, s)
		d.turn(s, bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: "r", Name: fmt.Sprintf("m%d", i)}, nil))
		s.conn.(*tape).frames(tb, func(f protocol.Frame) {
			if f.Kind != protocol.KindJoined {
				tb.Fatalf("%s instead of joined", f.Kind)
			}
		})
	}
	d.call = bytesOf(protocol.Header{Kind: protocol.KindCall, Budget: 1e6}, call, make([]byte, 64))
	return d
}

func (d *desk) session(id int) *session {
	s := &session{id: uint64(id), conn: &tape{fd: -1}, welcomed: true, kin: unique.Make(room.Peer{Host: "here", Principal: "uid 7"}), pid: int32(id)}
	d.b.byID.Put(s.key(), s)
	return s
}

// turn lets frames come of one session.
func (d *desk) turn(s *session, frames []byte) {
	d.b.contain(func() {
		for rest := frames; len(rest) > 0; {
			f, size, err := protocol.Parse(rest, protocol.MaxFrame)
			if err != nil || size == 0 {
				d.Fatal(size, err)
			}
			d.b.take(s, f)
			rest = rest[size:]
		}
		d.b.settle()
	}, func() { d.Fatal("a defect") })
}

// round makes so many calls in one turn, lets every member answer all in one turn
// of its own, and counts the accounts that are whole.
func (d *desk) round(calls int) {
	d.answers = d.answers[:0]
	for i := range calls {
		binary.BigEndian.PutUint64(d.call[8:], uint64(i+1))
		d.answers = append(d.answers, d.call...)
	}
	d.turn(d.caller, d.answers)
	for _, s := range d.members {
		d.answers = d.answers[:0]
		s.conn.(*tape).frames(d, func(f protocol.Frame) {
			h := protocol.Header{Kind: protocol.KindReply, Sequence: f.Sequence, Room: f.Room, Outcome: protocol.OK}
			d.answers, _ = protocol.AppendFrame(d.answers, h, nil, f.Payload)
		})
		d.turn(s, d.answers)
	}
	whole := 0
	d.caller.conn.(*tape).frames(d, func(f protocol.Frame) {
		if f.Kind != protocol.KindAccount {
			d.Fatalf("%s instead of account", f.Kind)
		}
		if f.Flags&protocol.FlagMore == 0 {
			whole++
		}
	})
	if whole != calls {
		d.Fatalf("%d accounts of %d calls", whole, calls)
	}
}

// BenchmarkPath is a message's way through the broker and the reply's way back.
func BenchmarkPath(b *testing.B) {
	for _, c := range []struct {
		name           string
		members, calls int
		call           protocol.Call
	}{
		{"one", 1, 64, protocol.Call{Room: "r", Rule: protocol.RuleAtLeast, N: 1, To: "m0"}},
		{"members=1000", 1000, 1, protocol.Call{Room: "r"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := newDesk(b, c.members, c.call)
			d.round(c.calls)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			messages := 0
			for b.Loop() {
				d.round(c.calls)
				messages += c.calls * c.members
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(messages), "ns/message")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(messages), "allocs/message")
		})
	}
}

// TestAllocations holds the budget: 0.05 for a message, there and back.
func TestAllocations(t *testing.T) {
	const most = 0.05
	one := newDesk(t, 1, protocol.Call{Room: "r", Rule: protocol.RuleAtLeast, N: 1, To: "m0"})
	if n := testing.AllocsPerRun(50, func() { one.round(64) }) / 64; n > most {
		t.Errorf("%.3f allocations for each of 64 messages to one member", n)
	}
	many := newDesk(t, 1000, protocol.Call{Room: "r"})
	if n := testing.AllocsPerRun(10, func() { many.round(1) }) / 1000; n > most {
		t.Errorf("%.3f allocations for each of 1000 members", n)
	}
}

// TestOneEncoding: what all watchers of a room are told is encoded once, however many
// there are.
func TestOneEncoding(t *testing.T) {
	const watchers, each = 8, 64
	d := newDesk(t, 0, protocol.Call{Room: "r"})
	var all []*session
	for i := range watchers {
		s := d.session(100 + i)
		all = append(all, s)
		for n := range uint64(each) {
			d.turn(s, bytesOf(protocol.Header{Kind: protocol.KindWatch, Sequence: n + 1}, protocol.Watch{Room: "r"}, nil))
		}
		s.conn.(*tape).bytes = nil
	}
	join := bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: "r", Name: "m", Labels: map[string]string{"k": "v"}}, nil)
	leave := bytesOf(protocol.Header{Kind: protocol.KindLeave, Sequence: 2, Room: 1}, nil, nil)
	heard := 0
	comeAndGo := func() {
		d.turn(d.caller, join)
		d.showAll()
		d.turn(d.caller, leave)
		d.showAll()
		heard = 0
		for _, s := range all {
			s.conn.(*tape).frames(t, func(f protocol.Frame) {
				var v protocol.ViewChunk
				if err := protocol.DecodeAnswer(f.Meta, &v); err != nil || f.Sequence != uint64(heard%each)+1 || len(v.Joined)+len(v.Gone) != 1 {
					t.Fatalf("%v frame of %d: %+v, %v", f.Kind, f.Sequence, v, err)
				}
				heard++
			})
		}
	}
	if comeAndGo(); heard != 2*watchers*each {
		t.Fatalf("%d views were told, want %d", heard, 2*watchers*each)
	}
	quiet := func() {
		d.turn(d.caller, join)
		d.showAll()
		d.turn(d.caller, leave)
		d.showAll()
		for _, s := range all {
			s.conn.(*tape).bytes = s.conn.(*tape).bytes[:0]
		}
	}
	quiet()
	if n := testing.AllocsPerRun(10, quiet) / (2 * watchers * each); n > 1.2 { // its effect
		t.Errorf("%.2f allocations for each watcher of a change", n)
	}
}

// TestOneWrite: what is queued for one session leaves together, and what its
// transport does not take stays as it was, though the turn's memory is used again.
func TestOneWrite(t *testing.T) {
	const calls = 10
	d := newDesk(t, 1, protocol.Call{Room: "r"})
	member := d.members[0].conn.(*tape)
	turn := func() {
		d.answers = d.answers[:0]
		for i := range calls {
			binary.BigEndian.PutUint64(d.call[8:], uint64(i+1))
			d.call[len(d.call)-1] = byte(i)
			d.answers = append(d.answers, d.call...)
		}
		d.turn(d.caller, d.answers)
	}
	turn()
	if member.writes != 1 {
		t.Fatalf("%d frames left in %d writes, want 1", calls, member.writes)
	}
	member.bytes, member.writes = nil, 0

	member.full = 1
	d.caller = d.session(99) // the sequences of the other are in use
	turn()
	if member.writes != 0 {
		t.Fatalf("%d writes to a transport that is full", member.writes)
	}
	for i := range d.b.memory[:cap(d.b.memory)] {
		d.b.memory[:cap(d.b.memory)][i] = 0xff // another turn
	}
	member.full = 0
	d.b.contain(func() { d.b.soil(d.members[0]); d.b.settle() }, func() { t.Fatal("a defect") })
	if member.writes != 1 {
		t.Fatalf("%d frames left in %d writes, want 1", calls, member.writes)
	}
	at := 0
	member.frames(t, func(f protocol.Frame) {
		if f.Kind != protocol.KindDeliver || f.Payload[len(f.Payload)-1] != byte(at) {
			t.Errorf("frame %d is %s of call %d", at, f.Kind, f.Payload[len(f.Payload)-1])
		}
		at++
	})
	if at != calls {
		t.Errorf("%d frames, want %d", at, calls)
	}
}

package broker

import (
	"bytes"
	"sync/atomic"
	"time"

	"ddcos/protocol"
)

// flood writes the frames that next gives until so many are written or the
// session is over, many in one write.
func (f *foe) flood(n int, next func(i int) []byte) {
	const batch = 512
	for i := 0; i < n; {
		var b []byte
		for ; i < n && len(b) < batch*protocol.HeaderSize; i++ {
			b = append(b, next(i)...)
		}
		if !f.put(b) {
			break
		}
		f.a.mu.Lock()
		f.a.Frames = max(f.a.Frames, i)
		f.a.mu.Unlock()
	}
}

// joins makes the foe a member and gives its room number.
func (f *foe) joins(room, name string) uint32 {
	f.put(bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: 1 << 41}, protocol.Join{Room: room, Name: name}, nil))
	for {
		joined, err := f.read()
		if err != nil {
			f.a.wrong("joining: %v", err)
			return 0
		}
		if joined.Kind == protocol.KindJoined {
			return joined.Room
		}
	}
}

// delivered calls the foe's own room by another session of its, and gives the
// call that came.
func (f *foe) delivered(room string, deadline time.Duration) uint64 {
	caller := f.a.open("unix", true)
	if caller == nil {
		return 0
	}
	caller.put(bytesOf(protocol.Header{Kind: protocol.KindCall, Sequence: 1, Budget: uint32(deadline.Microseconds())}, protocol.Call{Room: room}, nil))
	for {
		d, err := f.read()
		if err != nil {
			f.a.wrong("waiting for a call: %v", err)
			return 0
		}
		if d.Kind == protocol.KindDeliver {
			caller.drainAway()
			return d.Sequence
		}
	}
}

// drainAway lets a helping session read until the attacker's process ends.
func (f *foe) drainAway() {
	go func() {
		for {
			if _, err := f.read(); err != nil && f.a.ctx.Err() != nil {
				return
			}
		}
	}()
}

// resets calls and cancels at once, as fast as it can.
func (a *attacker) resets(room string) {
	f := a.open("unix", true)
	if f == nil {
		return
	}
	word := f.drain()
	call := bytesOf(protocol.Header{Kind: protocol.KindCall, Sequence: 7, Budget: 1e6}, protocol.Call{Room: room}, nil)
	pair := append(call, bytesOf(protocol.Header{Kind: protocol.KindCancel, Sequence: 7}, nil, nil)...)
	f.flood(a.Scale, func(int) []byte { return pair })
	f.hangUp()
	<-word
}

// hangUp says that nothing more will be sent, which lets the broker end it.
func (f *foe) hangUp() {
	if c, ok := f.c.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// attackByResets has a member of its own, which never answers.
func attackByResets(a *attacker) {
	m := a.open("unix", true)
	if m == nil {
		return
	}
	m.joins("resets", "mine")
	word := m.drain()
	a.resets("resets")
	m.hangUp()
	<-word
}

// attackByResetsNextDoor calls the neighbours' members.
func attackByResetsNextDoor(a *attacker) { a.resets(neighbourRoom) }

// attackByPings asks for pongs as fast as it can read them.
func attackByPings(a *attacker) {
	f := a.open("unix", true)
	if f == nil {
		return
	}
	word := f.drain()
	ping := bytesOf(protocol.Header{Kind: protocol.KindPing, Sequence: 7}, nil, nil)
	f.flood(a.Scale, func(int) []byte { return ping })
	f.hangUp()
	<-word
}

// attackByEndlessReply answers one call with parts and never with the last, far
// beyond what a reply may be.
func attackByEndlessReply(a *attacker) {
	f := a.open("unix", true)
	if f == nil {
		return
	}
	room := f.joins("endless", "mine")
	call := f.delivered("endless", time.Minute)
	part := bytesOf(protocol.Header{Kind: protocol.KindReply, Sequence: call, Room: room, Outcome: protocol.OK, Flags: protocol.FlagMore}, nil, bytes.Repeat([]byte("x"), protocol.MaxBody))
	word := f.drain()
	f.flood(a.Scale, func(int) []byte { return part })
	f.hangUp()
	<-word
}

// attackByEndlessStray sends parts of a reply to no call at all.
func attackByEndlessStray(a *attacker) {
	f := a.open("unix", true)
	if f == nil {
		return
	}
	part := bytesOf(protocol.Header{Kind: protocol.KindReply, Sequence: 1 << 50, Outcome: protocol.OK, Flags: protocol.FlagMore}, nil, nil)
	word := f.drain()
	f.flood(a.Scale, func(int) []byte { return part })
	f.hangUp()
	<-word
}

// attackByRepliesToOne answers one call over and over.
func attackByRepliesToOne(a *attacker) {
	f := a.open("unix", true)
	if f == nil {
		return
	}
	room := f.joins("echo", "mine")
	call := f.delivered("echo", time.Minute)
	reply := bytesOf(protocol.Header{Kind: protocol.KindReply, Sequence: call, Room: room, Outcome: protocol.OK}, nil, []byte("yes"))
	word := f.drain()
	f.flood(a.Scale, func(int) []byte { return reply })
	f.hangUp()
	<-word
}

// attackByRepliesToAny answers calls that were made to others, or never.
func attackByRepliesToAny(a *attacker) {
	f := a.open("unix", true)
	if f == nil {
		return
	}
	room := f.joins("any", "mine")
	word := f.drain()
	f.flood(a.Scale, func(i int) []byte {
		return bytesOf(protocol.Header{Kind: protocol.KindReply, Sequence: uint64(i), Room: room, Outcome: protocol.OK}, nil, []byte("yes"))
	})
	f.hangUp()
	<-word
}

// attackByAmplification asks for all members of the neighbours' room, again and again,
// by several sessions of one address. It does not wait when it is told to; and it
// gets no more than its address may have.
func attackByAmplification(a *attacker) {
	const sessions, window = 4, 8 // fewer in flight than a member bears: its being busy is another matter
	var served, throttled atomic.Int64
	began := time.Now()
	a.several(sessions, sessions, func(int) {
		f := a.open("tcp", true)
		if f == nil {
			return
		}
		asked := uint64(0)
		ask := func() {
			asked++
			f.put(bytesOf(protocol.Header{Kind: protocol.KindCall, Sequence: asked, Budget: 5e6}, protocol.Call{Room: neighbourRoom}, nil))
		}
		for range window {
			ask()
		}
		for open := window; open > 0; open-- {
			answer, err := f.read()
			switch {
			case err == nil && answer.Kind == protocol.KindAccount && answer.Flags&protocol.FlagMore == 0:
				served.Add(1)
			case err == nil && answer.Kind == protocol.KindError && answer.Code == protocol.CodeTooManyDeliveries && answer.Sequence > 0:
				throttled.Add(1)
			default:
				a.wrong("a %v frame (%v), %v", answer.Kind, answer.Code, err)
				return
			}
			if asked < uint64(a.Scale) {
				ask()
				open++
			}
		}
		f.leave()
	})
	took := time.Since(began)
	a.figure("served", float64(served.Load()))
	a.figure("throttled", float64(throttled.Load()))
	most := float64(a.Deliveries) * (1 + took.Seconds()) / neighbourMembers
	if got := served.Load(); throttled.Load() == 0 || float64(got) > most+1 {
		a.wrong("%d calls were served in %v and %d were not; %.0f may be", got, took, throttled.Load(), most)
	}
}

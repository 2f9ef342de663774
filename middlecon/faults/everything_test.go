package faults

import (
	"os"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// plantEnv names the defect that TestEverything's broker has.
const plantEnv = "FAULTS_PLANT"

// TestEverything does one of each to a broker, one after the other. It is what
// planted defects must be found by: see TestPlanted.
func TestEverything(t *testing.T) {
	var s setup
	for _, p := range plants() {
		if p.name == os.Getenv(plantEnv) {
			s.defect = &p.defect
		}
	}
	w := begin(t, s)
	finished := false
	defer func() {
		if !finished { // it got stuck somewhere: what is known is judged still
			w.check()
		}
	}()
	w.baseline()
	w.h.Queued = 320 << 10 // only one member does not read
	w.members(plan{Names: names("well", 4)})
	w.sick("mute", "killed0", "killed1", "never", "brief")
	c := w.caller("c")

	w.pipelined(12)
	c.must(ask{orders: []string{"well0=refuse", "well1=fail", "well2=panic", "well3=big:200000"}})
	for i, step := range []string{"began", "effect"} {
		name := names("killed", 2)[i]
		w.members(plan{Names: []string{name}})
		c.must(ask{orders: []string{name + "=kill:" + step}})
	}
	w.mute(c)
	c.must(ask{options: middlecon.CallOptions{Need: protocol.Rule{Kind: protocol.RuleAtLeast, N: 2}}})
	w.orphan()
	w.brief()
	w.unread(30)
	w.finish()
	finished = true
}

// mute is a member that answers nothing, while the broker is busy with others.
func (w *world) mute(c *caller) {
	w.Helper()
	r := connectRaw(w, w.broker.socket, 0).welcome().join("mute")
	w.awaitSize(5)
	for done := c.goCall(ask{deadline: 3 * time.Second}); ; {
		select {
		case <-done:
			_ = r.c.Close()
			w.awaitSize(4)
			return
		default:
			w.sample(false)
		}
	}
}

// pipelined makes so many calls in one write, of one caller that looks whether
// more comes behind its accounts.
func (w *world) pipelined(n int) {
	w.Helper()
	r := connectRaw(w, w.broker.socket, 0).welcome()
	var frames []byte
	first := len(w.h.Calls)
	for i := range n {
		key := Key{"piped", i + 1}
		payload := Payload(key, nil, 0)
		call := Call{Key: key, Room: theRoom, Digest: Digest(payload), Deadline: patience, Begin: Now()}
		w.h.Calls = append(w.h.Calls, call)
		h := protocol.Header{Kind: protocol.KindCall, Sequence: uint64(i), Budget: uint32(patience.Microseconds())}
		frames = append(frames, encode(w, h, protocol.Call{Room: theRoom}, payload)...)
	}
	r.write(frames)
	for done := 0; done < n; {
		if r.account(w.h.Calls[first:]) {
			done++
		}
	}
	r.send(protocol.Header{Kind: protocol.KindPing, Sequence: 1}, nil, nil)
	for r.account(w.h.Calls[first:]) { // until the pong
	}
	_ = r.c.Close()
}

// account reads one frame and keeps what it tells of the calls; false if it tells nothing.
func (r *raw) account(calls []Call) bool {
	r.Helper()
	f := r.next()
	if f.Kind != protocol.KindAccount {
		return false
	}
	var chunk protocol.AccountChunk
	if err := protocol.DecodeAnswer(f.Meta, &chunk); err != nil || chunk.Summary == nil {
		r.Fatalf("an account of %d entries: %v", len(chunk.Entries), err)
	}
	s := chunk.Summary
	a := Account{View: s.View, ViewSize: int(s.ViewSize), Selected: int(s.Selected), Met: s.Met, Late: int(s.Late), Duplicate: int(s.Duplicate)}
	for _, gone := range chunk.Absent {
		a.Absent = append(a.Absent, Named{gone.ID, gone.Name})
	}
	for _, e := range chunk.Entries {
		latency := time.Duration(e.LatencyUS) * time.Microsecond
		a.Entries = append(a.Entries, Entry{Member: e.Member, Name: e.Name, Outcome: e.Outcome, Latency: latency, Reply: e.Reply})
	}
	call := &calls[f.Sequence]
	call.End, call.Accounts = Now(), append(call.Accounts, a)
	return true
}

// orphan is a caller that is killed in its call.
func (w *world) orphan() {
	w.Helper()
	began := 0
	for _, l := range w.lines() {
		if l.Step == Began {
			began++
		}
	}
	killed := w.play("caller", plan{Names: []string{"killed"}, Address: w.broker.socket})
	w.awaitSteps(Began, began+4)
	killed.end()
	key := Key{"killed", 1}
	digest := Digest(Payload(key, []string{"*=sleep:1m"}, 0))
	w.h.Calls = append(w.h.Calls, Call{Key: key, Room: theRoom, Orphan: true, Digest: digest})
	await(w, "the caller is gone", func() bool { return w.sample(false).Sessions == 1+4+1 })
}

// brief is a member that leaves, comes again and is lost.
func (w *world) brief() {
	w.Helper()
	r := connectRaw(w, w.broker.socket, 0).welcome().join("brief")
	r.send(protocol.Header{Kind: protocol.KindLeave, Sequence: 2, Room: r.room}, nil, nil)
	r.next()
	r.join("brief")
	_ = r.c.Close()
	await(w, "it is gone", func() bool { return w.sample(false).Members == 4 })
}

// unread makes so many large calls that one member does not read, and ends it.
func (w *world) unread(n int) {
	w.Helper()
	r := connectRaw(w, w.broker.socket, 0).welcome().join("never")
	w.awaitSize(5)
	effects := 0
	for _, l := range w.lines() {
		if l.Step == Effect {
			effects++
		}
	}
	var done []<-chan Account
	for i, c := range w.callersOn("large", n) {
		done = append(done, c.goCall(ask{fill: 60_000}))
		w.awaitSteps(Effect, effects+4*(i+1))
		w.sample(false)
	}
	_ = r.c.Close()
	for _, d := range done {
		<-d
	}
}

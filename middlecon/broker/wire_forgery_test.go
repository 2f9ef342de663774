package broker

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"testing"
	"time"

	"ddcos/protocol"
)

// W18: a member answers for another one, of the same room and with the call and
// room that both were told. It answers for itself, as often as it says so, and
// for nobody else.
func TestNobodyAnswersForAnother(t *testing.T) {
	b := start(t, nil)
	a, m, caller := welcome(t, b, "unix"), welcome(t, b, "unix"), welcome(t, b, "unix")
	a.join("r", "a")
	room := m.join("r", "b")
	caller.send(protocol.Header{Kind: protocol.KindCall, Sequence: 1, Budget: 300_000}, protocol.Call{Room: "r", To: "a"}, nil)
	call := a.expect(protocol.KindDeliver, nil).Sequence
	forged := protocol.Header{Kind: protocol.KindReply, Outcome: protocol.OK, Sequence: call, Room: room}
	m.send(forged, nil, []byte("forged"))
	forged.Member = 1 // a field that is ignored, whatever it says
	m.send(forged, nil, []byte("forged"))
	m.lives()
	entries, sum := caller.account()
	if len(entries) != 1 || entries[0].Name != "a" || entries[0].Outcome != protocol.NoReceipt || len(entries[0].Reply) > 0 || sum.Late+sum.Duplicate > 0 {
		t.Errorf("a, who was silent: %+v, %+v", entries, sum)
	}
	caller.call(2, "r", patience, nil)
	call = a.expect(protocol.KindCancel, nil).Sequence + 1
	a.expect(protocol.KindDeliver, nil)
	m.expect(protocol.KindDeliver, nil)
	for range 3 {
		m.send(protocol.Header{Kind: protocol.KindReply, Outcome: protocol.OK, Sequence: call, Room: room}, nil, []byte("b's"))
	}
	m.lives()
	a.send(protocol.Header{Kind: protocol.KindReply, Outcome: protocol.OK, Sequence: call, Room: room}, nil, []byte("a's"))
	entries, sum = caller.account()
	if by := byName(entries); len(by) != 2 || string(by["a"].Reply) != "a's" || string(by["b"].Reply) != "b's" || sum.Duplicate != 2 {
		t.Errorf("%+v, %+v", entries, sum)
	}
	if s := statsOf(caller); s.Unknown+s.Late != 2 {
		t.Errorf("forged replies: %d unknown, %d late", s.Unknown, s.Late)
	}
}

// byName are an account's entries, whichever was settled first.
func byName(entries []protocol.Entry) map[string]protocol.Entry {
	all := map[string]protocol.Entry{}
	for _, e := range entries {
		all[e.Name] = e
	}
	return all
}

// W19: a reply after the outcome is final is counted, and changes nothing, on
// whichever way the call ended.
func TestLateRepliesChangeNothing(t *testing.T) {
	b := start(t, nil)
	m, prompt, caller := welcome(t, b, "unix"), welcome(t, b, "unix"), welcome(t, b, "unix")
	room := m.join("r", "slow")
	prompt.join("r", "prompt")
	reply := func(m *raw, call uint64, text string) {
		m.send(protocol.Header{Kind: protocol.KindReply, Outcome: protocol.OK, Sequence: call, Room: room}, nil, []byte(text))
	}
	for i, c := range []struct {
		name     string
		rule     protocol.Call
		deadline time.Duration
		want     protocol.Outcome
		end      func(sequence uint64)
	}{
		{"at the deadline", protocol.Call{Room: "r"}, 3 * time.Second, protocol.NoReceipt, func(uint64) {}},
		{"by the rule", protocol.Call{Room: "r", Rule: protocol.RuleAtLeast, N: 1}, patience, protocol.Cancelled, func(uint64) {}},
		{"by its caller", protocol.Call{Room: "r"}, patience, protocol.Cancelled, func(sequence uint64) {
			caller.send(protocol.Header{Kind: protocol.KindCancel, Sequence: sequence}, nil, nil)
		}},
	} {
		before := statsOf(caller)
		sequence := uint64(i + 1)
		caller.send(protocol.Header{Kind: protocol.KindCall, Sequence: sequence, Budget: uint32(c.deadline.Microseconds())}, c.rule, nil)
		call := m.expect(protocol.KindDeliver, nil).Sequence
		prompt.expect(protocol.KindDeliver, nil)
		reply(prompt, call, "here")
		prompt.lives()
		c.end(sequence)
		entries, sum := caller.account()
		by := byName(entries)
		if slow := by["slow"]; len(by) != 2 || slow.Outcome != c.want || len(slow.Reply) > 0 || by["prompt"].Outcome != protocol.OK || sum.Late > 0 {
			t.Errorf("%s: %+v, %+v", c.name, entries, sum)
		}
		m.expect(protocol.KindCancel, nil)
		reply(m, call, "late")
		m.lives()
		if after := statsOf(caller); after.Late != before.Late+1 || after.Outcomes[protocol.OK] != before.Outcomes[protocol.OK]+1 {
			t.Errorf("%s: late %d, then %d", c.name, before.Late, after.Late)
		}
	}
}

// W20: what one session sent, sent again by another, does not speak for the
// first: its replies meet no delivery, its leave no membership, and its join is
// another's.
func TestCapturedFramesAreNothingOnAnotherSession(t *testing.T) {
	b := start(t, nil)
	m, caller := welcome(t, b, "unix"), welcome(t, b, "unix")
	room := m.join("r", "m")
	caller.call(1, "r", patience, nil)
	call := m.expect(protocol.KindDeliver, nil).Sequence
	captured := [][]byte{
		bytesOf(protocol.Header{Kind: protocol.KindReceipt, Sequence: call, Room: room}, nil, nil),
		bytesOf(protocol.Header{Kind: protocol.KindReply, Outcome: protocol.OK, Sequence: call, Room: room}, nil, []byte("mine")),
		bytesOf(protocol.Header{Kind: protocol.KindCancel, Sequence: 1}, nil, nil),
		bytesOf(protocol.Header{Kind: protocol.KindState, Sequence: 3, Room: room}, protocol.State{State: map[string]string{"k": "v"}}, nil),
		bytesOf(protocol.Header{Kind: protocol.KindLeave, Sequence: 4, Room: room}, nil, nil),
		bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: 5}, protocol.Join{Room: "r", Name: "m"}, nil),
	}
	replayer := welcome(t, b, "unix")
	for _, f := range captured {
		replayer.write(f)
	}
	for _, want := range []protocol.Code{protocol.CodeNotMember, protocol.CodeNotMember, protocol.CodeNameTaken} {
		if f := replayer.expect(protocol.KindError, nil); f.Code != want {
			t.Errorf("%v, want %v", f.Code, want)
		}
	}
	replayer.lives()
	if s := statsOf(caller); s.Unknown != 1 || s.InFlight != 1 || s.Members != 1 || s.StatesSet != 0 {
		t.Errorf("after the replay: %+v", s)
	}
	m.write(captured[1])
	if entries, _ := caller.account(); len(entries) != 1 || string(entries[0].Reply) != "mine" {
		t.Errorf("%+v", entries)
	}
	// On the same session, what was answered is only counted.
	m.write(captured[1])
	m.lives()
	if s := statsOf(caller); s.Late != 1 || s.Outcomes[protocol.OK] != 1 {
		t.Errorf("after the second reply: %+v", s)
	}
}

// W32: a deadline outside of 1 ms to 5 min is refused and not bent, of a call
// and of its waiting, and the session lives on.
func TestDeadlinesOutsideAreRefused(t *testing.T) {
	b := start(t, nil)
	m, caller := welcome(t, b, "unix"), welcome(t, b, "unix")
	m.join("r", "m")
	sequence := uint64(0)
	refused := uint64(0)
	for _, c := range []struct{ budget, wait uint32 }{{0, 0}, {1, 0}, {999, 0}, {300_000_001, 0}, {1<<31 - 1, 0}, {1 << 31, 0}, {1<<32 - 1, 0}, {1000, 300_000_001}, {1000, 1<<32 - 1}} {
		for _, kind := range []protocol.Kind{protocol.KindCall, protocol.KindOffer} {
			sequence++
			body := any(protocol.Call{Room: "r", Wait: 2, WaitUS: c.wait})
			if kind == protocol.KindOffer {
				if c.wait > 0 {
					continue
				}
				body = protocol.Offer{Room: "r"}
			}
			caller.send(protocol.Header{Kind: kind, Sequence: sequence, Budget: c.budget}, body, nil)
			if f := caller.expect(protocol.KindError, nil); f.Code != protocol.CodeBadDeadline || f.Sequence != sequence {
				t.Errorf("%v of %+v: %v", kind, c, f.Code)
			}
			refused++
		}
	}
	m.lives() // its pong is the first frame since it joined
	if s := statsOf(caller); s.Accepted != 0 || s.Refused+s.OffersRefused != refused {
		t.Errorf("%+v; %d were refused", s, refused)
	}
	for _, budget := range []uint32{1000, 300_000_000} {
		sequence++
		caller.send(protocol.Header{Kind: protocol.KindCall, Sequence: sequence, Budget: budget}, protocol.Call{Room: "r"}, nil)
		if d := m.expect(protocol.KindDeliver, nil); d.Budget > budget {
			t.Errorf("a budget of %d became %d", budget, d.Budget)
		}
		caller.send(protocol.Header{Kind: protocol.KindCancel, Sequence: sequence}, nil, nil)
		caller.account()
		m.expect(protocol.KindCancel, nil)
	}
}

// W11: there is no compression: a hello that offers it is welcomed without it,
// and compressed bytes are what they look like, no body.
func TestNothingIsInflated(t *testing.T) {
	b := start(t, nil)
	r := connect(t, b, "unix")
	var squeezed bytes.Buffer
	z := gzip.NewWriter(&squeezed)
	_, _ = z.Write(protocol.Encode(protocol.Join{Room: "r", Name: "m"}))
	_ = z.Close()
	hello := append([]byte{0x85, 0xab}, "compression\xa4gzip\xabmin_version\x01\xabmax_version\x01\xa8software\xa1x\xa9max_frame\xce\x00\x01\x00\x00"...)
	frame, err := protocol.AppendFrame(nil, protocol.Header{Kind: protocol.KindHello, Flags: 0xf8}, hello, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.write(frame)
	if f := r.expect(protocol.KindWelcome, nil); f.Flags != 0 || bytes.Contains(f.Meta, []byte("compress")) {
		t.Errorf("welcomed with flags %x and %q", f.Flags, f.Meta)
	}
	for flags := range 256 {
		s := welcome(t, b, "unix")
		frame, err := protocol.AppendFrame(nil, protocol.Header{Kind: protocol.KindJoin, Sequence: 1, Flags: protocol.Flags(flags)}, squeezed.Bytes(), nil)
		if err != nil {
			t.Fatal(err)
		}
		s.write(frame)
		if code := s.ended(); code != protocol.CodeMalformed {
			t.Errorf("flags %08b: %v", flags, code)
		}
		_ = s.c.Close()
	}
	r.lives()
}

// A member may be late with long replies to all that was delivered to it, and
// is not taken for one that invents them; one that nobody asks is ended.
func TestStrayAnswersAreBorneWithAsFarAsTheyCanBeExplained(t *testing.T) {
	b := start(t, nil)
	m, caller := welcome(t, b, "unix"), welcome(t, b, "unix")
	room := m.join("r", "m")
	part := protocol.Header{Kind: protocol.KindReply, Outcome: protocol.OK, Room: room, Flags: protocol.FlagMore}
	for i := range uint64(40) {
		caller.call(i+1, "r", time.Millisecond, nil)
		part.Sequence = m.expect(protocol.KindDeliver, nil).Sequence
		caller.account()
		m.expect(protocol.KindCancel, nil)
		m.write(bytes.Repeat(bytesOf(part, nil, nil), straysOfDelivery))
	}
	m.lives()
	flood := bytes.Repeat(bytesOf(part, nil, nil), straysMost+1)
	_, _ = m.c.Write(flood)
	if code := m.ended(); code != protocol.CodeUnexpected {
		t.Errorf("ended with %v", code)
	}
	caller.lives()
	if len(flood) < 40*straysMost {
		t.Error(fmt.Sprint("a flood of ", len(flood)))
	}
}

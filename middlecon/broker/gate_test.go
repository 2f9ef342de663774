package broker

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unique"

	"ddcos/middlecon/creds/forge"
	"ddcos/middlecon/policy"
	"ddcos/middlecon/room"
	"ddcos/protocol"
)

func policyOf(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

// followed makes a policy hold, and waits until all sessions were looked at.
func followed(t testing.TB, b *Broker, p *policy.Policy) {
	t.Helper()
	b.Follow(p)
	for range 1 + int(b.sessions.Load())/sweepEach {
		if _, err := b.Stats(t.Context()); err != nil { // a turn later
			t.Fatal(err)
		}
	}
}

// K29, W10: where nothing is allowed, every kind that a process may send on an open
// session is forbidden, or is one of those that ask for nothing; and nothing has
// happened. The kinds are those of SPEC.md's table, so a new one is among them.
func TestK29NoKindWithoutAVerb(t *testing.T) {
	b := start(t, func(o *Options) { o.Policy = policyOf(t, "allow: []\n") })
	free := []string{"leave", "receipt", "reply", "cancel", "ping", "pong", "ack", "bye"} // TestWantsNothing
	members := []string{"state", "bid"}                                                   // ask for something as members alone: TestMatrix
	bodies := requestBodies()
	bodies[protocol.KindJoin] = protocol.Join{Room: "r", Name: "n"}
	bodies[protocol.KindCall] = protocol.Call{Room: "r"}
	bodies[protocol.KindWatch] = protocol.Watch{Room: "r"}
	bodies[protocol.KindForget] = protocol.Forget{Room: "r"}
	bodies[protocol.KindPublish] = protocol.Publish{Room: "r"}
	bodies[protocol.KindOffer] = protocol.Offer{Room: "r"}
	bodies[protocol.KindWill] = protocol.Will{Room: "r"}
	asked := uint64(0)
	table := whatMayCome(t)
	for k := protocol.KindHello; k.Known(); k++ {
		row, ok := table[k.String()]
		if !ok {
			t.Fatalf("SPEC.md does not tell when %s may come", k)
		}
		if row[1] != "·" {
			continue
		}
		r := welcome(t, b, "unix")
		r.send(protocol.Header{Kind: k, Sequence: 5, Budget: 1e6, Outcome: protocol.OK}, bodies[k], nil)
		if slices.Contains(free, k.String()) || slices.Contains(members, k.String()) {
			continue
		}
		asked++
		var text protocol.ErrorText
		if f := r.expect(protocol.KindError, &text); f.Sequence != 5 || f.Code != protocol.CodeForbidden || !strings.HasPrefix(text.Text, "uid ") {
			t.Errorf("%s: %v %q for %d", k, f.Code, text.Text, f.Sequence)
		}
		r.lives()
	}
	s, err := b.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Forbidden != asked || asked < 8 {
		t.Errorf("%d requests were forbidden, %d asked", s.Forbidden, asked)
	}
	if n := s.Accepted + s.Refused + s.Published + s.Views + s.Rooms + s.Members + s.Watches + s.OffersAccepted + s.OffersRefused + s.Bids + s.StatesSet; n != 0 {
		t.Errorf("something happened: %+v", s)
	}
}

// What asks for nothing: each says why it may.
func TestWantsNothing(t *testing.T) {
	b := start(t, nil)
	why := map[string]room.Event{
		"gives up what the session has":           room.Leave{},
		"ends what the session asked for":         room.Cancel{},
		"answers what that session was delivered": room.Receipt{},
		"answers it too":                          room.Reply{},
		"takes its own will back":                 room.Will{},
	}
	for reason, e := range why {
		if a, free := b.wants(e); !free || a != (asking{}) {
			t.Errorf("%T, which %s: %+v", e, reason, a)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an event that nobody thought of may pass")
		}
	}()
	b.wants(room.Tick{})
}

// attempts try each verb of a broker in a room, and give the code of the refusal; 0
// where it was allowed.
func attempts() map[policy.Verb]func(r *raw, in string) protocol.Code {
	plain := func(kind protocol.Kind, body func(in string) any, bears ...protocol.Code) func(*raw, string) protocol.Code {
		return func(r *raw, in string) protocol.Code {
			r.t.Helper()
			r.send(protocol.Header{Kind: kind, Sequence: 9, Budget: 1e6}, body(in), nil)
			f := r.answer(9)
			if f.Kind == protocol.KindJoined {
				r.send(protocol.Header{Kind: protocol.KindLeave, Sequence: 10, Room: f.Room}, nil, nil)
				if got := r.answer(10); got.Kind != protocol.KindLeft {
					r.t.Fatalf("%s %v instead of left", got.Kind, got.Code)
				}
			}
			if f.Kind == protocol.KindError && !slices.Contains(bears, f.Code) {
				return f.Code
			}
			return 0
		}
	}
	return map[policy.Verb]func(*raw, string) protocol.Code{
		policy.Join:    plain(protocol.KindJoin, func(in string) any { return protocol.Join{Room: in, Name: "n"} }),
		policy.Call:    plain(protocol.KindCall, func(in string) any { return protocol.Call{Room: in} }),
		policy.Send:    plain(protocol.KindCall, func(in string) any { return protocol.Call{Room: in, To: "nobody"} }, protocol.CodeNoSuchMember),
		policy.Publish: plain(protocol.KindPublish, func(in string) any { return protocol.Publish{Room: in} }),
		policy.Offer:   plain(protocol.KindOffer, func(in string) any { return protocol.Offer{Room: in} }),
		policy.Watch:   plain(protocol.KindWatch, func(in string) any { return protocol.Watch{Room: in, Once: true} }),
		policy.Manage:  plain(protocol.KindForget, func(in string) any { return protocol.Forget{Room: in} }),
		policy.Status:  plain(protocol.KindStatus, func(string) any { return nil }),
		policy.Claim:   claims,
	}
}

// answer skips what else comes.
func (r *raw) answer(sequence uint64) protocol.Frame {
	r.t.Helper()
	for {
		f := r.next()
		if f.Sequence == sequence && f.Kind != protocol.KindDeliver && f.Kind != protocol.KindOffered && f.Flags&protocol.FlagMore == 0 {
			return f
		}
	}
}

// claims joins a room, offers work there and bids for it; whether the bid counts is
// in the account.
func claims(r *raw, in string) protocol.Code {
	r.t.Helper()
	number := r.join(in, "claimer")
	r.send(protocol.Header{Kind: protocol.KindOffer, Sequence: 9, Budget: 60e6}, protocol.Offer{Room: in}, []byte("work"))
	var body protocol.Deliver
	call := r.expect(protocol.KindOffered, &body).Sequence
	r.send(protocol.Header{Kind: protocol.KindBid, Sequence: call, Room: number}, protocol.Bid{}, nil)
	f := r.next()
	for f.Kind == protocol.KindBound {
		f = r.next()
	}
	if f.Kind == protocol.KindBind {
		r.send(protocol.Header{Kind: protocol.KindReply, Sequence: call, Room: number, Outcome: protocol.OK}, nil, nil)
		f = r.answer(9)
		for f.Kind == protocol.KindBound {
			f = r.answer(9)
		}
	}
	var chunk protocol.AccountChunk
	if err := protocol.DecodeAnswer(f.Meta, &chunk); f.Kind != protocol.KindAccount || err != nil || len(chunk.Entries) != 1 {
		r.t.Fatalf("%s %v, %v: %+v", f.Kind, f.Code, err, chunk)
	}
	r.send(protocol.Header{Kind: protocol.KindLeave, Sequence: 11, Room: number}, nil, nil)
	r.answer(11)
	if e := chunk.Entries[0]; e.Outcome == protocol.Refused && strings.HasPrefix(e.Error, "forbidden: ") {
		return protocol.CodeForbidden
	} else if e.Outcome != protocol.OK {
		r.t.Fatalf("%+v", e)
	}
	return 0
}

// way is a transport, and how a session of a role comes by it. Sessions whose
// credentials say nothing of a role have it from the policy.
type way struct {
	name  string
	given []string // principals to which the policy gives the role; none where the credential has it
	open  func(t *testing.T, b *Broker, role string) *raw
}

func plainWays() []way {
	by := func(network string) func(*testing.T, *Broker, string) *raw {
		return func(t *testing.T, b *Broker, _ string) *raw { return welcome(t, b, network) }
	}
	return []way{
		{"unix", []string{policy.UID(uint32(os.Getuid()))}, by("unix")},
		{"tcp", []string{"127.0.0.1"}, by("tcp")},
	}
}

// matrixOf goes through every verb × role × transport: with a policy that allows one
// role one verb in rooms that begin with "open", each role tries every verb there and
// elsewhere, and exactly that one passes. All rooms are made by the first who may.
func matrixOf(t *testing.T, b *Broker, ways []way) {
	roles := []string{protocol.RoleAgent, protocol.RoleClient, protocol.RoleAdmin}
	for _, w := range ways {
		sessions := map[string]*raw{}
		for _, role := range roles {
			sessions[role] = w.open(t, b, role)
		}
		for _, allowed := range roles {
			for verb := range attempts() {
				where := "rooms: ['open*']"
				if !verb.OfRoom() {
					where = "rooms: '*'"
				}
				text := fmt.Sprintf("allow:\n - {who: role %s, may: %s, %s}\n - {who: '*', may: [join, offer], rooms: [open-claims, shut-claims]}\n", allowed, verb, where)
				for role, r := range sessions {
					full := text
					if len(w.given) > 0 {
						full += fmt.Sprintf("roles: {%s: ['%s']}\n", role, strings.Join(w.given, "','"))
					}
					followed(t, b, policyOf(t, full))
					for tried, attempt := range attempts() {
						for _, in := range []string{"open", "shut"} {
							if tried == policy.Claim {
								in += "-claims"
							}
							want := protocol.CodeForbidden
							if role == allowed && tried == verb && (strings.HasPrefix(in, "open") || !verb.OfRoom()) {
								want = 0
							}
							if got := attempt(r, in); got != want {
								t.Errorf("%s: a %s tries to %s in %s where a %s may %s: %v, want %v", w.name, role, tried, in, allowed, verb, got, want)
							}
						}
					}
				}
			}
		}
	}
}

// The same over TLS, where the role is the certificate's, or the token's.
func TestMatrixOverTLS(t *testing.T) {
	a := forge.New(t, "authority")
	b := mutual(t, a, func(o *Options) {
		o.Authenticate = func(token string) (string, string, bool) {
			role, ok := strings.CutPrefix(token, "of a ")
			return role + "-1", role, ok
		}
	})
	matrixOf(t, b, []way{
		{"tls with a certificate", nil, func(t *testing.T, b *Broker, role string) *raw {
			return shows(t, b, a.Issue(nil, "spiffe://ddcos/"+role+"/h")).admitted()
		}},
		{"tls with a token", nil, func(t *testing.T, b *Broker, role string) *raw {
			r := connect(t, b, "tls")
			r.write(bytesOf(protocol.Header{Kind: protocol.KindHello}, protocol.Hello{
				MinVersion: protocol.Version, MaxVersion: protocol.Version, MaxFrame: protocol.MaxFrame, Token: "of a " + role,
			}, nil))
			r.expect(protocol.KindWelcome, nil)
			return r
		}},
	})
}

func TestMatrix(t *testing.T) { matrixOf(t, start(t, nil), plainWays()) }

// Of a verb of a broker there is an attempt in the matrix, but for the one that would end
// it: TestDrainIsAVerb and TestDrainIsRefused have that.
func TestMatrixIsWhole(t *testing.T) {
	for _, v := range policy.Verbs() {
		if (attempts()[v] != nil) != (v != policy.Read && v != policy.ReadArgs && v != policy.Drain) {
			t.Errorf("%s", v)
		}
	}
}

// What a member shows is a part of being one: who may not join any more shows nothing new.
func TestStateIsJoining(t *testing.T) {
	b := start(t, nil)
	r := welcome(t, b, "unix")
	in := r.join("r", "n")
	r.send(protocol.Header{Kind: protocol.KindState, Sequence: 1, Room: in}, protocol.State{State: map[string]string{"a": "b"}}, nil)
	r.expect(protocol.KindStated, nil)
	// The gate alone, before the sweep has ended the membership.
	p := policyOf(t, "allow:\n - {who: '*', may: '*', rooms: other}\n")
	refused := make(chan error, 1)
	b.post(func() {
		b.gate.follow(p)
		for id, s := range b.byID.All() {
			a, free := b.wants(room.SetState{Session: id, Room: in})
			if err := b.gate.refuses(s.kin, a); err != nil && !free {
				refused <- err
				return
			}
		}
		refused <- nil
	})
	if err := <-refused; err == nil {
		t.Error("it may show another state")
	}
}

// What is remembered of decisions is bounded, and no answer is another's.
func TestGateForgets(t *testing.T) {
	g := newGate(policyOf(t, "allow:\n - {who: uid 1, may: join, rooms: 'a*'}\n"), slog.New(slog.DiscardHandler))
	one := unique.Make(room.Peer{Principal: "uid 1"})
	for i := range answersKnown + 10 {
		if err := g.refuses(one, asking{policy.Join, fmt.Sprint("a", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(g.of(one).answers); n > 10 || g.decided > answersKnown {
		t.Errorf("%d answers, %d counted", n, g.decided)
	}
	for i := range peersKnown + 10 {
		kin := unique.Make(room.Peer{Principal: "uid 2", Software: fmt.Sprint(i)})
		if err := g.refuses(kin, asking{policy.Join, "a"}); err == nil {
			t.Fatal("uid 2 may join")
		}
	}
	if len(g.known) > peersKnown {
		t.Errorf("%d peers are known", len(g.known))
	}
}

// Refusals are in the log, and a flood of them is one line a second.
func TestRefusalsAreLogged(t *testing.T) {
	var log strings.Builder
	g := newGate(policyOf(t, "deny:\n - {who: uid 1, may: call, rooms: r}\n"), slog.New(slog.NewTextHandler(&log, nil)))
	kin := unique.Make(room.Peer{Host: "h", Principal: "uid 1"})
	for i := range 1000 {
		g.refuse(kin, 7, asking{policy.Call, "r"}, time.Duration(i)*2*time.Millisecond)
	}
	if n := strings.Count(log.String(), "\n"); n != 2 || g.refused != 1000 {
		t.Errorf("%d lines of %d refusals:\n%s", n, g.refused, log.String())
	}
	for _, want := range []string{`principal="uid 1"`, "pid=7", "verb=call", "room=r", "line 2", "untold=500"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in\n%s", want, log.String())
		}
	}
}

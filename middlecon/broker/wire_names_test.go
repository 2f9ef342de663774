package broker

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"ddcos/middlecon/creds/forge"
	"ddcos/protocol"
)

// W23: who takes a name that was lost and forgotten has its own id, labels and state; what
// is for the old one does not reach it.
func TestW23NameReuse(t *testing.T) {
	b := start(t, nil)
	old, caller := welcome(t, b, "unix"), welcome(t, b, "unix")
	old.send(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: "r", Name: "db", Labels: map[string]string{"role": "leader"}, State: map[string]string{"ready": "yes"}}, nil)
	joined := old.expect(protocol.KindJoined, nil)
	caller.call(1, "r", patience, []byte("for the old one"))
	old.expect(protocol.KindDeliver, nil)
	_ = old.c.Close()
	if entries, _ := caller.account(); len(entries) != 1 || entries[0].Outcome != protocol.LostAfterSend {
		t.Fatalf("%+v", entries)
	}
	caller.send(protocol.Header{Kind: protocol.KindForget, Sequence: 2}, protocol.Forget{Room: "r", Name: "db"}, nil)
	caller.expect(protocol.KindForgot, nil)
	fresh := welcome(t, b, "tcp")
	number := fresh.join("r", "db")
	caller.send(protocol.Header{Kind: protocol.KindWatch, Sequence: 3}, protocol.Watch{Room: "r", Once: true}, nil)
	var v protocol.ViewChunk
	caller.expect(protocol.KindView, &v)
	if m := v.Joined; len(m) != 1 || len(m[0].Labels)+len(m[0].State) > 0 || m[0].ID == joined.Member || m[0].Host != "127.0.0.1" || len(v.Absent) > 0 {
		t.Errorf("%+v", v)
	}
	caller.send(protocol.Header{Kind: protocol.KindCall, Sequence: 4, Budget: 1e6, Member: joined.Member}, protocol.Call{Room: "r"}, nil)
	if f := caller.expect(protocol.KindError, nil); f.Code != protocol.CodeNoSuchMember {
		t.Errorf("a call to the old one: %v", f.Code)
	}
	caller.call(5, "r", patience, []byte("new"))
	f := fresh.expect(protocol.KindDeliver, nil)
	if string(f.Payload) != "new" {
		t.Errorf("it gets %q first", f.Payload)
	}
	fresh.send(protocol.Header{Kind: protocol.KindReply, Sequence: f.Sequence, Room: number, Outcome: protocol.OK}, nil, nil)
	caller.account()
}

// W25: bytes of frames within whatever a process says arrive as these bytes, or are
// refused; nobody reads a frame out of them.
func TestW25FramesInside(t *testing.T) {
	b := start(t, nil)
	member, caller := welcome(t, b, "unix"), welcome(t, b, "tcp")
	number := member.join("r", "m")
	inside := bytesOf(protocol.Header{Kind: protocol.KindError, Code: protocol.CodeShuttingDown}, protocol.ErrorText{Text: "the end"}, nil)
	for _, outcome := range []protocol.Outcome{protocol.OK, protocol.AppError, protocol.Refused} {
		reply := inside
		if outcome != protocol.OK {
			reply = []byte(strings.ToValidUTF8(string(inside), "?"))
		}
		caller.call(1, "r", patience, inside)
		f := member.expect(protocol.KindDeliver, nil)
		if !bytes.Equal(f.Payload, inside) {
			t.Errorf("the call's payload is %x", f.Payload)
		}
		member.send(protocol.Header{Kind: protocol.KindReply, Sequence: f.Sequence, Room: number, Outcome: outcome}, nil, reply)
		entries, _ := caller.account()
		if len(entries) != 1 || entries[0].Outcome != outcome || string(entries[0].Reply)+entries[0].Error != string(reply) {
			t.Errorf("%v: %+v", outcome, entries)
		}
		member.lives()
		caller.lives()
	}
	text := strings.ToValidUTF8(string(inside), "?")
	pairs := map[string]string{"k": text}
	for i, c := range []struct {
		kind protocol.Kind
		body any
		want protocol.Code
	}{
		{protocol.KindJoin, protocol.Join{Room: text, Name: "n"}, protocol.CodeBadName},
		{protocol.KindJoin, protocol.Join{Room: "r", Name: text}, protocol.CodeBadName},
		{protocol.KindJoin, protocol.Join{Room: "r", Name: "n", Labels: pairs}, protocol.CodeBadLabel},
		{protocol.KindJoin, protocol.Join{Room: "r", Name: "n", State: pairs}, protocol.CodeBadState},
		{protocol.KindCall, protocol.Call{Room: "r", To: text}, protocol.CodeBadName},
		{protocol.KindCall, protocol.Call{Room: "r", Labels: pairs}, protocol.CodeBadLabel},
		{protocol.KindOffer, protocol.Offer{Room: text}, protocol.CodeBadName},
		{protocol.KindPublish, protocol.Publish{Room: text}, protocol.CodeBadName},
		{protocol.KindWatch, protocol.Watch{Room: text}, protocol.CodeBadName},
		{protocol.KindForget, protocol.Forget{Room: "r", Name: text}, protocol.CodeNoSuchMember},
		{protocol.KindWill, protocol.Will{Room: text}, protocol.CodeBadName},
	} {
		caller.send(protocol.Header{Kind: c.kind, Sequence: uint64(10 + i), Budget: 1e6}, c.body, nil)
		if f := caller.expect(protocol.KindError, nil); f.Code != c.want || f.Sequence != uint64(10+i) {
			t.Errorf("%s %+v: %v", c.kind, c.body, f.Code)
		}
	}
	member.lives()
	caller.lives()
}

// W26: no frame names where an answer goes. Whatever a member's reply has in its header, it
// goes to who called, and nobody in a room that the member may not publish to hears of it.
func TestW26RepliesGoHome(t *testing.T) {
	b := start(t, func(o *Options) {
		o.Policy = policyOf(t, "allow:\n - {who: '*', may: '*'}\ndeny:\n - {who: 127.0.0.1, may: '*', rooms: secret}\n")
	})
	inside, caller, member := welcome(t, b, "unix"), welcome(t, b, "unix"), welcome(t, b, "tcp")
	secret := inside.join("secret", "s")
	member.join("r", "m")
	caller.call(1, "r", patience, nil)
	f := member.expect(protocol.KindDeliver, nil)
	for _, h := range []protocol.Header{
		{Kind: protocol.KindReply, Sequence: f.Sequence, Room: secret, Outcome: protocol.OK},
		{Kind: protocol.KindReply, Sequence: f.Sequence, Room: secret, Member: 1, Outcome: protocol.OK},
		{Kind: protocol.KindReply, Sequence: f.Sequence, Room: f.Room, Member: 1, Outcome: protocol.OK},
	} {
		member.send(h, nil, []byte("for the secret room"))
	}
	if entries, _ := caller.account(); len(entries) != 1 || entries[0].Name != "m" {
		t.Errorf("%+v", entries)
	}
	inside.lives() // and the pong is the first thing that it hears
}

// W31: neither the log, nor /metrics, nor the status has a token in it.
func TestW31NoTokenIsTold(t *testing.T) {
	const secret = "ddcos_very-secret-indeed"
	var mu sync.Mutex
	var log bytes.Buffer
	a := forge.New(t, "authority")
	b := mutual(t, a, func(o *Options) {
		o.Log = slog.New(slog.NewTextHandler(writes(func(p []byte) { mu.Lock(); defer mu.Unlock(); log.Write(p) }), &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Authenticate = func(token string) (string, string, bool) { return "ci", "client", token == secret }
	})
	hello := func(token string) []byte {
		return bytesOf(protocol.Header{Kind: protocol.KindHello}, protocol.Hello{
			MinVersion: protocol.Version, MaxVersion: protocol.Version, MaxFrame: protocol.MaxFrame, Token: token,
		}, nil)
	}
	good, bad := connect(t, b, "tls"), connect(t, b, "tls")
	good.write(hello(secret))
	good.expect(protocol.KindWelcome, nil)
	bad.write(hello(secret + "x"))
	if code := bad.ended(); code != protocol.CodeUnauthenticated {
		t.Errorf("a wrong token: %v", code)
	}
	plain := connect(t, b, "unix")
	plain.write(hello(secret))
	if code := plain.ended(); code != protocol.CodeUnauthenticated {
		t.Errorf("a token without TLS: %v", code)
	}
	w := httptest.NewRecorder()
	b.Metrics().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	told := w.Body.String() + fmt.Sprintf("%+v", statsOf(good))
	mu.Lock()
	defer mu.Unlock()
	if told += log.String(); strings.Contains(told, "very-secret") || !strings.Contains(told, "forbidden_total") || log.Len() == 0 {
		t.Errorf("%s", told)
	}
}

type writes func([]byte)

func (w writes) Write(p []byte) (int, error) { w(p); return len(p), nil }

package enrol_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ddcos/middlecon/authority"
	"ddcos/middlecon/enrol"
	"ddcos/middlecon/tokens"
	"ddcos/protocol"
)

func TestJoinAndRenew(t *testing.T) {
	p := newPlace(t, authority.Options{})
	text, _ := p.token(protocol.RoleAgent, time.Hour, 1)
	j := p.joining("web-1", text)
	first := p.join(j)
	if first.Name != "spiffe://ddcos/agent/web-1" || time.Since(first.Time).Abs() > time.Minute {
		t.Errorf("%+v", first)
	}
	second, err := p.renew(first, j)
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range []*enrol.Answer{first, second} {
		chain, err := authority.ParseCertificates([]byte(answer.Certificate))
		if err != nil || chain[0].VerifyHostname("127.0.0.1") != nil || chain[0].VerifyHostname("web-1") != nil || chain[0].VerifyHostname("localhost") == nil {
			t.Errorf("it is for %v %v, %v", chain[0].DNSNames, chain[0].IPAddresses, err)
		}
	}
	if second.Certificate == first.Certificate || second.Name != first.Name || second.Roots != first.Roots {
		t.Errorf("%+v after %+v", second, first)
	}
	if _, err := p.renew(second, j); err != nil {
		t.Error(err)
	}
	log := p.log.String()
	if strings.Contains(log, text) || strings.Count(log, "issued a certificate") != 3 || !strings.Contains(log, "name=agent/web-1") {
		t.Errorf("the log:\n%s", log)
	}
	// The same host comes again, as after an installation that stopped half-way.
	again, _ := p.token(protocol.RoleAgent, time.Hour, 1)
	j.Token = again
	p.join(j)
}

// TestRefusals: each has its code, a word to people, and a line in the log; and
// none of them costs the token a use.
func TestRefusals(t *testing.T) {
	p := newPlace(t, authority.Options{})
	good, _ := p.token(protocol.RoleAgent, time.Hour, 1)
	expired, _ := p.token(protocol.RoleAgent, time.Nanosecond, 1)
	revoked, told := p.token(protocol.RoleAgent, time.Hour, 1)
	if err := tokens.Update(p.tokens, func(l tokens.List) (tokens.List, error) { return l.Revoke(told.Name, time.Now()) }); err != nil {
		t.Fatal(err)
	}
	used, _ := p.token(protocol.RoleAgent, time.Hour, 1)
	p.join(p.joining("taken", used))
	if err := p.authority.Revoke(agentNamed("gone")); err != nil {
		t.Fatal(err)
	}
	client, _ := p.token(protocol.RoleClient, time.Hour, 1)
	for name, c := range map[string]struct {
		text, host string
		want       error
		says       string
	}{
		"unknown":  {"nonsense", "web-1", enrol.TokenUnknown, "middlecon token new"},
		"expired":  {expired, "web-1", enrol.TokenExpired, "expired"},
		"revoked":  {revoked, "web-1", enrol.TokenRevoked, "revoked"},
		"used up":  {used, "web-1", enrol.TokenUsedUp, "middlecon ca names"},
		"role":     {client, "web-1", enrol.TokenRole, "client"},
		"taken":    {good, "taken", enrol.NameTaken, "middlecon ca release"},
		"gone":     {good, "gone", enrol.NameRevoked, "revoked"},
		"too long": {strings.Repeat("x", 1000), "web-1", enrol.BadRequest, "too long"},
	} {
		_, err := enrol.Join(t.Context(), p.joining(c.host, c.text))
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.join(p.joining("web-1", good))
	for _, secret := range []string{good, expired, revoked, used, client} {
		if strings.Contains(p.log.String(), secret) {
			t.Error("a token is in the log")
		}
	}
	if n := strings.Count(p.log.String(), "refused a certificate"); n != 8 {
		t.Errorf("%d refusals in the log:\n%s", n, p.log)
	}
	if _, err := enrol.Join(t.Context(), p.joining("a/b", good)); !errors.Is(err, authority.ErrName) {
		t.Errorf("a name that cannot be: %v", err)
	}
}

// TestTokenStaysWithAStranger: the token does not leave the host before the pin is found.
func TestTokenStaysWithAStranger(t *testing.T) {
	p, stranger := newPlace(t, authority.Options{}), newPlace(t, authority.Options{})
	asked := false
	stranger.server.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true })
	j := p.joining("web-1", "token")
	j.Address = stranger.address
	_, err := enrol.Join(t.Context(), j)
	if !errors.Is(err, enrol.ErrPin) || !strings.Contains(err.Error(), stranger.pin) {
		t.Errorf("another authority: %v", err)
	}
	// Its chain with the right authority's certificate beside it: the pin is found, and vouches for nobody.
	stranger.showRoots(p.authority)
	if _, err := enrol.Join(t.Context(), j); !errors.Is(err, enrol.ErrPin) {
		t.Errorf("a chain that does not lead to the pin: %v", err)
	}
	j = p.joining("web-1", "token")
	j.Pin = "sha256:" + strings.Repeat("0", 64)
	if _, err := enrol.Join(t.Context(), j); !errors.Is(err, enrol.ErrPin) {
		t.Errorf("a wrong pin: %v", err)
	}
	if asked {
		t.Error("the token was sent")
	}
	if p.log.String() != "" {
		t.Errorf("the broker was asked: %s", p.log)
	}
}

// TestMemberIsNoBroker: whom the authority calls an agent, a client or an admin
// cannot stand in a broker's place, whatever addresses its certificate has.
func TestMemberIsNoBroker(t *testing.T) {
	p := newPlace(t, authority.Options{})
	text, _ := p.token(protocol.RoleAgent, time.Hour, 0)
	j := p.joining("web-1", text)
	answer := p.join(j)
	for _, role := range []string{protocol.RoleAgent, protocol.RoleClient, protocol.RoleAdmin} {
		p.show(authority.Name{Role: role, Host: "hub"}, p.newKey())
		p.showRoots(p.authority)
		if _, err := enrol.Join(t.Context(), p.joining("web-2", text)); !errors.Is(err, enrol.ErrNoBroker) || !strings.Contains(err.Error(), "spiffe://ddcos/"+role+"/hub") {
			t.Errorf("joined at %s: %v", role, err)
		}
		if _, err := p.renew(answer, j); !errors.Is(err, enrol.ErrNoBroker) {
			t.Errorf("renewed at %s: %v", role, err)
		}
	}
}

// TestCertificateEnrolsNobody: what a member may ask with its certificate is its own successor.
func TestCertificateEnrolsNobody(t *testing.T) {
	p := newPlace(t, authority.Options{})
	text, _ := p.token(protocol.RoleAgent, time.Hour, 1)
	j := p.joining("web-1", text)
	answer := p.join(j)
	config := p.config(answer, j.Key)
	config.NextProtos = []string{"http/1.1"}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	defer client.CloseIdleConnections()
	csr, err := authority.NewRequest(p.newKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{
		`{"token":"","role":"agent","name":"web-2","csr":"` + escaped(csr) + `"}`,
		`{"token":"` + text + `","role":"agent","name":"web-2","csr":"` + escaped(csr) + `"}`,
		`{"token":"` + text + `","role":"admin","name":"web-1","csr":"` + escaped(csr) + `"}`,
	} {
		if status, said := ask(t, client, p.address, "POST", enrol.PathEnrol, "application/json", body); status == http.StatusOK {
			t.Errorf("%s: %s", body, said)
		}
	}
	// A renewal says who one is by the session alone: what is in its body is not read.
	status, said := ask(t, client, p.address, "POST", enrol.PathRenew, "application/json", `{"name":"web-2","role":"admin"}`)
	if status != http.StatusOK || !strings.Contains(said, "spiffe://ddcos/agent/web-1") {
		t.Errorf("%d: %s", status, said)
	}
}

// TestRenewalRefused: by whose certificate nothing is to be had.
func TestRenewalRefused(t *testing.T) {
	p, other := newPlace(t, authority.Options{}), newPlace(t, authority.Options{})
	text, _ := other.token(protocol.RoleAgent, time.Hour, 1)
	stranger := other.joining("web-1", text)
	foreign := other.join(stranger)
	text, _ = p.token(protocol.RoleAgent, time.Hour, 2)
	j, gone := p.joining("web-1", text), p.joining("web-2", text)
	own, lost := p.join(j), p.join(gone)
	foreign.Roots = own.Roots // it believes the broker; the broker does not believe it
	if _, err := p.renew(foreign, stranger); !errors.Is(err, enrol.NoCertificate) {
		t.Errorf("another authority's: %v", err)
	}
	if err := p.authority.Revoke(gone.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := p.renew(lost, gone); !errors.Is(err, enrol.NameRevoked) {
		t.Errorf("a revoked name: %v", err)
	}
	config := p.config(own, j.Key)
	config.Certificates = nil
	if _, err := enrol.Renew(t.Context(), p.address, config, j.Name, &j.Key.PublicKey); !errors.Is(err, enrol.NoCertificate) {
		t.Errorf("without a certificate: %v", err)
	}
	if err := p.authority.Rotate(0); err != nil {
		t.Fatal(err)
	}
	if _, err := p.renew(own, j); !errors.Is(err, enrol.NoCertificate) {
		t.Errorf("after the authority was replaced at once: %v", err)
	}
}

func hour() string { return time.Now().UTC().Format("2006-01-02T15") }

func TestClocks(t *testing.T) {
	for name, off := range map[string]time.Duration{"an hour behind": time.Hour, "two days ahead": -48 * time.Hour} {
		p := newPlace(t, authority.Options{Now: func() time.Time { return time.Now().Add(off) }})
		before := hour()
		_, err := enrol.Join(t.Context(), p.joining("web-1", "token"))
		if !errors.Is(err, enrol.ErrClock) || !strings.Contains(err.Error(), before) && !strings.Contains(err.Error(), hour()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := newPlace(t, authority.Options{Now: func() time.Time { return time.Now().Add(authority.Backdate / 2) }})
	text, _ := p.token(protocol.RoleAgent, time.Hour, 1)
	p.join(p.joining("web-1", text)) // so much is let pass
}

func TestUnreachable(t *testing.T) {
	p := newPlace(t, authority.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	j := p.joining("web-1", "token")
	j.Address = l.Addr().String()
	_ = l.Close()
	if _, err := enrol.Join(t.Context(), j); !errors.Is(err, enrol.ErrUnreachable) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens: %v", err)
	}
	plain := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	go func() { _ = plain.Serve(l) }() // it ends with the test
	defer func() { _ = plain.Close() }()
	j.Address = l.Addr().String()
	if _, err := enrol.Join(t.Context(), j); !errors.Is(err, enrol.ErrUnreachable) || strings.Contains(err.Error(), "token") {
		t.Errorf("no TLS there: %v", err)
	}
	p.server.Config.Handler = http.NotFoundHandler()
	j.Address = p.address
	if _, err := enrol.Join(t.Context(), j); err == nil || !strings.Contains(err.Error(), "middlecon up") {
		t.Errorf("a broker without the endpoint: %v", err)
	}
	_, port, err := net.SplitHostPort(p.address)
	if err != nil {
		t.Fatal(err)
	}
	j.Address = "127.0.0.2:" + port
	if _, err := enrol.Join(t.Context(), j); !errors.Is(err, enrol.ErrUnreachable) && !errors.Is(err, enrol.ErrAddress) {
		t.Errorf("another address: %v", err)
	}
}

func TestWrongAddress(t *testing.T) {
	p := newPlace(t, authority.Options{})
	key := p.newKey()
	c, err := p.authority.Issue(authority.Request{Name: authority.Name{Role: protocol.RoleBroker, Host: "other"}, Key: &key.PublicKey, DNS: []string{"hub.example"}})
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.shown = p.pair(c.Chain, key)
	p.mu.Unlock()
	if _, err := enrol.Join(t.Context(), p.joining("web-1", "token")); !errors.Is(err, enrol.ErrAddress) || !strings.Contains(err.Error(), "hub.example") {
		t.Errorf("%v", err)
	}
}

// TestRotation: a host joins by a line of before, one by a line of after, and one
// that joined before renews, all without a word between the two.
func TestRotation(t *testing.T) {
	p := newPlace(t, authority.Options{})
	text, _ := p.token(protocol.RoleAgent, time.Hour, 0)
	early := p.joining("web-1", text)
	answer := p.join(early)
	if err := p.authority.Rotate(48 * time.Hour); err != nil {
		t.Fatal(err)
	}
	next, err := p.renew(answer, early) // the broker still shows its certificate of before
	if err != nil {
		t.Fatal(err)
	}
	p.show(authority.Name{Role: protocol.RoleBroker, Host: "hub-2"}, p.newKey())
	for _, known := range []*enrol.Answer{answer, next} {
		if _, err := p.renew(known, early); err != nil {
			t.Error(err)
		}
	}
	p.join(p.joining("web-2", text)) // by the old pin
	if p.pin, err = p.authority.Pin(); err != nil {
		t.Fatal(err)
	}
	p.join(p.joining("web-3", text))
	if strings.Count(next.Roots, "BEGIN") != 2 {
		t.Errorf("roots %s", next.Roots)
	}
}

func escaped(b []byte) string { return strings.ReplaceAll(string(b), "\n", `\n`) }

// TestAnswerIsChecked: a broker, even one that is vouched for, puts nothing on a
// host but what it asked for.
func TestAnswerIsChecked(t *testing.T) {
	p := newPlace(t, authority.Options{})
	text, _ := p.token(protocol.RoleAgent, time.Hour, 0)
	good := p.join(p.joining("web-1", text))
	for name, body := range map[string]string{
		"nothing": `{}`, "no JSON": `x`, "another's certificate": encoded(t, good), "a page without an end": `{"name":"` + strings.Repeat("x", 1<<20),
		"no roots": `{"certificate":"` + escaped([]byte(good.Certificate)) + `"}`,
	} {
		p.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
		if answer, err := enrol.Join(t.Context(), p.joining("web-1", text)); err == nil {
			t.Errorf("%s: %+v", name, answer)
		}
	}
	p.server.Config.Handler = http.RedirectHandler("https://127.0.0.1:1/", http.StatusTemporaryRedirect)
	if _, err := enrol.Join(t.Context(), p.joining("web-1", text)); err == nil || strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("a redirection was followed: %v", err)
	}
}

// TestVersion: nothing below TLS 1.3 is spoken.
func TestVersion(t *testing.T) {
	p := newPlace(t, authority.Options{})
	p.server.TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{p.shown}}, nil //nolint:gosec // that is what must not be spoken
	}
	if _, err := enrol.Join(t.Context(), p.joining("web-1", "token")); !errors.Is(err, enrol.ErrUnreachable) && !errors.Is(err, enrol.NoCertificate) {
		t.Errorf("%v", err)
	}
	if p.log.String() != "" {
		t.Errorf("it was asked: %s", p.log)
	}
}

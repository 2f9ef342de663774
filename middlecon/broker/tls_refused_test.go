package broker

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ddcos/middlecon/creds"
	"ddcos/middlecon/creds/forge"
	"ddcos/protocol"
)

// loud is a broker's log that tests read.
type loud struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *loud) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *loud) says(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

func (l *loud) to(o *Options) { o.Log = slog.New(slog.NewTextHandler(l, nil)) }

// tellAll has every refusal logged.
func (r *refusals) tellAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most = 1000
}

// refusedWith says Hello and must hear so, and the log with it.
func (r *raw) refusedWith(l *loud, reason string) {
	r.t.Helper()
	_, refused := r.greeted()
	if refused == nil || refused.Code != protocol.CodeUnauthenticated || !strings.Contains(refused.Text, reason) {
		r.t.Errorf("%v, want %v because of %q", refused, protocol.CodeUnauthenticated, reason)
	}
	until(r.t, "the log tells of "+reason, func() bool { return l.says(strings.ReplaceAll(reason, `"`, `\"`)) })
	if code := r.ended(); code != 0 {
		r.t.Errorf("and then %v", code)
	}
}

// TestNobodyButByOneURI (W28): who is not named by exactly one URI in its only form is
// nobody, whatever else the certificate says.
func TestNobodyButByOneURI(t *testing.T) {
	a, log := forge.New(t, "authority"), &loud{}
	b := mutual(t, a, log.to)
	b.refusals.tellAll()
	for name, c := range map[string]struct {
		uris   []string
		change func(*x509.Certificate)
		reason string
	}{
		"a common name alone": {nil, nil, "has 0 URIs"},
		"DNS names alone": {nil, func(c *x509.Certificate) {
			c.DNSNames = []string{"admin.ddcos", "spiffe://ddcos/admin/x"}
		}, "has 0 URIs"},
		"two URIs":              {[]string{"spiffe://ddcos/agent/x", "spiffe://ddcos/admin/x"}, nil, "has 2 URIs"},
		"the same twice":        {[]string{"spiffe://ddcos/agent/x", "spiffe://ddcos/agent/x"}, nil, "has 2 URIs"},
		"a large trust domain":  {[]string{"spiffe://DDCOS/agent/x"}, nil, "trust domain"},
		"a port":                {[]string{"spiffe://ddcos:1/agent/x"}, nil, "trust domain"},
		"a user":                {[]string{"spiffe://u@ddcos/agent/x"}, nil, "trust domain"},
		"another scheme":        {[]string{"https://ddcos/agent/x"}, nil, "want spiffe://"},
		"no path":               {[]string{"spiffe://ddcos"}, nil, "want spiffe://"},
		"an empty segment":      {[]string{"spiffe://ddcos/agent//x"}, nil, "between slashes"},
		"a slash at the end":    {[]string{"spiffe://ddcos/agent/x/"}, nil, "between slashes"},
		"dots":                  {[]string{"spiffe://ddcos/agent/../admin"}, nil, "between slashes"},
		"a query":               {[]string{"spiffe://ddcos/agent/x?admin"}, nil, "between slashes"},
		"percent":               {[]string{"spiffe://ddcos/agent/%78"}, nil, "between slashes"},
		"another script":        {[]string{"spiffe://ddcos/agent/\u0445"}, nil, "between slashes"},
		"another script's name": {[]string{"spiffe://xn--ddcs-5ve/agent/x", "spiffe://ddcos/agent/x"}, nil, "has 2 URIs"},
		"too long":              {[]string{"spiffe://ddcos/agent/" + strings.Repeat("x", 300)}, nil, "want spiffe://"},
	} {
		t.Run(name, func(t *testing.T) {
			r := shows(t, b, a.Issue(c.change, c.uris...))
			r.t = t
			r.refusedWith(log, c.reason)
		})
	}
	// The order and the number of a subject's parts change nothing.
	for _, subject := range []pkix.Name{
		{CommonName: "x", Organization: []string{"o"}},
		{Organization: []string{"o", "p"}, ExtraNames: []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 3}, Value: "spiffe://ddcos/admin/x"}}},
	} {
		r := shows(t, b, a.Issue(func(c *x509.Certificate) { c.Subject = subject }, "spiffe://ddcos/agent/x")).admitted()
		_ = r.c.Close()
	}
	until(t, "all are gone", func() bool { return b.sessions.Load() == 0 })
}

// TestCertificatesThatDoNotHold (W29): a certificate that has ended, has not begun, is
// another authority's, for servers or an authority's own is refused, and so is none.
func TestCertificatesThatDoNotHold(t *testing.T) {
	a, log := forge.New(t, "authority"), &loud{}
	b := mutual(t, a, log.to)
	const who = "spiffe://ddcos/agent/x"
	for name, c := range map[string]struct {
		files  forge.Files
		reason string
	}{
		"ended":     {a.Issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, who), "the certificate ended at"},
		"not begun": {a.Issue(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, who), "not valid before"},
		"strange":   {forge.New(t, "another").Issue(nil, who), `issued by "CN=another"`},
		"namesake":  {forge.New(t, "authority").Issue(nil, who), `issued by "CN=authority"`},
		"server's":  {a.Broker(), "not for clients"},
		"authority": {a.Issue(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }, who), "an authority's own"},
	} {
		t.Run(name, func(t *testing.T) {
			r := shows(t, b, c.files)
			r.t = t
			r.refusedWith(log, c.reason)
		})
	}
	connect(t, b, "tls").refusedWith(log, "no certificate was shown")
}

// TestSessionEndsWithItsCertificate (W29).
func TestSessionEndsWithItsCertificate(t *testing.T) {
	a, log := forge.New(t, "authority"), &loud{}
	b := mutual(t, a, log.to)
	short := shows(t, b, a.Issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(4 * time.Second) }, "spiffe://ddcos/agent/short")).admitted()
	long := shows(t, b, a.Issue(nil, "spiffe://ddcos/agent/long")).admitted()
	if code := short.ended(); code != protocol.CodeUnauthenticated {
		t.Errorf("ended with %v", code)
	}
	until(t, "the log says so", func() bool {
		return log.says("spiffe://ddcos/agent/short") && log.says("the certificate ended at")
	})
	long.lives()
}

// TestAuthoritiesChange (W29): authorities that are taken off end the sessions that
// they vouched for, and nothing of an earlier session helps to come back. Those of both
// stay for as long as both are believed.
func TestAuthoritiesChange(t *testing.T) {
	if over != "" {
		t.Skip("it is about TLS itself")
	}
	before, after, log := forge.New(t, "before"), forge.New(t, "after"), &loud{}
	file := filepath.Join(t.TempDir(), "clients.crt")
	believe := func(all ...*forge.Authority) {
		var text []byte
		for _, a := range all {
			one, err := os.ReadFile(a.CA())
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, one...)
		}
		if err := os.WriteFile(file+"~", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+"~", file); err != nil {
			t.Fatal(err)
		}
	}
	believe(before)
	own := before.Broker()
	b := start(t, func(o *Options) {
		o.Listen = append(o.Listen, protocol.Address{Network: "tls", Where: "127.0.0.1:0"})
		o.TLS = serverOf(t, creds.ServerFiles{Cert: own.Cert, Key: own.Key, ClientCA: file})
		log.to(o)
	})
	oldFiles, newFiles := before.Issue(nil, "spiffe://ddcos/agent/old"), after.Issue(nil, "spiffe://ddcos/agent/new")
	old := shows(t, b, oldFiles).admitted()
	believe(before, after)
	until(t, "the new one is believed", func() bool { return log.says("the files of TLS have changed") })
	fresh := shows(t, b, newFiles).admitted()
	old.lives()
	believe(after)
	if code := old.ended(); code != protocol.CodeUnauthenticated {
		t.Errorf("ended with %v", code)
	}
	fresh.lives()
	shows(t, b, oldFiles).refusedWith(log, `issued by "CN=before"`)
}

// TestNothingIsResumed (W29): no ticket is given, and so each handshake shows the whole
// certificate again.
func TestNothingIsResumed(t *testing.T) {
	a := forge.New(t, "authority")
	b := mutual(t, a, nil)
	files := a.Issue(nil, "spiffe://ddcos/agent/x")
	cache := &tickets{ClientSessionCache: tls.NewLRUClientSessionCache(10)}
	for range 3 {
		r := shows(t, b, files)
		cert, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			t.Fatal(err)
		}
		conn := tls.Client(r.c.(*tls.Conn).NetConn(), &tls.Config{
			InsecureSkipVerify: true, NextProtos: []string{protocol.ALPN}, Certificates: []tls.Certificate{cert}, ClientSessionCache: cache,
		})
		r.c = conn
		r.admitted().lives()
		if conn.ConnectionState().DidResume || cache.put {
			t.Errorf("resumed %v, a ticket %v", conn.ConnectionState().DidResume, cache.put)
		}
	}
}

// tickets notes whether there was one.
type tickets struct {
	tls.ClientSessionCache
	put bool
}

func (c *tickets) Put(key string, s *tls.ClientSessionState) {
	c.put = c.put || s != nil
	c.ClientSessionCache.Put(key, s)
}

// TestTokensOverTLS: who shows a token is its owner, until it is revoked; a certificate
// need not be shown beside it.
func TestTokensOverTLS(t *testing.T) {
	a, log := forge.New(t, "authority"), &loud{}
	var mu sync.Mutex
	known := map[string]string{"secret": "deploy"}
	b := mutual(t, a, func(o *Options) {
		log.to(o)
		o.Authenticate = func(token string) (string, string, bool) {
			mu.Lock()
			defer mu.Unlock()
			name, ok := known[token]
			return name, "client", ok
		}
	})
	hello := func(token string) []byte {
		return bytesOf(protocol.Header{Kind: protocol.KindHello}, protocol.Hello{
			MinVersion: protocol.Version, MaxVersion: protocol.Version, MaxFrame: protocol.MaxFrame, Token: token,
		}, nil)
	}
	bearer := connect(t, b, "tls")
	bearer.write(hello("secret"))
	bearer.expect(protocol.KindWelcome, nil)
	wrong := connect(t, b, "tls")
	wrong.write(hello("secre"))
	if code := wrong.ended(); code != protocol.CodeUnauthenticated {
		t.Errorf("a wrong token: %v", code)
	}
	until(t, "the log says so", func() bool { return log.says("unknown, has expired or was revoked") })
	connect(t, b, "tls").refusedWith(log, "neither a certificate nor a token")
	bearer.lives()
	mu.Lock()
	delete(known, "secret")
	mu.Unlock()
	if code := bearer.ended(); code != protocol.CodeUnauthenticated {
		t.Errorf("a token that was revoked: %v", code)
	}
	until(t, "the log says so", func() bool { return log.says("token deploy") })
}

// A URI that url.Parse would rewrite is read as it stands in the certificate.
func TestURIsAsTheyAreWritten(t *testing.T) {
	a := forge.New(t, "authority")
	files := a.Issue(func(c *x509.Certificate) {
		c.URIs = []*url.URL{{Scheme: "SPIFFE", Host: "ddcos", Path: "/agent/x"}}
	})
	cert, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	if got := cert.Leaf.URIs[0].String(); got != "spiffe://ddcos/agent/x" {
		t.Fatalf("x509 reads %q: this test shows nothing any more", got)
	}
	if id, err := creds.IdentityOf(cert.Leaf); err == nil {
		t.Errorf("read as %q", id.URI)
	}
}

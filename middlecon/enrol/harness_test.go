package enrol_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ddcos/middlecon/authority"
	"ddcos/middlecon/enrol"
	"ddcos/middlecon/tokens"
	"ddcos/protocol"
)

// place is an authority, its tokens and the endpoint before them, over real TLS.
type place struct {
	*testing.T
	authority *authority.Authority
	tokens    string // the file
	handler   http.Handler
	server    *httptest.Server
	address   string
	pin       string
	log       *journal
	named     int // tokens

	mu    sync.Mutex
	shown tls.Certificate // by the server
}

// journal is a log that a test reads.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func newPlace(t *testing.T, options authority.Options) *place {
	t.Helper()
	dir := t.TempDir()
	options.Dir = filepath.Join(dir, "ca")
	a, _, err := authority.Ensure(options)
	if err != nil {
		t.Fatal(err)
	}
	p := &place{T: t, authority: a, tokens: filepath.Join(dir, "tokens.json"), log: &journal{}}
	p.handler = enrol.NewHandler(enrol.Options{Authority: a, Tokens: p.tokens, Log: slog.New(slog.NewTextHandler(p.log, nil))})
	if p.pin, err = a.Pin(); err != nil {
		t.Fatal(err)
	}
	p.show(authority.Name{Role: protocol.RoleBroker, Host: "hub"}, p.newKey())
	p.server = httptest.NewUnstartedServer(p.handler)
	p.server.TLS = &tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			return &tls.Config{
				MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert, // what is shown is the handler's to judge
				Certificates: []tls.Certificate{p.shown}, NextProtos: []string{"http/1.1"},
			}, nil
		},
	}
	p.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	p.server.StartTLS()
	t.Cleanup(p.server.Close)
	p.address = p.server.Listener.Addr().String()
	return p
}

func (p *place) newKey() *ecdsa.PrivateKey {
	p.Helper()
	key, err := authority.NewKey()
	if err != nil {
		p.Fatal(err)
	}
	return key
}

// show has the server show a certificate of a name, for 127.0.0.1.
func (p *place) show(name authority.Name, key *ecdsa.PrivateKey) {
	p.Helper()
	c, err := p.authority.Issue(authority.Request{Name: name, Key: &key.PublicKey, DNS: []string{"localhost"}, IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
	if err != nil {
		p.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = p.pair(c.Chain, key)
}

// showRoots has the server show an authority's own certificate beside what it shows.
func (p *place) showRoots(of *authority.Authority) {
	p.Helper()
	text, err := of.Roots()
	if err != nil {
		p.Fatal(err)
	}
	roots, err := authority.ParseCertificates(text)
	if err != nil {
		p.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, root := range roots {
		p.shown.Certificate = append(p.shown.Certificate, root.Raw)
	}
}

// client is somebody who has no certificate.
func (p *place) client() *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}}
	p.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (p *place) pair(chain []byte, key *ecdsa.PrivateKey) tls.Certificate {
	p.Helper()
	text, err := authority.EncodeKey(key)
	if err != nil {
		p.Fatal(err)
	}
	pair, err := tls.X509KeyPair(chain, text)
	if err != nil {
		p.Fatal(err)
	}
	return pair
}

// token makes one, with a name of its own.
func (p *place) token(role string, life time.Duration, uses int) (secret string, t tokens.Token) {
	p.Helper()
	made := time.Now()
	if life < time.Second {
		made = made.Add(-time.Minute)
	}
	p.named++
	t, secret, err := tokens.New(fmt.Sprint("t", p.named), role, tokens.Join, made, made.Add(max(life, time.Second)))
	if err != nil {
		p.Fatal(err)
	}
	t.Uses = uses
	if err := tokens.Update(p.tokens, func(l tokens.List) (tokens.List, error) { return l.Add(t, made) }); err != nil {
		p.Fatal(err)
	}
	return secret, t
}

func agentNamed(host string) authority.Name {
	return authority.Name{Role: protocol.RoleAgent, Host: host}
}

// joining is a join that succeeds as long as its token does.
func (p *place) joining(host, text string) enrol.Joining {
	return enrol.Joining{Address: p.address, Pin: p.pin, Token: text, Name: agentNamed(host), Key: p.newKey()}
}

func (p *place) join(j enrol.Joining) *enrol.Answer {
	p.Helper()
	answer, err := enrol.Join(p.Context(), j)
	if err != nil {
		p.Fatal(err)
	}
	return answer
}

// config is a member's, by what it was given.
func (p *place) config(answer *enrol.Answer, key *ecdsa.PrivateKey) *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(answer.Roots))
	host, _, _ := net.SplitHostPort(p.address)
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: host, Certificates: []tls.Certificate{p.pair([]byte(answer.Certificate), key)}}
}

func (p *place) renew(answer *enrol.Answer, j enrol.Joining) (*enrol.Answer, error) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 20*time.Second)
	defer cancel()
	return enrol.Renew(ctx, p.address, p.config(answer, j.Key), j.Name, &j.Key.PublicKey)
}

package creds_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ddcos/middlecon/creds"
	"ddcos/middlecon/creds/forge"
	"ddcos/protocol"
)

func TestCheckIdentity(t *testing.T) {
	for uri, want := range map[string]struct{ role, host string }{
		"spiffe://ddcos/agent/web-1.example": {"agent", "web-1.example"},
		"spiffe://ddcos/broker/B":            {"broker", "B"},
		"spiffe://ddcos/agent":               {"", "ddcos/agent"},
		"spiffe://ddcos/agent/a/b":           {"", "ddcos/agent/a/b"},
		"spiffe://corp.example/ns/p/sa/web":  {"", "corp.example/ns/p/sa/web"},
		"spiffe://ddcos.example/agent/x":     {"", "ddcos.example/agent/x"},
	} {
		if err := protocol.CheckIdentity(uri); err != nil {
			t.Error(err)
		}
		if id := (creds.Identity{URI: uri}); id.Role() != want.role || id.Host() != want.host {
			t.Errorf("%s: role %q, host %q", uri, id.Role(), id.Host())
		}
	}
	for _, uri := range []string{
		"", "spiffe://", "spiffe:///x", "spiffe://ddcos", "spiffe://ddcos/", "SPIFFE://ddcos/a", "spiffe:/ddcos/a", "https://ddcos/a",
		"spiffe://Ddcos/a", "spiffe://ddcos./a", "spiffe://.ddcos/a", "spiffe://ddcos:1/a", "spiffe://u@ddcos/a", "spiffe://ddcos/a/",
		"spiffe://ddcos//a", "spiffe://ddcos/./a", "spiffe://ddcos/../a", "spiffe://ddcos/...", "spiffe://ddcos/a?b", "spiffe://ddcos/a#b",
		"spiffe://ddcos/%61", "spiffe://ddcos/a b", "spiffe://ddcos/a\x00", "spiffe://ddcos/\u0430", "spiffe://dd\u0441os/a", " spiffe://ddcos/a",
		"spiffe://ddcos/" + strings.Repeat("a", 240),
	} {
		if err := protocol.CheckIdentity(uri); err == nil {
			t.Errorf("%q is taken", uri)
		}
	}
}

// shake makes one handshake, and gives what either side makes of it: who the server
// takes the client for, and why the client does not trust the server.
func shake(t *testing.T, s *creds.Server, c creds.Client, host string) (creds.Identity, error, error) {
	t.Helper()
	config, err := c.Config()
	if err != nil {
		t.Fatal(err)
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	verify := config.VerifyConnection
	config.VerifyConnection = func(cs tls.ConnectionState) error { // as package middlecon does
		cs.ServerName = config.ServerName
		return verify(cs)
	}
	there, here := net.Pipe()
	defer func() { _, _ = there.Close(), here.Close() }()
	_ = there.SetDeadline(time.Now().Add(10 * time.Second))
	_ = here.SetDeadline(time.Now().Add(10 * time.Second))
	served := make(chan error, 1)
	server := tls.Server(there, s.Config(protocol.ALPN))
	go func() { served <- server.HandshakeContext(t.Context()) }()
	distrust := tls.Client(here, config).HandshakeContext(t.Context())
	if distrust != nil {
		_ = here.Close()
		<-served
		return creds.Identity{}, nil, distrust
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	id, err := s.Verify(server.ConnectionState().PeerCertificates, time.Now())
	return id, err, nil
}

func serverOf(t *testing.T, a *forge.Authority, own forge.Files) *creds.Server {
	t.Helper()
	s, err := creds.NewServer(creds.ServerFiles{Cert: own.Cert, Key: own.Key, ClientCA: a.CA()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func clientOf(a *forge.Authority, own forge.Files) creds.Client {
	return creds.Client{CA: a.CA(), Cert: own.Cert, Key: own.Key}
}

// TestMembersAreNoBrokers: nobody whom the own authority made a member can be a broker
// to others, however its certificate may be used.
func TestMembersAreNoBrokers(t *testing.T) {
	a := forge.New(t, "authority")
	member := clientOf(a, a.Issue(nil, "spiffe://ddcos/agent/m"))
	for name, usage := range map[string][]x509.ExtKeyUsage{
		"as it is issued":     {x509.ExtKeyUsageClientAuth},
		"for both":            {x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		"for anything":        nil,
		"for anything at all": {x509.ExtKeyUsageAny},
	} {
		for _, who := range [][]string{
			{"spiffe://ddcos/agent/m"},
			{"spiffe://ddcos/admin/m"},
			{"spiffe://ddcos/client/broker"},
			{"spiffe://ddcos/agent/broker/x"},
			{"spiffe://ddcos/broker/x", "spiffe://ddcos/agent/m"},
			{"spiffe://DDCOS/broker/x"},
		} {
			s := serverOf(t, a, a.Issue(func(c *x509.Certificate) { c.ExtKeyUsage = usage }, who...))
			if _, _, distrust := shake(t, s, member, "localhost"); distrust == nil {
				t.Errorf("%s, %s is taken for a broker", who, name)
			}
		}
	}
	id, refused, distrust := shake(t, serverOf(t, a, a.Broker()), member, "localhost")
	if distrust != nil || refused != nil || id.URI != "spiffe://ddcos/agent/m" {
		t.Errorf("%+v, %v, %v", id, refused, distrust)
	}
}

// Who a broker is taken for: the name it was reached by, or that which was given. What is
// wrong is said so that something can be done about it.
func TestWhichBroker(t *testing.T) {
	a := forge.New(t, "authority")
	own := a.Issue(nil, "spiffe://ddcos/agent/m")
	ours := serverOf(t, a, a.Broker())
	elsewhere := serverOf(t, a, a.Issue(func(c *x509.Certificate) { c.ExtKeyUsage, c.DNSNames = nil, []string{"b.example"} }))
	ended := serverOf(t, a, a.Issue(func(c *x509.Certificate) { c.ExtKeyUsage, c.NotAfter = nil, time.Now().Add(-time.Hour) }))
	with := func(change func(*creds.Client)) creds.Client {
		c := clientOf(a, own)
		change(&c)
		return c
	}
	as := func(name string) creds.Client { return with(func(c *creds.Client) { c.Name = name }) }
	for name, c := range map[string]struct {
		server *creds.Server
		client creds.Client
		host   string
		wrong  string // "": nothing
	}{
		"by name":               {ours, as(""), "localhost", ""},
		"by address":            {ours, as(""), "127.0.0.1", ""},
		"by an identity":        {ours, as("spiffe://ddcos/broker/b1"), "10.0.0.1", ""},
		"by another identity":   {ours, as("spiffe://ddcos/broker/b2"), "localhost", "not for spiffe://ddcos/broker/b2: --tls-name"},
		"by a wrong name":       {ours, as(""), "b.example", "is for localhost, 127.0.0.1, ::1 and not for b.example"},
		"by a name that we say": {ours, as("localhost"), "10.0.0.1", ""},
		"without any identity":  {elsewhere, as(""), "b.example", ""},
		"none, and one wanted":  {elsewhere, as("spiffe://ddcos/broker/b1"), "b.example", "not for spiffe://"},
		"ended":                 {ended, as(""), "localhost", "ended at"},
		"another authority's": {
			ours, with(func(c *creds.Client) { c.CA = forge.New(t, "other").CA() }), "localhost",
			`issued by "CN=authority", which is none of the authorities that are believed here; --tls-ca`,
		},
	} {
		_, _, distrust := shake(t, c.server, c.client, c.host)
		if (distrust == nil) != (c.wrong == "") || distrust != nil && !strings.Contains(distrust.Error(), c.wrong) {
			t.Errorf("%s: %v, want %q", name, distrust, c.wrong)
		}
	}
}

// What was renewed is used by the next handshake, on either side, and what cannot be read
// leaves what was read before.
func TestRenewed(t *testing.T) {
	a := forge.New(t, "authority")
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	place := func(name string, from forge.Files) forge.Files {
		to := forge.Files{Cert: filepath.Join(dir, name+".crt"), Key: filepath.Join(dir, name+".key")}
		for source, target := range map[string]string{from.Cert: to.Cert, from.Key: to.Key} {
			text, err := os.ReadFile(source)
			if err == nil {
				err = os.WriteFile(target, text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return to
	}
	own := place("broker", a.Broker())
	s, c := serverOf(t, a, own), clientOf(a, place("member", a.Issue(nil, "spiffe://ddcos/agent/before")))
	config, err := c.Config()
	if err != nil {
		t.Fatal(err)
	}
	first := s.Leaf()
	place("member", a.Issue(nil, "spiffe://ddcos/agent/after"))
	if cert, err := config.GetClientCertificate(nil); err != nil || cert.Leaf.URIs[0].String() != "spiffe://ddcos/agent/after" {
		t.Errorf("a config of before shows %v, %v", cert, err)
	}
	if changed, err := s.Reload(); changed || err != nil {
		t.Errorf("changed %v, %v", changed, err)
	}
	place("broker", a.Broker())
	if changed, err := s.Reload(); !changed || err != nil || s.Leaf().Equal(first) {
		t.Errorf("changed %v, %v", changed, err)
	}
	second := s.Leaf()
	if err := os.WriteFile(own.Cert, []byte("half a certif"), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := s.Reload(); changed || err == nil || !s.Leaf().Equal(second) {
		t.Errorf("changed %v, %v", changed, err)
	}
	if _, _, distrust := shake(t, s, c, "localhost"); distrust != nil {
		t.Error(distrust)
	}
}

// TestSecretFiles: a key or a token that others may read or replace is refused, with what
// to do about it.
func TestSecretFiles(t *testing.T) {
	a := forge.New(t, "authority")
	own, other := a.Issue(nil, "spiffe://ddcos/agent/m"), a.Issue(nil, "spiffe://ddcos/agent/n")
	says := func(what string, err error, want string) {
		t.Helper()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	read := func(c creds.Client) error {
		_, err := c.Config()
		return err
	}
	says("as it should be", read(clientOf(a, own)), "")
	says("one without the other", read(creds.Client{CA: a.CA(), Cert: own.Cert}), "belong together")
	says("one of another", read(creds.Client{CA: a.CA(), Cert: own.Cert, Key: other.Key}), "private key does not match")
	says("no such file", read(creds.Client{CA: a.CA() + "x"}), "--tls-ca")
	says("no certificate", read(creds.Client{CA: own.Key}), "no certificate in it")
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o666} {
		if err := os.Chmod(own.Key, mode); err != nil {
			t.Fatal(err)
		}
		says("a key that others may read", read(clientOf(a, own)), "chmod 600 "+own.Key)
	}
	if err := os.Chmod(own.Key, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(own.Key)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	says("a key that others may replace", read(clientOf(a, own)), "chmod 700 "+dir)
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte(" secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := (creds.Client{TokenFile: token}).Token(); got != "secret" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := os.Chmod(token, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := creds.Client{TokenFile: token}.Token()
	says("a token that others may read", err, "chmod 600")
	if err := os.WriteFile(token, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(token, 0o600)
	_, err = creds.Client{TokenFile: token}.Token()
	says("an empty token", err, "no token in it")
}

// Nothing is read where TLS is not spoken; the environment stands for the flags.
func TestFor(t *testing.T) {
	c := creds.FromEnv(func(name string) string { return map[string]string{"DDCOS_TLS_CA": "/nowhere"}[name] })
	if c.CA != "/nowhere" || c.Name != "" {
		t.Errorf("%+v", c)
	}
	if config, token, err := c.For("unix:///x,tcp://127.0.0.1:1"); config != nil || token != nil || err != nil {
		t.Errorf("%v, %v", config, err)
	}
	if _, _, err := c.For("unix:///x,tls://127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("%v", err)
	}
}

package authority_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/middlecon/authority"
	"ddcos/middlecon/files"
	"ddcos/protocol"
)

// world is an authority with a clock of its own.
type world struct {
	*testing.T
	*authority.Authority
	dir string
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, dir: filepath.Join(t.TempDir(), "ca"), now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	a, made, err := authority.Ensure(w.options())
	if err != nil || !made {
		t.Fatal(made, err)
	}
	w.Authority = a
	return w
}

func (w *world) options() authority.Options {
	return authority.Options{Dir: w.dir, Now: func() time.Time { return w.now }}
}

func (w *world) key() *ecdsa.PrivateKey {
	w.Helper()
	key, err := authority.NewKey()
	if err != nil {
		w.Fatal(err)
	}
	return key
}

func (w *world) issue(r authority.Request) *authority.Certificate {
	w.Helper()
	c, err := w.Issue(r)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

func (w *world) roots() []byte {
	w.Helper()
	roots, err := w.Roots()
	if err != nil {
		w.Fatal(err)
	}
	return roots
}

// verify is what a peer that trusts these roots says of a chain.
func (w *world) verify(roots, chain []byte, usage x509.ExtKeyUsage) error {
	w.Helper()
	certs, err := authority.ParseCertificates(chain)
	if err != nil {
		w.Fatal(err)
	}
	trusted, between := x509.NewCertPool(), x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(roots) {
		w.Fatal("no roots")
	}
	for _, c := range certs[1:] {
		between.AddCert(c)
	}
	_, err = certs[0].Verify(x509.VerifyOptions{Roots: trusted, Intermediates: between, CurrentTime: w.now, KeyUsages: []x509.ExtKeyUsage{usage}})
	return err
}

var (
	agent  = authority.Name{Role: protocol.RoleAgent, Host: "web-1"}
	broker = authority.Name{Role: protocol.RoleBroker, Host: "hub"}
)

func TestIssue(t *testing.T) {
	w := newWorld(t)
	key := w.key()
	c := w.issue(authority.Request{Name: agent, Key: &key.PublicKey})
	leaf := c.Leaf
	if got := leaf.URIs; len(got) != 1 || got[0].String() != "spiffe://ddcos/agent/web-1" {
		t.Errorf("URIs %v", got)
	}
	if n, err := authority.NameOf(leaf); err != nil || n != agent {
		t.Errorf("%v, %v", n, err)
	}
	if len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.EmailAddresses) != 0 || leaf.Subject.String() != "" || leaf.IsCA {
		t.Errorf("it says more than its URI: %+v", leaf)
	}
	if got := leaf.NotAfter.Sub(w.now); got != authority.DefaultLife || !leaf.NotBefore.Equal(w.now.Add(-authority.Backdate)) {
		t.Errorf("valid from %v to %v", leaf.NotBefore, leaf.NotAfter)
	}
	if err := w.verify(w.roots(), c.Chain, x509.ExtKeyUsageClientAuth); err != nil {
		t.Error(err)
	}
	if err := w.verify(w.roots(), c.Chain, x509.ExtKeyUsageServerAuth); err == nil {
		t.Error("an agent's certificate can be a server's")
	}

	c = w.issue(authority.Request{Name: broker, Key: &w.key().PublicKey, DNS: []string{"hub.example"}, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}})
	if err := w.verify(w.roots(), c.Chain, x509.ExtKeyUsageServerAuth); err != nil {
		t.Error(err)
	}
	if c.Leaf.VerifyHostname("hub.example") != nil || c.Leaf.VerifyHostname("10.0.0.1") != nil || c.Leaf.VerifyHostname("hub") == nil {
		t.Errorf("names %v %v", c.Leaf.DNSNames, c.Leaf.IPAddresses)
	}
	if again := w.issue(authority.Request{Name: agent, Key: &key.PublicKey}); again.Leaf.SerialNumber.Cmp(leaf.SerialNumber) == 0 {
		t.Error("two certificates have one number")
	}
}

// TestRequestSaysNothing: of a request only its key is read, and only if the
// sender has it.
func TestRequestSaysNothing(t *testing.T) {
	w := newWorld(t)
	key := w.key()
	admin, _ := url.Parse("spiffe://ddcos/admin/root")
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "hub"}, DNSNames: []string{"hub"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}, URIs: []*url.URL{admin},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	public, err := authority.ParseRequest(encode("CERTIFICATE REQUEST", der))
	if err != nil || !public.Equal(&key.PublicKey) {
		t.Fatal(public, err)
	}
	leaf := w.issue(authority.Request{Name: agent, Key: public}).Leaf
	if len(leaf.URIs) != 1 || leaf.URIs[0].String() != agent.URI().String() || len(leaf.DNSNames)+len(leaf.IPAddresses) > 0 || leaf.Subject.CommonName != "" {
		t.Errorf("the request's names are in the certificate: %+v", leaf)
	}

	forged := slices.Clone(der)
	forged[len(forged)-1] ^= 1
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, weak)
	if err != nil {
		t.Fatal(err)
	}
	own, err := authority.NewRequest(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"forged": encode("CERTIFICATE REQUEST", forged), "RSA": encode("CERTIFICATE REQUEST", other), "another kind": encode("CERTIFICATE", der),
		"two": append(slices.Clone(own), own...), "none": nil, "cut": encode("CERTIFICATE REQUEST", der[:40]),
	} {
		if _, err := authority.ParseRequest(bad); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestEnsureReuses(t *testing.T) {
	w := newWorld(t)
	before := w.roots()
	pin, err := w.Pin()
	if err != nil || authority.CheckPin(pin) != nil {
		t.Fatal(pin, err)
	}
	a, made, err := authority.Ensure(w.options())
	if err != nil || made {
		t.Fatal(made, err)
	}
	if again, err := a.Pin(); err != nil || again != pin {
		t.Errorf("%s became %s, %v", pin, again, err)
	}
	for name, mode := range map[string]os.FileMode{"": os.ModeDir | files.SecretDir, "ca.key": files.Secret, "ca.crt": files.Public} {
		if info, err := os.Stat(filepath.Join(w.dir, name)); err != nil || info.Mode() != mode {
			t.Errorf("%q: %v, %v", name, info.Mode(), err)
		}
	}
	// A crash between the two files, or a hand that changed the second.
	for _, broken := range [][]byte{nil, []byte("x"), before[:50]} {
		if err := os.WriteFile(filepath.Join(w.dir, "ca.crt"), broken, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := authority.Open(w.options()); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(w.dir, "ca.crt")); err != nil || string(got) != string(before) {
			t.Errorf("the roots were not restored: %q, %v", got, err)
		}
	}
	if err := os.Chmod(filepath.Join(w.dir, "ca.key"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := authority.Open(w.options()); !errors.Is(err, files.ErrExposed) {
		t.Errorf("a key that a group may read: %v", err)
	}
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if _, err := authority.Open(authority.Options{Dir: dir}); !errors.Is(err, authority.ErrNone) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestBrokenState(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	path := filepath.Join(w.dir, "ca.key")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(filepath.Join(other.dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	key := good[:strings.Index(string(good), "-----BEGIN CERT")]
	for name, bad := range map[string][]byte{
		"empty": nil, "no certificate": key, "another's": append(slices.Clone(key), foreign...), "two": append(slices.Clone(good), foreign...),
		"no key": foreign, "large": make([]byte, 1<<17),
	} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := authority.Open(w.options())
		if err == nil || errors.Is(err, authority.ErrNone) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNames(t *testing.T) {
	for _, good := range []string{"agent/a", "broker/web-1.example.org", "client/A_b", "admin/9"} {
		if n, err := authority.ParseName(good); err != nil || n.String() != good || n.URI().String() != "spiffe://ddcos/"+good {
			t.Errorf("%s: %v, %v", good, n, err)
		}
	}
	for _, bad := range []string{
		"", "agent", "agent/", "root/a", "Agent/a", "agent/a/b", "agent/.", "agent/..", "agent/a..b", "agent/-a", "agent/a.", "agent/a b",
		"agent/a\n", "agent/é", "agent/%2e", "agent/a?b", "agent/a#b", "agent/" + strings.Repeat("a", 129),
	} {
		if _, err := authority.ParseName(bad); !errors.Is(err, authority.ErrName) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	uri := func(texts ...string) *x509.Certificate {
		c := &x509.Certificate{DNSNames: []string{"spiffe://ddcos/admin/a"}, Subject: pkix.Name{CommonName: "spiffe://ddcos/admin/a"}}
		for _, text := range texts {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = append(c.URIs, u)
		}
		return c
	}
	for _, bad := range []*x509.Certificate{
		uri(), uri("spiffe://ddcos/agent/a", "spiffe://ddcos/admin/a"), uri("spiffe://other/agent/a"), uri("https://ddcos/agent/a"),
		uri("spiffe://ddcos/agent/a?x"), uri("spiffe://u@ddcos/agent/a"), uri("spiffe://ddcos:1/agent/a"), uri("spiffe://ddcos/agent%2fa"),
	} {
		if n, err := authority.NameOf(bad); err == nil {
			t.Errorf("%v was taken for %v", bad.URIs, n)
		}
	}
	for _, bad := range []string{"", "sha256:", "sha256:" + strings.Repeat("g", 64), strings.Repeat("a", 64), "sha256:" + strings.Repeat("a", 62)} {
		if authority.CheckPin(bad) == nil {
			t.Errorf("%q is a pin", bad)
		}
	}
}

func TestRenewAt(t *testing.T) {
	w := newWorld(t)
	leaf := w.issue(authority.Request{Name: agent, Key: &w.key().PublicKey}).Leaf
	for share, want := range map[float64]time.Duration{0: 16 * time.Hour, 0.5: 17*time.Hour + 12*time.Minute, 1: 18*time.Hour + 24*time.Minute} {
		if got := authority.RenewAt(leaf, share).Sub(w.now); math.Abs(float64(got-want)) > float64(time.Second) {
			t.Errorf("share %v: after %v, want %v", share, got, want)
		}
	}
}

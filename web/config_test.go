package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hash is bcrypt's of the password "s3cret", at its least cost.
const hash = "$2a$04$OU31B2knG0f.GtCzlhpzo.7.dyOGE2ZX6MboABh9aJSa.1yMq/03i"

// Parts of a web configuration.
const (
	certificate = "tls_server_config: {cert_file: crt.pem, key_file: key.pem"
	users       = "}\nbasic_auth_users: {prometheus: '" + hash + "'}\n"
)

// configured writes a web configuration with its certificate and key, whose
// serial number is given.
func configured(t *testing.T, dir, text string, serial int64) File {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "k2i"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"crt.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"key.pem": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}),
		"web.yml": []byte(text),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return File(filepath.Join(dir, "web.yml"))
}

// TestCheck: a file guards where it has TLS and says who may come in; one that is
// wrong, or whose secrets others may read, is refused.
func TestCheck(t *testing.T) {
	tests := map[string]struct {
		text    string
		guarded bool
		wrong   string // part of the error
	}{
		"TLS and users":            {certificate + users, true, ""},
		"TLS and certificates":     {certificate + ", client_ca_file: crt.pem, client_auth_type: RequireAndVerifyClientCert}\n", true, ""},
		"TLS alone":                {certificate + "}\n", false, ""},
		"TLS and any certificate":  {certificate + ", client_ca_file: crt.pem, client_auth_type: RequireAnyClientCert}\n", false, ""},
		"TLS, certificates may be": {certificate + ", client_ca_file: crt.pem, client_auth_type: VerifyClientCertIfGiven}\n", false, ""},
		"an unknown field":         {"x: {" + users, false, "field x not found"},
		"users in the clear":       {"basic_auth_users: {a: '" + hash + "'}\n", false, ""},
		"no users":                 {certificate + "}\nbasic_auth_users: {}\n", false, ""},
		"nothing":                  {"", false, ""},
		"a password as it is":      {certificate + "}\nbasic_auth_users: {a: s3cret}\n", false, "hash"},
		"no such certificate":      {"tls_server_config: {cert_file: none.pem, key_file: key.pem}\n", false, "none.pem"},
		"no YAML":                  {"{", false, "web.yml"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			guarded, err := configured(t, t.TempDir(), test.text, 1).Check()
			if guarded != test.guarded || (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("guarded %v, %v", guarded, err)
			}
		})
	}
	if guarded, err := File("").Check(); guarded || err != nil {
		t.Errorf("no file: %v, %v", guarded, err)
	}
	for name, mode := range map[string]os.FileMode{"web.yml": 0o604, "key.pem": 0o640 | 0o002} {
		dir := t.TempDir()
		f := configured(t, dir, certificate+users, 1)
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Check(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("%s with mode %#o: %v", name, mode, err)
		}
		if err := os.Chmod(filepath.Join(dir, name), 0o640); err != nil {
			t.Fatal(err)
		}
		if guarded, err := f.Check(); err != nil || !guarded {
			t.Errorf("%s for a group: %v, %v", name, guarded, err)
		}
	}
	if os.Geteuid() == 0 {
		f := configured(t, t.TempDir(), certificate+users, 1)
		if err := os.Chown(string(f), 12345, 12345); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Check(); err == nil || !strings.Contains(err.Error(), "belongs to uid 12345") {
			t.Errorf("a stranger's file: %v", err)
		}
	}
}

// serving serves "here" at an address by a file, until the test ends.
func serving(t *testing.T, network, address string, f File) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }), slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- Serve(l, server, f, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}

// client is one that trusts whoever shows a certificate, wants HTTP/2 if it can
// have it, and keeps no connection.
func client(certificates ...tls.Certificate) *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		Protocols: &protocols, DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: certificates},
	}}
}

// ask gives the status, the body and the certificate's serial number.
func ask(t *testing.T, c *http.Client, url, user, password string) (status int, body string, serial int64) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	response, err := c.Do(r)
	if err != nil {
		return 0, err.Error(), 0
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.TLS != nil {
		serial = response.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	return response.StatusCode, string(text), serial
}

// TestUsers: nobody comes in without a password, by whatever way, and a changed
// file counts for the next request, a changed certificate for the next connection.
func TestUsers(t *testing.T) {
	dir := t.TempDir()
	f := configured(t, dir, certificate+users, 1)
	address := serving(t, "tcp", "127.0.0.1:0", f).Addr().String()
	c := client()
	for _, test := range []struct {
		user, password string
		want           int
	}{{"prometheus", "s3cret", 200}, {"", "", 401}, {"prometheus", "", 401}, {"prometheus", "S3cret", 401}, {"nobody", "s3cret", 401}, {"nobody", "fakepassword", 401}, {"prometheus", hash, 401}} {
		status, body, _ := ask(t, c, "https://"+address, test.user, test.password)
		if status != test.want || test.want == 200 && body != "HTTP/1.1" {
			t.Errorf("%s, %s: %d %s", test.user, test.password, status, body)
		}
	}
	if status, body, _ := ask(t, c, "http://"+address, "prometheus", "s3cret"); status != 400 || !strings.Contains(body, "HTTPS") {
		t.Errorf("in the clear: %d %s", status, body)
	}
	configured(t, dir, certificate+strings.Replace(users, "prometheus", "another", 1), 2)
	if status, _, serial := ask(t, c, "https://"+address, "prometheus", "s3cret"); status != 401 || serial != 2 {
		t.Errorf("who was put out: %d, certificate %d", status, serial)
	}
	if status, _, _ := ask(t, c, "https://"+address, "another", "s3cret"); status != 200 {
		t.Errorf("who was let in: %d", status)
	}
}

// TestCertificates: without the authority's certificate there is no connection.
func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	f := configured(t, dir, certificate+", client_ca_file: crt.pem, client_auth_type: RequireAndVerifyClientCert}\n", 1)
	url := "https://" + serving(t, "tcp", "127.0.0.1:0", f).Addr().String()
	load := func(dir string) tls.Certificate {
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "crt.pem"), filepath.Join(dir, "key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	if status, body, _ := ask(t, client(load(dir)), url, "", ""); status != 200 {
		t.Errorf("ours: %d %s", status, body)
	}
	other := t.TempDir()
	configured(t, other, "", 1)
	for name, c := range map[string]*http.Client{"none": client(), "a stranger's": client(load(other))} {
		if status, body, _ := ask(t, c, url, "", ""); status != 0 || !strings.Contains(body, "tls: ") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// A Unix socket is not of TLS: its mode says who may.
func TestUnixSocket(t *testing.T) {
	dir := t.TempDir()
	f := configured(t, dir, certificate+users, 1)
	serving(t, "unix", filepath.Join(dir, "s"), f)
	var dialer net.Dialer
	c := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", filepath.Join(dir, "s"))
	}}}
	if status, body, _ := ask(t, c, "http://localhost/", "", ""); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

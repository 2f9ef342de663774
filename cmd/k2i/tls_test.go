package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// webConfig has TLS, and the user prometheus with the password s3cret.
const webConfig = `tls_server_config: {cert_file: crt.pem, key_file: key.pem}
basic_auth_users: {prometheus: '$2a$04$OU31B2knG0f.GtCzlhpzo.7.dyOGE2ZX6MboABh9aJSa.1yMq/03i'}
`

// guarded writes webConfig and its certificate, and gives a client that trusts it.
func guarded(t *testing.T) (dir string, client *http.Client) {
	t.Helper()
	dir = t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, content := range map[string][]byte{
		"crt.pem": certificate, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), "web.yml": []byte(webConfig),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	return dir, &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

// TestScrapedOverTLS: a file as every exporter has it guards the agent on all
// addresses of TCP, beyond loopback too, and a real Prometheus gets in by it.
func TestScrapedOverTLS(t *testing.T) {
	dir, client := guarded(t)
	log, _ := start(t, "serve", "--listen", "127.0.0.1:0", "--listen", "0.0.0.0:0", "--interval", "200ms", "--mode", "procfs", "--events", "none", "--web.config.file", dir+"/web.yml")
	at := log.wait(t, `address=(https://127\.0\.0\.1:\d+)`)[1]
	log.wait(t, `address=(https://\[::\]:\d+)`)
	status := func(user string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/metrics", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			r.SetBasicAuth(user, "s3cret")
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode
	}
	if got := []int{status(""), status("root"), status("prometheus")}; got[0] != 401 || got[1] != 401 || got[2] != 200 {
		t.Errorf("nobody, a stranger and a user: %v", got)
	}
	if strings.Contains(log.String(), "s3cret") {
		t.Error("the log has the password")
	}
	scrape(t, dir, strings.TrimPrefix(at, "https://"))
}

// scrape has a real Prometheus scrape an agent with TLS and a password.
func scrape(t *testing.T, dir, agent string) {
	t.Helper()
	prometheus, err := exec.LookPath("prometheus")
	if err != nil {
		t.Log("prometheus is missing: install the package prometheus")
		return
	}
	// An address of loopback that nobody else uses: a port that was free there stays so.
	free, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.7:0", 1+os.Getpid()>>8&127, os.Getpid()&255))
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	config := fmt.Sprintf(`global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- job_name: k2i
  scheme: https
  tls_config: {ca_file: crt.pem}
  basic_auth: {username: prometheus, password: s3cret}
  static_configs: [{targets: [%q]}]
`, agent)
	if err := os.WriteFile(dir+"/prometheus.yml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), prometheus, "--config.file="+dir+"/prometheus.yml", "--storage.tsdb.path="+dir+"/data", "--web.listen-address="+address)
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	ask := "http://" + address + "/api/v1/query?query=" + url.QueryEscape(`count(process_group_processes) and on() up == 1`)
	deadline := time.After(2 * patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if response, err := http.Get(ask); err == nil {
			var answer struct{ Data struct{ Result []any } }
			err := json.NewDecoder(response.Body).Decode(&answer)
			_ = response.Body.Close()
			if err == nil && len(answer.Data.Result) > 0 {
				return
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("Prometheus does not get in:\n%s", out.String())
		}
	}
}

// TestEveryRouteIsGuarded goes over every path that the agent documents, and ways
// to write it otherwise, by every method, as nobody, as somebody with a wrong
// password, and as a user: only a user's reading is answered.
func TestEveryRouteIsGuarded(t *testing.T) {
	dir, client := guarded(t)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	log, _ := start(t, "serve", "--listen", "127.0.0.1:0", "--interval", "200ms", "--mode", "procfs", "--events", "none", "--web.config.file", dir+"/web.yml")
	at := log.wait(t, `address=(https://127\.0\.0\.1:\d+)`)[1]
	ask := func(method, path, user, password string) (int, []byte) {
		r, err := http.NewRequestWithContext(t.Context(), method, at+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, body
	}
	var document struct{ Paths map[string]any }
	if _, body := ask("GET", "/v1/openapi.json", "prometheus", "s3cret"); json.Unmarshal(body, &document) != nil || len(document.Paths) < 10 {
		t.Fatalf("the document has %d paths", len(document.Paths))
	}
	paths := []string{"/", "/debug/pprof/", "/debug/pprof/heap", "/nothing", "//v1/proc", "/v1/../v1/proc", "/%76%31/proc", "/v1/proc/", "/v1/proc;x=1", "/V1/PROC", "/metrics/"}
	for path := range document.Paths {
		paths = append(paths, strings.NewReplacer("{pid}", "self", "{name}", "init").Replace(path))
	}
	for _, path := range paths {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "X-OTHER"} {
			for _, who := range [][2]string{{"", ""}, {"prometheus", "wrong"}, {"root", "s3cret"}} {
				if status, body := ask(method, path, who[0], who[1]); status != http.StatusUnauthorized || len(body) > 20 {
					t.Errorf("%s %s as %q: %d %.100s", method, path, who[0], status, body)
				}
			}
		}
		status, _ := ask("GET", path, "prometheus", "s3cret")
		if documented := document.Paths[path] != nil; documented && status == http.StatusNotFound || status == http.StatusUnauthorized || strings.HasPrefix(path, "/debug") && status != http.StatusNotFound {
			t.Errorf("GET %s as a user: %d", path, status)
		}
		if status, _ := ask("DELETE", path, "prometheus", "s3cret"); status != http.StatusMethodNotAllowed {
			t.Errorf("DELETE %s as a user: %d", path, status)
		}
	}
}

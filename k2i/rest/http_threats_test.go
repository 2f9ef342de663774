package rest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ddcos/web"
)

// threat is a way to hurt an agent by HTTP, and the tests that hold it to bear
// that: of this package, or of another one (web.TestUsers).
type threat struct {
	number, what string
	tests        []string
}

// threats are those that are known; the numbers are given once and never again.
func threats() []threat {
	return []threat{
		{"K8", "a request that makes the agent fetch something", []string{"TestNothingIsFetched"}},
		{"K9", "a page in a browser of this host", []string{"TestHostHeader", "TestNoCORS", "TestMethods", "web.TestRebound", "web.TestMetrics"}},
		{"K10", "an agent that other hosts reach without a guard", []string{"cmd/k2i.TestFailures", "cmd/k2i.TestScrapedOverTLS", "web.TestCheck", "middlecon/listen.TestUnixSocket", "cmd/middlecon.TestBeside"}},
		{"K11", "requests that are slow, huge, many or no HTTP", []string{"TestRawRequests", "TestSlowRequestsEnd", "TestTooManyAtOnce", "TestTooManyConnections", "TestMethods", "web.TestServerHasLimits", "web.TestNoUpgrade"}},
		{"K12", "very many names in metrics", []string{"k2i/prom.TestCardinalityBomb", "k2i/prom.TestHostileNames"}},
		{"K13", "profiles where metrics are", []string{"web.TestMetrics", "web.TestProfiles", "cmd/middlecon.TestBeside", "cmd/k2i.TestEveryRouteIsGuarded"}},
		{"K14", "a program that was taken over", []string{"deploy/confined.TestConfinedCanDoNothingElse"}},
		{"K28", "secrets in files that others may read", []string{"web.TestCheck", "middlecon/tokens.TestK28Store"}},
		{"K29", "a way round the guard", []string{"cmd/k2i.TestEveryRouteIsGuarded", "web.TestUsers", "web.TestCertificates"}},
		{"W30", "numbers of rows that are negative or huge", []string{"TestNumbersOutside"}},
		{"W31", "secrets in what is told of the agent itself", []string{"cmd/k2i.TestNoFaceShowsASecret", "cmd/k2i.TestScrapedOverTLS", "web.TestProfiles"}},
	}
}

// Every threat has tests that there are.
func TestThreatsHaveTests(t *testing.T) {
	for _, one := range threats() {
		for _, test := range one.tests {
			dir, name := ".", test
			if pkg, rest, ok := strings.Cut(test, "."); ok {
				dir, name = filepath.Join("../..", pkg), rest
			}
			files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				n += strings.Count(string(text), fmt.Sprintf("\nfunc %s(", name))
			}
			if n != 1 {
				t.Errorf("%s, %s: %s is declared %d times", one.number, one.what, test, n)
			}
		}
	}
}

// TestNothingIsFetched names a listener by every parameter, in every path and by
// every header that somebody might follow: nobody connects to it.
func TestNothingIsFetched(t *testing.T) {
	canary, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = canary.Close() }()
	there := "http://" + canary.Addr().String() + "/x"
	url, h, _ := serve(t, nil)
	asked := 0
	for _, r := range h.routes() {
		path := strings.NewReplacer("{pid}", "7", "{name}", "init").Replace(r.path)
		queries := []string{"", "url=" + there}
		for _, p := range r.params {
			queries = append(queries, p.Name+"="+there)
		}
		for _, query := range queries {
			asked++
			get(t, url+path+"?"+query, func(r *http.Request) {
				for _, name := range []string{"Origin", "Referer", "X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL", "Forwarded", "X-Callback"} {
					r.Header.Set(name, there)
				}
			})
		}
	}
	for _, line := range []string{"GET " + there, "CONNECT " + canary.Addr().String(), "GET //" + canary.Addr().String() + "/x"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		say(t, conn, line+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		_ = conn.Close()
	}
	if err := canary.(*net.TCPListener).SetDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if conn, err := canary.Accept(); err == nil {
		t.Errorf("of %d requests one was followed, from %v", asked, conn.RemoteAddr())
	}
	if asked < 30 {
		t.Errorf("%d requests", asked)
	}
}

// TestSlowRequestsEnd: a header that does not come to its end ends its connection,
// as does one that is not sent at all, and others are answered meanwhile.
func TestSlowRequestsEnd(t *testing.T) {
	options := DefaultOptions()
	options.Source = &source{}
	server := httptest.NewUnstartedServer(nil)
	server.Config = web.NewServer(New(options), options.Log)
	server.Config.ReadHeaderTimeout = 5 * time.Second // longer than any machine takes to send one
	server.Start()
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	slow := map[string]net.Conn{"": nil, "GET /v1/proc HT": nil, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ": nil}
	for begun := range slow {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		if _, err := io.WriteString(conn, begun); err != nil {
			t.Fatal(err)
		}
		slow[begun] = conn
	}
	if status, _, _ := get(t, server.URL+"/healthz", nil); status != http.StatusServiceUnavailable { // it has no sample
		t.Errorf("another one meanwhile: %d", status)
	}
	for begun, conn := range slow {
		if answer, err := io.ReadAll(conn); err != nil || strings.Contains(string(answer), " 200 ") {
			t.Errorf("%q: %q, %v", begun, answer, err)
		}
	}
}

// TestNumbersOutside: a number of rows is one, or the request is refused; none is
// turned into another, and none makes room for what is not there.
func TestNumbersOutside(t *testing.T) {
	url, h, _ := serve(t, nil)
	tried := 0
	for _, r := range h.routes() {
		path := strings.NewReplacer("{pid}", "7", "{name}", "init").Replace(r.path)
		for _, p := range r.params {
			if p.Type != "integer" {
				continue
			}
			for _, number := range []string{"-1", "-9223372036854775808", "9223372036854775807", "9223372036854775808", "99999999999999999999999", "4294967296", "1e9", "0x10", "1.5", "%201", "NaN", "", "1&" + p.Name + "=2"} {
				tried++
				status, _, body := get(t, url+path+"?"+p.Name+"="+number, nil)
				if status != http.StatusOK && status != http.StatusBadRequest {
					t.Errorf("%s?%s=%s: %d %.200s", path, p.Name, number, status, body)
				}
				if strings.HasPrefix(number, "-") && status != http.StatusBadRequest {
					t.Errorf("%s?%s=%s: %d", path, p.Name, number, status)
				}
			}
		}
	}
	if tried < 26 || h.Panics() != 0 {
		t.Errorf("%d numbers were tried, %d panics", tried, h.Panics())
	}
}

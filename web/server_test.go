package web

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestServerHasLimits keeps a limit from getting lost.
func TestServerHasLimits(t *testing.T) {
	s := NewServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if s.ReadHeaderTimeout == 0 || s.ReadTimeout == 0 || s.WriteTimeout == 0 || s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Errorf("a server without limits: %+v", s)
	}
	if s.Protocols.HTTP2() || s.Protocols.UnencryptedHTTP2() || !s.Protocols.HTTP1() {
		t.Errorf("it speaks %v", s.Protocols)
	}
}

// HTTP/2 in the clear, asked for or assumed, is an error and no other protocol:
// no check of h2c reads what has no limit.
func TestNoUpgrade(t *testing.T) {
	address := serving(t, "tcp", "127.0.0.1:0", "").Addr().String()
	for name, test := range map[string]struct{ request, want string }{
		"assumed":   {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 "},
		"asked for": {"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", "HTTP/1.1 200"},
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.WriteString(conn, test.request); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(io.LimitReader(conn, 4096))
		if err != nil || !strings.HasPrefix(string(answer), test.want) || strings.Contains(string(answer), "101 Switching") {
			t.Errorf("%s: %q, %v", name, answer, err)
		}
		_ = conn.Close()
	}
}

// at is a request that came in at an address of this host.
func at(addr net.Addr, method, path, host string) *http.Request {
	r := httptest.NewRequest(method, path, http.NoBody)
	r.Host = host
	return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, addr))
}

func loopback() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7413} }

// A page that lets its own name resolve to this host's loopback reads nothing.
func TestRebound(t *testing.T) {
	for host, rebound := range map[string]bool{
		"127.0.0.1": false, "127.0.0.1:7413": false, "[::1]:7413": false, "[::1]": false, "localhost": false, "LOCALHOST:1": false, "node7:80": false,
		"evil.example": true, "127.0.0.1.evil.example": true, "localhost.": true, "node77": true, "": true, "0x7f.1": true, "2130706433": true,
	} {
		if got := Rebound(at(loopback(), "GET", "/", host), "node7"); got != rebound {
			t.Errorf("%q: %v", host, got)
		}
		for _, addr := range []net.Addr{&net.TCPAddr{IP: net.IPv4(10, 0, 0, 7)}, &net.UnixAddr{Name: "/run/s"}} {
			if Rebound(at(addr, "GET", "/", host), "node7") {
				t.Errorf("%q at %v", host, addr)
			}
		}
	}
}

// Metrics are read, and nothing else is there: no profiles either (K13).
func TestMetrics(t *testing.T) {
	h := Metrics(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") }), "node7")
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "X-EVIL"} {
		for _, path := range []string{"/metrics", "/", "/debug/pprof/", "/debug/vars", "/metrics/..", "//metrics"} {
			for _, host := range []string{"localhost", "evil.example"} {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, at(loopback(), method, path, host))
				read := method == "GET" || method == "HEAD"
				want := http.StatusOK
				switch {
				case !read:
					want = http.StatusMethodNotAllowed
				case host == "evil.example":
					want = http.StatusForbidden
				case path == "/metrics/.." || path == "//metrics":
					want = http.StatusTemporaryRedirect
				case path != "/metrics":
					want = http.StatusNotFound
				}
				if w.Code != want && (want != http.StatusTemporaryRedirect || w.Code/100 != 3) {
					t.Errorf("%s %s of %s: %d, want %d", method, path, host, w.Code, want)
				}
				for name := range w.Header() {
					if strings.HasPrefix(name, "Access-Control") {
						t.Errorf("%s %s: %s", method, path, name)
					}
				}
			}
		}
	}
	r := at(loopback(), "GET", "/metrics", "localhost")
	r.ContentLength = 1
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("with a body: %d", w.Code)
	}
}

// Profiles do not tell the command line.
func TestProfiles(t *testing.T) {
	h := Profiles()
	for path, want := range map[string]int{"/debug/pprof/": 200, "/debug/pprof/heap": 200, "/debug/pprof/goroutine": 200, "/debug/pprof/cmdline": 404, "/metrics": 404} {
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody)); w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

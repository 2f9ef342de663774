package rest

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/web"
)

// TestMethods goes over every route and method: nothing but reading works.
func TestMethods(t *testing.T) {
	url, h, _ := serve(t, func(o *Options) {
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "k2i_up 1\n") })
	})
	refused := 0
	for _, r := range h.routes() {
		path := strings.NewReplacer("{pid}", "7", "{name}", "init", "self", "7").Replace(r.path)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "X-EVIL-LABEL"} {
			status, header, body := get(t, url+path, func(r *http.Request) { r.Method = method })
			if method == "GET" || method == "HEAD" {
				if want := map[bool]int{true: 404, false: 200}[path == "/"]; status != want {
					t.Errorf("%s %s: %d %s", method, path, status, body)
				}
				if method == "HEAD" && body != "" {
					t.Errorf("HEAD %s has a body", path)
				}
				continue
			}
			if method == "OPTIONS" {
				if status != http.StatusNoContent || header.Get("Allow") != allowed || body != "" {
					t.Errorf("%s %s: %d, Allow %q", method, path, status, header.Get("Allow"))
				}
				continue
			}
			refused++
			if status != http.StatusMethodNotAllowed || header.Get("Allow") != allowed {
				t.Errorf("%s %s: %d, Allow %q", method, path, status, header.Get("Allow"))
			}
			failure(t, body)
		}
	}
	if got := h.Refused(); got != uint64(refused) {
		t.Errorf("%d refused, counted %d", refused, got)
	}
}

func TestNoCORS(t *testing.T) {
	url, _, _ := serve(t, nil)
	for _, method := range []string{"GET", "OPTIONS"} {
		_, header, _ := get(t, url+"/v1/proc", func(r *http.Request) {
			r.Method = method
			r.Header.Set("Origin", "http://evil.example")
			r.Header.Set("Access-Control-Request-Method", "GET")
		})
		for name := range header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s answers with %s", method, name)
			}
		}
	}
}

func TestHostHeader(t *testing.T) {
	url, _, _ := serve(t, nil)
	tests := map[string]int{
		"127.0.0.1": 200, "127.0.0.1:7412": 200, "[::1]:7412": 200, "[::1]": 200, "10.1.2.3:80": 200,
		"localhost": 200, "LOCALHOST:7412": 200, "node7": 200, "Node7:7412": 200,
		"evil.example": 403, "evil.example:7412": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403, "node7.evil.example:80": 403, "node8": 403,
	}
	for host, want := range tests {
		status, _, body := get(t, url+"/v1/proc", func(r *http.Request) { r.Host = host })
		if status != want {
			t.Errorf("%s: %d %s", host, status, body)
		}
		if status == 403 && !strings.Contains(failure(t, body), "is not this agent") {
			t.Errorf("%s: %s", host, body)
		}
	}
}

func TestRawRequests(t *testing.T) {
	url, _, _ := serve(t, nil)
	address := strings.TrimPrefix(url, "http://")
	tests := map[string]struct{ request, want string }{
		"a typed body":       {"GET /v1/proc HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: 5\r\n\r\nhello", " 415 "},
		"a body":             {"GET /v1/proc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", " 413 "},
		"a chunked body":     {"GET /v1/proc HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", " 413 "},
		"a huge header":      {"GET /v1/proc HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", web.MaxHeaderBytes+8<<10) + "\r\n\r\n", " 431 "},
		"a million headers":  {"GET /v1/proc HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("a:b\r\n", 100_000) + "\r\n", " 431 "},
		"a huge query":       {"GET /v1/proc?pid=" + strings.Repeat("1,", web.MaxHeaderBytes) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", " 431 "},
		"many parameters":    {"GET /v1/proc?" + strings.Repeat("a&", 20_000) + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", " 400 "},
		"a path without /":   {"GET v1/proc HTTP/1.1\r\nHost: localhost\r\n\r\n", " 400 "},
		"a star":             {"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", " 405 "},
		"a proxied address":  {"GET http://evil.example/v1/proc HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", " 403 "},
		"a tunnel":           {"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", " 405 "},
		"no host":            {"GET /v1/proc HTTP/1.1\r\n\r\n", " 400 "},
		"no HTTP":            {"\x16\x03\x01\x00\xa5\x01\x00\x00\r\n\r\n", " 400 "},
		"HTTP/2 in clear":    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", " 405 "},
		"a path that climbs": {"GET /v1/proc/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", " 307 "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			answer := say(t, conn, test.request)
			line, _, _ := strings.Cut(answer, "\r\n")
			if !strings.Contains(line, test.want) {
				t.Errorf("got %.300q, want%s", answer, test.want)
			}
		})
	}
	if status, _, _ := get(t, url+"/healthz", nil); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
}

func TestPanicsAreContained(t *testing.T) {
	var log bytes.Buffer
	metrics := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("begun") {
			_, _ = io.WriteString(w, strings.Repeat("half an answer\n", 1000))
		}
		panic("a defect")
	})
	url, h, _ := serve(t, func(o *Options) {
		o.Metrics = metrics
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	status, _, body := get(t, url+"/metrics", nil)
	if text := failure(t, body); status != 500 || !strings.Contains(text, "internal error") || strings.Contains(body, "goroutine") {
		t.Errorf("%d %s", status, body)
	}
	// An answer that has begun cannot be taken back: the connection breaks, so that it is not taken for whole.
	response, err := http.Get(url + "/metrics?begun")
	if err == nil {
		_, err = io.ReadAll(response.Body)
		_ = response.Body.Close()
	}
	if err == nil {
		t.Error("half an answer looked whole")
	}
	if h.Panics() != 2 || !strings.Contains(log.String(), `panic="a defect"`) || strings.Contains(log.String(), "goroutine") {
		t.Errorf("%d panics, log %s", h.Panics(), log.String())
	}
	if status, _, _ := get(t, url+"/healthz", nil); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
}

func TestTooManyAtOnce(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	url, _, _ := serve(t, func(o *Options) {
		o.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-release })
	})
	done := make(chan error, MaxInFlight)
	for range MaxInFlight {
		go func() {
			response, err := http.Get(url + "/metrics")
			if err == nil {
				err = response.Body.Close()
			}
			done <- err
		}()
		<-entered
	}
	status, header, body := get(t, url+"/healthz", nil)
	if text := failure(t, body); status != 503 || header.Get("Retry-After") == "" || !strings.Contains(text, "try again") {
		t.Errorf("%d %s", status, text)
	}
	close(release)
	for range MaxInFlight {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if status, _, _ := get(t, url+"/healthz", nil); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
}

// TestTooManyConnections holds MaxConns open; one more is closed without a word.
func TestTooManyConnections(t *testing.T) {
	url, _, _ := serve(t, nil)
	address := strings.TrimPrefix(url, "http://")
	request := "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	open := make([]net.Conn, web.MaxConns)
	for i := range open {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		open[i] = conn
		defer func() { _ = conn.Close() }()
		// The answer shows that the server has counted this one.
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 12)); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	extra, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = extra.Close() }()
	_ = extra.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(extra, request) // may fail: it is closed already
	if n, err := extra.Read(make([]byte, 1)); err == nil || n != 0 {
		t.Error("one more than web.MaxConns was answered")
	}
	if _, err := io.WriteString(open[0], request); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkProc is GET /v1/proc of 5,000 processes, JSON and msgpack, basic
// fields and few.
func BenchmarkProc(b *testing.B) {
	s := &source{}
	snap := snapshot()
	for i := range 5000 {
		p := k2i.Blank()
		p.PID, p.User, p.Comm, p.Args, p.RCPU = int32(100+i), "alice", "worker", []string{"worker", fmt.Sprint(i)}, 0.25
		snap.Processes = append(snap.Processes, &p)
	}
	s.snap.Store(snap)
	options := DefaultOptions()
	options.Source = s
	h := New(options)
	for name, accept := range map[string]string{"json": "application/json", "msgpack": "application/msgpack"} {
		for _, query := range []string{"", "?fields=pid,comm,user,rss_bytes,rcpu&sort=-rss_bytes&limit=50"} {
			b.Run(name+query, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					r, err := http.NewRequest(http.MethodGet, "/v1/proc"+query, http.NoBody)
					if err != nil {
						b.Fatal(err)
					}
					r.Header.Set("Accept", accept)
					h.ServeHTTP(&nobody{header: http.Header{}}, r)
				}
			})
		}
	}
}

// nobody is a client that reads nothing.
type nobody struct{ header http.Header }

func (n *nobody) Header() http.Header         { return n.header }
func (n *nobody) Write(b []byte) (int, error) { return len(b), nil }
func (n *nobody) WriteHeader(int)             {}

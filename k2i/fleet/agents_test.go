package fleet

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/k2i/rest"
	"ddcos/k2i/wire"
	"ddcos/web"
)

// fixed is a source of one snapshot.
type fixed struct{ snap *k2i.Snapshot }

func (f fixed) Snapshot() *k2i.Snapshot { return f.snap }

// agentOf serves a snapshot as an agent does and gives its URL.
func agentOf(t *testing.T, snap *k2i.Snapshot) string {
	options := rest.DefaultOptions()
	options.Source = fixed{snap}
	return serving(t, rest.New(options))
}

func serving(t *testing.T, h http.Handler) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// nobodyThere is an address that nobody listens on any more.
func nobodyThere(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func ask(t *testing.T, ctx context.Context, q query.Query, urls ...string) *Table { //nolint:revive // t first, as everywhere in tests
	t.Helper()
	source, err := Agents(urls, &http.Client{Timeout: time.Minute}) // ctx says when it is too long
	if err != nil {
		t.Fatal(err)
	}
	table, err := Ask(ctx, source, q)
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Hosts) != len(urls) {
		t.Fatalf("%d hosts of %d", len(table.Hosts), len(urls))
	}
	return table
}

func TestAgents(t *testing.T) {
	down := query.Query{Sort: []query.Key{{Field: "rss_bytes", Descending: true}}, Limit: 3}
	short := strings.TrimPrefix(agentOf(t, host("b", 25)), "http://")
	table := ask(t, t.Context(), down, agentOf(t, host("a", 10, 30, 20)), short)
	if got := shown(table); got != "a/2 b/1 a/3" {
		t.Errorf("got %s", got)
	}
}

func TestAgentOnAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k2i.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	options := rest.DefaultOptions()
	options.Source = fixed{host("socket", 1)}
	server := web.NewServer(rest.New(options), options.Log)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	if got := shown(ask(t, t.Context(), query.Query{}, "unix://"+path)); got != "socket/1" {
		t.Errorf("got %s", got)
	}
}

func TestAgentsThatFail(t *testing.T) {
	release := make(chan struct{})
	stuck := serving(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer close(release)
	says := func(status int, contentType, body string) string {
		return serving(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
	}
	endless := serving(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", wire.ContentType)
		for block := make([]byte, 1<<20); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	cut := serving(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", wire.ContentType)
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte{0x80})
	}))
	tests := map[string]struct {
		url    string
		status Status
		err    string
	}{
		"nobody there":   {nobodyThere(t), StatusUnreachable, "connection refused"},
		"stuck":          {stuck, StatusTimeout, "no answer in time"},
		"no sample yet":  {agentOf(t, nil), StatusError, "the agent says: no sample yet"},
		"another server": {says(200, "text/html", "<h1>hello</h1>"), StatusError, "is this a k2i agent?"},
		"a plain error":  {says(500, "text/plain", "boom\nboom"), StatusError, "the agent says: 500 Internal Server Error"},
		"elsewhere":      {says(302, "text/plain", ""), StatusError, "the agent says: 302 Found"},
		"garbage":        {says(200, wire.ContentType, "\xc1\xc1"), StatusError, "malformed"},
		"without an end": {endless, StatusError, "body too large"},
		"cut":            {cut, StatusUnreachable, "unexpected EOF"},
		"no such socket": {"unix:///nonexistent/k2i.sock", StatusUnreachable, "no such file"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			deadline := time.Minute // reached only by a failure
			if test.status == StatusTimeout {
				deadline = 3 * time.Second // in which the good one answers even on a busy machine
			}
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			good := agentOf(t, host("good", 1))
			table := ask(t, ctx, query.Query{}, test.url, good)
			failed := table.Failed()
			if len(failed) != 1 || failed[0].Status != test.status || failed[0].Name != test.url || !strings.Contains(failed[0].Err, test.err) {
				t.Fatalf("got %+v, want %s %s", failed, test.status, test.err)
			}
			if strings.Contains(failed[0].Err, "\n") || shown(table) != "good/1" {
				t.Errorf("the error is no line or the others suffered: %q, rows %s", failed[0].Err, shown(table))
			}
		})
	}
}

func TestAgentsRefuses(t *testing.T) {
	for _, bad := range []string{"", "ftp://x", "http://", "http://x/v1/proc", "http://x:1?a=b", "unix://relative", "http://[::1", "http://x:y", "x"} {
		if _, err := Agents([]string{bad}, nil); err == nil || !strings.Contains(err.Error(), "want http://host:port") && !strings.Contains(err.Error(), "want unix:///path") {
			t.Errorf("%q: got %v", bad, err)
		}
	}
	if _, err := Agents(nil, nil); err == nil {
		t.Error("an empty list was taken")
	}
	if _, err := Agents(make([]string, MaxAgents+1), nil); err == nil {
		t.Error("a list beyond its limit was taken")
	}
}

// TestAgentsInParallel needs every agent to be asked while the others wait.
func TestAgentsInParallel(t *testing.T) {
	const n = 20
	arrived := make(chan struct{}, n)
	all := make(chan struct{})
	go func() {
		for range n {
			<-arrived
		}
		close(all)
	}()
	urls := make([]string, n)
	for i := range urls {
		options := rest.DefaultOptions()
		options.Source = fixed{host(fmt.Sprintf("h%02d", i), 1)}
		h := rest.New(options)
		urls[i] = serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			arrived <- struct{}{}
			<-all
			h.ServeHTTP(w, r)
		}))
	}
	if table := ask(t, t.Context(), query.Query{}, urls...); len(table.Rows) != n || len(table.Failed()) != 0 {
		t.Errorf("%d rows, failed %v", len(table.Rows), table.Failed())
	}
}

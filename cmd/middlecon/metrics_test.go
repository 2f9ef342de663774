package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ddcos/web"
)

// Metrics and profiles are served apart, the profiles to nobody but those whom a
// socket lets in, and neither beyond loopback without a guard.
func TestBeside(t *testing.T) {
	if _, err := (beside{metrics: "tcp://0.0.0.0:0"}).open(false); !errors.Is(err, web.ErrUnguarded) {
		t.Errorf("beyond loopback: %v", err)
	}
	if _, err := (beside{metrics: "tcp://127.0.0.1:0", config: "/nowhere"}).open(true); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without its file: %v", err)
	}
	socket := filepath.Join(t.TempDir(), "profiles")
	taken := beside{metrics: "tcp://127.0.0.1:0", profiles: "/dev/null/x"}
	if all, err := taken.open(false); err == nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	} else if _, err := all[0].Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("an address stays behind: %v", err)
	}
	all, err := (beside{metrics: "tcp://127.0.0.1:0", profiles: socket}).open(false)
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") })
	stop := serveBeside(all, metrics, "node7", slog.New(slog.DiscardHandler))
	defer stop()
	var dialer net.Dialer
	private := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", socket)
	}}}
	url := "http://" + all[0].Addr().String()
	for _, test := range []struct {
		client *http.Client
		url    string
		want   int
	}{
		{http.DefaultClient, url + "/metrics", 200},
		{http.DefaultClient, url + "/debug/pprof/", 404},
		{http.DefaultClient, url + "/debug/pprof/heap", 404},
		{private, "http://localhost/debug/pprof/goroutine", 200},
		{private, "http://localhost/metrics", 404},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, test.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := test.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != test.want || strings.Contains(string(body), "command line") {
			t.Errorf("%s: %d %.100s, %v", test.url, response.StatusCode, body, err)
		}
	}
}

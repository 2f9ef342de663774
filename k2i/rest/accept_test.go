package rest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/k2i/wire"
)

// What is answered is what the request wants most, JSON where it does not matter.
func TestNegotiate(t *testing.T) {
	tests := map[string]string{
		"":                            jsonType,
		"*/*":                         jsonType,
		"application/*":               jsonType,
		"application/json":            jsonType,
		"application/msgpack":         wire.ContentType,
		"application/x-msgpack":       xMsgpackType,
		"text/html, application/json": jsonType,
		"text/html,*/*;q=0.1":         jsonType,
		"APPLICATION/MSGPACK":         wire.ContentType,
		"application/json;q=0.5,application/msgpack": wire.ContentType,
		"application/msgpack;q=0.5,*/*":              jsonType,
		"application/json;q=0,*/*":                   wire.ContentType,
		"application/json;q=0.5;v=1,*/*;q=0.1":       jsonType,
		"text/html":                                  "",
		"application/json;q=0":                       "",
		"application/json;q=2":                       "",
		"application/json;q=x":                       "",
		"application/json;q=NaN":                     "",
		";;;,/,":                                     "",
		strings.Repeat("a/b,", 40) + "*/*":           "",
	}
	for accept, want := range tests {
		var header []string
		if accept != "" {
			header = []string{accept}
		}
		if got := negotiate(header, tables()...); got != want {
			t.Errorf("%s: %q, want %q", accept, got, want)
		}
	}
	url, _, _ := serve(t, nil)
	for path, want := range map[string]int{"/v1/proc": 406, "/v1/proc/7": 406, "/v1/host": 406, "/healthz": 406} {
		status, header, body := get(t, url+path, func(r *http.Request) { r.Header.Set("Accept", "text/html") })
		if text := failure(t, body); status != want || header.Get("Content-Type") != ProblemType || !strings.Contains(text, "is answered as application/json") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	_, header, body := get(t, url+"/v1/proc/7", func(r *http.Request) { r.Header.Set("Accept", xMsgpackType) })
	if header.Get("Content-Type") != xMsgpackType || header.Get("Vary") != "Accept" || body[0]&0xf0 != 0x80 {
		t.Errorf("%v %q", header, body)
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add("application/json;q=0.5, */*")
	f.Add("a/b;q=\"")
	f.Fuzz(func(t *testing.T, accept string) {
		if got := negotiate([]string{accept}, tables()...); got != "" && !slices.Contains(tables(), got) {
			t.Error(got)
		}
	})
}

// Who has an answer of this very snapshot is not given it again.
func TestSameSnapshot(t *testing.T) {
	url, _, s := serve(t, nil)
	for _, path := range []string{"/v1/proc", "/v1/proc?limit=1", "/v1/proc/7"} {
		_, header, _ := get(t, url+path, nil)
		tag := header.Get("ETag")
		again := func(r *http.Request) { r.Header.Set("If-None-Match", tag) }
		if status, header, body := get(t, url+path, again); status != http.StatusNotModified || body != "" || header.Get("ETag") != tag {
			t.Errorf("%s: %d %s", path, status, body)
		}
		next := snapshot()
		next.Events.Seen = s.snap.Load().Events.Seen + 1
		s.snap.Store(next)
		if status, header, _ := get(t, url+path, again); status != http.StatusOK || header.Get("ETag") == tag {
			t.Errorf("%s: %d for a later snapshot, %s", path, status, header.Get("ETag"))
		}
	}
	if status, header, _ := get(t, url+"/v1/proc/8", nil); status != http.StatusNotFound || header.Get("ETag") != "" {
		t.Errorf("%d %v", status, header)
	}
}

// Rows have the fields that are asked for, in both encodings.
func TestFewFields(t *testing.T) {
	url, _, _ := serve(t, nil)
	_, _, body := get(t, url+"/v1/proc?fields=rss_bytes,pid&sort=-rss_bytes&limit=1", nil)
	row := object(t, body)["processes"].([]any)[0].(map[string]any)
	if len(row) != 2 || row["pid"] != 7.0 || row["rss_bytes"] != 30.0 {
		t.Errorf("%s", body)
	}
	_, _, packed := get(t, url+"/v1/proc?fields=rss_bytes,pid&sort=-rss_bytes&limit=1", func(r *http.Request) { r.Header.Set("Accept", wire.ContentType) })
	if !strings.HasSuffix(packed, "\x91\x82\xa3pid\x07\xa9rss_bytes\x1e") {
		t.Errorf("%q", packed)
	}
}

// The old paths answer as the new ones.
func TestOldPaths(t *testing.T) {
	url, _, _ := serve(t, func(o *Options) { o.PID = 7; o.Now = func() time.Time { return time.Time{} } })
	for old, now := range map[string]string{
		"/v1/proc/pid/7": "/v1/proc/7", "/v1/proc/self": "/v1/proc/7", "/v1/proc/cmd/c,d": "/v1/proc?comm=c,d",
		"/v1/proc/cmd/init?fields=pid&limit=1": "/v1/proc?cmd=init&fields=pid&limit=1",
	} {
		_, _, one := get(t, url+old, nil)
		status, _, other := get(t, url+now, nil)
		if status != http.StatusOK || one != other {
			t.Errorf("%s: %s\n%s: %s", old, one, now, other)
		}
	}
	if status, _, body := get(t, url+"/v1/proc/cmd/init?comm=sh", nil); status != http.StatusBadRequest {
		t.Errorf("%d %s", status, body)
	}
}

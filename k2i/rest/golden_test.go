package rest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/wire"
)

// fixed is an agent whose clock stands and whose snapshot is always the same.
func fixed(t testing.TB) *Handler {
	t.Helper()
	snap := snapshot()
	snap.At = time.Unix(1_790_000_000, 5)
	for i, p := range snap.Processes {
		whole := k2i.Blank()
		whole.PID, whole.User, whole.Comm, whole.RSSBytes, whole.RCPU, whole.Args = p.PID, p.User, p.Comm, p.RSSBytes, p.RCPU, p.Args
		whole.ContainerID, whole.Runtime, whole.Kind, whole.Threads = strings.Repeat("c", i), "podman", "container", 1
		snap.Processes[i] = &whole
	}
	s := &source{}
	s.snap.Store(snap)
	options := DefaultOptions()
	options.Source, options.Details, options.PID = s, known{}, 7
	options.Config = told{"x"}
	options.Now = func() time.Time { return snap.At.Add(time.Second) }
	return New(options)
}

// answer asks a handler without any network.
func answer(h http.Handler, target, accept string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(target, "?")
	r.Header.Set("Accept", accept)
	h.ServeHTTP(w, r)
	return w
}

// Answers to the letter, from where the head ends.
func TestGoldenAnswers(t *testing.T) {
	h := fixed(t)
	for target, want := range map[string]string{
		"/v1/proc?fields=pid,comm,args,rcpu,read_bytes&sort=-rss_bytes": `"processes":[
{"pid":7,"comm":"a\ufffd\u003cb\u003e","args":["x y","\n"],"read_bytes":null,"rcpu":0.5}
,{"pid":9,"comm":"c,d","args":null,"read_bytes":null,"rcpu":0.25}
,{"pid":1,"comm":"init","args":null,"read_bytes":null,"rcpu":null}
]}
`,
		"/v1/proc?user=nobody": `"processes":[
]}
`,
		"/v1/proc?threads=true&pid=9&fields=comm,cpu_ns&sort=-cpu_ns": `"processes":[
{"comm":"c,d","cpu_ns":1,"tid":10}
,{"comm":"c,d","cpu_ns":0,"tid":9}
]}
`,
		"/v1/proc?fields=pid&sort=pss_bytes&limit=2": `"gaps":[{"part":"pss","reason":"kernel","help":"a kernel thread has none","count":1}],"processes":[
{"pid":9,"pss_bytes":991}
,{"pid":7,"pss_bytes":993}
]}
`,
		"/v1/proc/7?detail=stack": `"detail":{"pss_bytes":7,"uss_bytes":null,"swap_pss_bytes":null,"fd_count":1,"fds":[{"fd":3,"kind":"socket","target":"socket:[1]"}],` +
			`"limits":[{"name":"max_open_files","soft":1024,"hard":null,"unit":"files"}],"wchan":"","stack":["do_wait"],` +
			`"gaps":[{"part":"stack","reason":"deadline","help":"the kernel did not answer in time: the process is stuck, or very large","count":1}]}}
`,
		"/v1/config": `"config":{"name":"x"}}
`,
		"/v1/proc/8": `{"type":"about:blank","title":"Not Found","status":404,"detail":"no process 8 on node7 in the sample of 2026-09-21T14:13:20.000000005Z"}
`,
		"/v1/proc?fields=rss": `{"type":"about:blank","title":"Bad Request","status":400,"detail":"field \"rss\": no such field; did you mean rss_bytes, rss_anon_bytes, rss_file_bytes?"}
`,
	} {
		w := answer(h, target, jsonType)
		if got := w.Body.String(); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %d\ngot  %s\nwant …%s", target, w.Code, got, want)
		}
	}
	_, rows, _ := strings.Cut(answer(h, "/v1/containers", jsonType).Body.String(), `"containers":`)
	var list []k2i.Container
	if err := json.Unmarshal([]byte(strings.TrimSuffix(rows, "}\n")), &list); err != nil || len(list) != 3 || list[2].ID != "cc" || list[2].RSSBytes != 20 || list[2].RCPU != 0.25 {
		t.Errorf("%s: %+v, %v", rows, list, err)
	}
}

// FuzzRequests: whatever a path and its parameters hold, the answer is one of
// those documented, and well formed.
func FuzzRequests(f *testing.F) {
	h := fixed(f)
	for _, target := range []string{
		"/v1/proc?sort=-rss_bytes,pid&limit=1&fields=basic,pss_bytes", "/v1/proc?where=rss%20%3E%201KiB&by=user", "/v1/proc/7?detail=all",
		"/v1/proc/cmd/init?threads=true", "/v1/containers", "/v1/proc/%2e%2e", "/v1/proc?exited=true&since=1s&tty=?", "/v1/proc/self?a;b", "/v1/proc?limit=-1", "/", "",
	} {
		f.Add(target, jsonType)
		f.Add(target, wire.ContentType)
	}
	f.Fuzz(func(t *testing.T, target, accept string) {
		w := answer(h, target, accept)
		switch w.Code {
		case http.StatusOK, http.StatusTemporaryRedirect, http.StatusBadRequest, http.StatusNotFound, http.StatusNotAcceptable, http.StatusUnprocessableEntity,
			http.StatusMethodNotAllowed: // of the path *
		default:
			t.Errorf("%q: %d %s", target, w.Code, w.Body)
		}
		if kind := w.Header().Get("Content-Type"); (kind == jsonType || kind == ProblemType) && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%q: %s", target, w.Body)
		}
		if (w.Code >= 400) != (w.Header().Get("Content-Type") == ProblemType) {
			t.Errorf("%q: %d as %s", target, w.Code, w.Header().Get("Content-Type"))
		}
	})
}

package rest

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
	"ddcos/web"
)

// source holds the newest snapshot, as an agent does.
type source struct{ snap atomic.Pointer[k2i.Snapshot] }

func (s *source) Snapshot() *k2i.Snapshot { return s.snap.Load() }

func snapshot() *k2i.Snapshot {
	return &k2i.Snapshot{
		Host: k2i.Host{ID: "boot.1", Name: "node7", CPUs: 2, TicksPerSecond: 100, PageBytes: 4096},
		At:   time.Now(), Mode: k2i.ModeProcfs, Visibility: k2i.VisibilityPartial, Missing: []string{"read_bytes"}, BusyCPUs: k2i.NoRate(),
		Processes: []*k2i.Process{
			{PID: 1, User: "root", Comm: "init", RSSBytes: 10, RCPU: k2i.NoRate(), ReadBytes: k2i.Unread},
			{PID: 7, User: "alice", Comm: "a\xff<b>", RSSBytes: 30, RCPU: 0.5, Args: []string{"x y", "\n"}},
			{PID: 9, User: "alice", Comm: "c,d", RSSBytes: 20, RCPU: 0.25},
		},
	}
}

// details are of nobody: each part that is asked for is missing.
type details struct{}

func (details) Read(_ context.Context, p *k2i.Process, parts []k2i.Part) *k2i.Detail {
	d := k2i.NoDetail()
	d.FDCount = k2i.Count(p.PID)
	for _, part := range parts {
		d.Gaps = k2i.AddGap(d.Gaps, part, k2i.GapDenied, 1)
	}
	return d
}

// serve runs an agent's face on a real loopback socket.
func serve(t *testing.T, spoil func(*Options)) (url string, h *Handler, s *source) {
	t.Helper()
	s = &source{}
	s.snap.Store(snapshot())
	options := DefaultOptions()
	options.Source, options.Connections, options.Name, options.PID = s, looked{}, "node7", 1<<22
	options.Details = details{}
	if spoil != nil {
		spoil(&options)
	}
	h = New(options)
	server := httptest.NewUnstartedServer(nil)
	server.Config = web.NewServer(h, options.Log)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, h, s
}

// get asks and gives the status, the header and the body.
func get(t *testing.T, url string, change func(*http.Request)) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(req)
	}
	response, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}

// object reads a body that must be one JSON object.
func object(t *testing.T, body string) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return m
}

// failure is the sentence of an error's body.
func failure(t *testing.T, body string) string {
	t.Helper()
	m := object(t, body)
	text, ok := m["detail"].(string)
	if status, number := m["status"].(float64); !ok || !number || m["title"] != http.StatusText(int(status)) || m["type"] != "about:blank" || strings.Count(body, "\n") != 1 {
		t.Errorf("no one-line problem: %q", body)
	}
	return text
}

func TestProcesses(t *testing.T) {
	url, _, _ := serve(t, nil)
	tests := map[string][]float64{
		"":                           {1, 7, 9},
		"?sort=-rss_bytes":           {7, 9, 1},
		"?sort=-rss_bytes&limit=1":   {7},
		"?user=alice&sort=-pid":      {9, 7},
		"?pid=9,1":                   {1, 9},
		"?comm=c,d":                  {9},
		"?pid=1&not=true&sort=-rcpu": {7, 9},
		"?user=nobody":               {},
	}
	for query, want := range tests {
		status, header, body := get(t, url+"/v1/proc"+query, nil)
		if status != http.StatusOK || header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %d %s", query, status, body)
		}
		m := object(t, body)
		got := []float64{}
		for _, p := range m["processes"].([]any) {
			got = append(got, p.(map[string]any)["pid"].(float64))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
		host := m["host"].(map[string]any)
		if host["name"] != "node7" || host["id"] != "boot.1" || m["mode"] != "procfs" || m["visibility"] != "partial" ||
			m["total"] != 3.0 || m["busy_cpus"] != nil || m["age_ns"].(float64) < 0 || m["sampled_unix_ns"].(float64) < 1e18 {
			t.Errorf("%s: head %v", query, m)
		}
	}
}

func TestProcessesRefuse(t *testing.T) {
	url, _, _ := serve(t, nil)
	tests := map[string]string{
		"?colour=red": "allowed are fields, sort, limit,",
		"?sorte=pid":  "did you mean sort?",
		"?fields=rss": "did you mean rss_bytes",
		"?fields=":    "no such field",
		"?sort=rs":    "did you mean rss",
		"?limit=-1":   "limit -1",
		"?pid=x":      "no process id",
		"?a=%zz":      "invalid URL escape",
		"?a;b":        "semicolon",
	}
	for query, want := range tests {
		status, _, body := get(t, url+"/v1/proc"+query, nil)
		if text := failure(t, body); status != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s, want %s", query, status, text, want)
		}
	}
}

func TestBytesOfTheKernelInJSON(t *testing.T) {
	url, _, _ := serve(t, nil)
	_, header, body := get(t, url+"/v1/proc/7", nil)
	p, ok := object(t, body)["process"].(map[string]any)
	if !ok || p["comm"] != "a\uFFFD<b>" || strings.Contains(body, "<b>") || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %v in %s", p, body)
	}
	_, _, body = get(t, url+"/v1/proc/1", nil)
	p, ok = object(t, body)["process"].(map[string]any)
	if _, there := p["rcpu"]; !ok || !there || p["rcpu"] != nil || p["read_bytes"] != nil {
		t.Errorf("what is unknown is not null: %s", body)
	}
}

func TestProcessesAsMsgpack(t *testing.T) {
	url, _, s := serve(t, nil)
	status, header, body := get(t, url+"/v1/proc?sort=-rss_bytes&limit=2", func(r *http.Request) { r.Header.Set("Accept", wire.ContentType) })
	if status != http.StatusOK || header.Get("Content-Type") != wire.ContentType {
		t.Fatalf("%d %v", status, header)
	}
	a, err := wire.DecodeAnswer([]byte(body), query.Query{})
	if err != nil || len(a.Processes) != 2 || a.Processes[0].PID != 7 || a.Total != 3 || a.Host.Name != "node7" {
		t.Errorf("got %+v, %v", a, err)
	}
	huge := snapshot()
	huge.Processes[0].Args = []string{strings.Repeat("a", wire.MaxAnswer)}
	s.snap.Store(huge)
	status, _, body = get(t, url+"/v1/proc", func(r *http.Request) { r.Header.Set("Accept", wire.ContentType) })
	if text := failure(t, body); status != http.StatusUnprocessableEntity || !strings.Contains(text, "ask with a limit") {
		t.Errorf("%d %s", status, text)
	}
}

func TestOneProcess(t *testing.T) {
	url, _, _ := serve(t, nil)
	tests := map[string]struct {
		status int
		want   string
	}{
		"/v1/proc/9":                    {200, ""},
		"/v1/proc/8":                    {404, "no process 8 on node7"},
		"/v1/proc/0":                    {400, "positive number"},
		"/v1/proc/-1":                   {400, "positive number"},
		"/v1/proc/2147483648":           {400, "positive number"},
		"/v1/proc/99999999999999999999": {400, "positive number"},
		"/v1/proc/pid/9":                {200, ""},
		"/v1/proc/pid/x":                {400, "positive number"},
		"/v1/proc/self":                 {404, "no process 4194304"},
		"/v1/proc/9?sort=pid":           {400, "allowed are detail"},
		"/v1/proc/9?detail=fd":          {400, "none of all, pss, fds"},
		"/v1/proc/9?detail=":            {400, "none of all, pss, fds"},
		"/v1/proc/8?detail=all":         {404, "no process 8"},
		"/v1/proc/%2e%2e%2fhost":        {400, "positive number"},
		"/v1/proc/9/maps":               {404, "no such path"},
		"/v1/host?x=1":                  {400, "no parameters"},
		"/v1/prok":                      {404, "did you mean /v1/proc?"},
		"/etc/passwd":                   {404, "no such path"},
		"/metrics":                      {404, "no such path"},
		"/":                             {404, "there are /v1/proc,"},
	}
	for path, test := range tests {
		status, _, body := get(t, url+path, nil)
		if status != test.status {
			t.Errorf("%s: %d %s", path, status, body)
		}
		if test.want != "" && !strings.Contains(failure(t, body), test.want) {
			t.Errorf("%s: %s", path, body)
		}
	}
}

func TestHost(t *testing.T) {
	url, _, _ := serve(t, nil)
	_, _, body := get(t, url+"/v1/host", nil)
	m := object(t, body)
	info, ok := m["host"].(map[string]any)
	if !ok || info["name"] != "node7" || info["ticks_per_second"] != 100.0 || m["processes"] != nil {
		t.Errorf("got %s", body)
	}
}

func TestHealth(t *testing.T) {
	var now atomic.Int64
	start := time.Now()
	url, _, s := serve(t, func(o *Options) {
		o.Interval = 2 * time.Second
		o.Now = func() time.Time { return start.Add(time.Duration(now.Load())) }
	})
	fresh := snapshot()
	fresh.At = start
	s.snap.Store(fresh)
	tests := []struct {
		age    time.Duration
		status int
		word   string
	}{{0, 200, "ok"}, {10 * time.Second, 200, "ok"}, {10*time.Second + 1, 503, "stale"}, {time.Hour, 503, "stale"}, {-time.Hour, 200, "ok"}}
	for _, test := range tests {
		now.Store(int64(test.age))
		status, _, body := get(t, url+"/healthz", nil)
		m := object(t, body)
		if status != test.status || m["status"] != test.word || m["mode"] != "procfs" || m["age_ns"] != float64(max(0, test.age.Nanoseconds())) {
			t.Errorf("%v: %d %s", test.age, status, body)
		}
	}
	s.snap.Store(nil)
	for _, path := range []string{"/healthz", "/v1/proc", "/v1/proc/1", "/v1/host"} {
		status, header, body := get(t, url+path, nil)
		if text := failure(t, body); status != 503 || !strings.Contains(text, "no sample yet") || header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}

func TestUnixSocketNeedsNoHost(t *testing.T) {
	path := t.TempDir() + "/k2i.sock"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &source{}
	s.snap.Store(snapshot())
	options := DefaultOptions()
	options.Source = s
	server := web.NewServer(New(options), options.Log)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if answer := say(t, conn, "GET /healthz HTTP/1.1\r\nHost: anything.example\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
		t.Error(answer)
	}
}

// say writes raw bytes and gives all that comes back.
func say(t *testing.T, conn net.Conn, text string) string {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil && len(answer) == 0 {
		t.Fatal(err)
	}
	return string(answer)
}

func (details) Fill(_ context.Context, rows []*k2i.Process, fields []string) []k2i.Gap {
	for _, p := range rows {
		p.PSSBytes = 1000 - k2i.Count(p.PID)
	}
	return k2i.AddGap(nil, k2i.PartPSS, k2i.GapKernel, len(fields))
}

func (details) Threads(_ context.Context, processes []*k2i.Process) (threads []*k2i.Process, gaps []k2i.Gap) {
	for _, p := range processes {
		for tid := range k2i.Count(2) {
			thread := *p
			thread.TID, thread.CPUNS = k2i.Count(p.PID)+tid, uint64(tid)
			threads = append(threads, &thread)
		}
	}
	return threads, nil
}

package rest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ddcos/k2i"
	"ddcos/k2i/veil"
	"ddcos/middlecon/creds/forge"
	"ddcos/middlecon/policy"
	"ddcos/web"
)

// planted is an argument that only some may see.
const planted = "--token=of-somebody"

func guarded(t *testing.T, text string, users func(string) bool) *Handler {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	snap := &k2i.Snapshot{Host: k2i.Host{Name: "h", TicksPerSecond: 100, PageBytes: 4096}, BusyCPUs: k2i.NoRate(), Processes: []*k2i.Process{
		{PID: 1, Comm: "db", Args: []string{"db", planted}, RCPU: k2i.NoRate()},
	}, Exited: []*k2i.Process{{PID: 5, Comm: "sh", Args: []string{"sh", planted}, RCPU: k2i.NoRate()}}}
	return New(Options{Source: still{snap}, Veil: veil.New(p), Users: users, PID: 1, Metrics: http.NotFoundHandler()})
}

type still struct{ snap *k2i.Snapshot }

func (s still) Snapshot() *k2i.Snapshot { return s.snap }

// asker is a request with what it has proved.
func asker(path, from string, change func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+path, nil)
	r.RemoteAddr = from
	if change != nil {
		change(r)
	}
	return r
}

// Who asks is what was proved, and nothing that a request says of itself.
func TestWho(t *testing.T) {
	cert := func(uri string) *x509.Certificate {
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		a := forge.New(t, "authority").Issue(nil, uri)
		pair, err := tls.LoadX509KeyPair(a.Cert, a.Key)
		if err != nil {
			t.Fatal(err)
		}
		if pair.Leaf.URIs[0].String() != u.String() {
			t.Fatal("another certificate")
		}
		return pair.Leaf
	}
	leaf := cert("spiffe://ddcos/admin/ops")
	basic := func(r *http.Request) { r.SetBasicAuth("prometheus", "x") }
	for _, c := range []struct {
		name   string
		users  func(string) bool
		change func(*http.Request)
		want   string
	}{
		{"an address", nil, nil, "10.0.0.9"},
		{"a certificate", nil, func(r *http.Request) {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}}}
		}, "spiffe://ddcos/admin/ops"},
		{"a certificate that nobody verified", nil, func(r *http.Request) {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
		}, "10.0.0.9"},
		{"a user", func(name string) bool { return name == "prometheus" }, basic, "user prometheus"},
		{"a user that the file does not have", func(string) bool { return false }, basic, "10.0.0.9"},
		{"a user where there are none", nil, basic, "10.0.0.9"},
		{"headers", nil, func(r *http.Request) {
			r.Header.Set("X-Forwarded-For", "10.0.0.1")
			r.Header.Set("X-Remote-User", "root")
			r.Header.Set("Authorization", "Bearer x")
		}, "10.0.0.9"},
	} {
		h := guarded(t, "allow: []\n", c.users)
		if got := h.who(asker("/v1/proc", "10.0.0.9:1234", c.change)); got.Principal != c.want {
			t.Errorf("%s: %+v, want %s", c.name, got, c.want)
		}
	}
	if got := guarded(t, "allow: []\n", nil).who(asker("/", "nowhere", nil)); got.Principal != "" {
		t.Errorf("nobody is %+v", got)
	}
}

// On a Unix socket it is the kernel's word, whatever else is shown.
func TestWhoOnAUnixSocket(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "k2i.sock"))
	if err != nil {
		t.Fatal(err)
	}
	h := guarded(t, "allow: []\n", func(string) bool { return true })
	server := web.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, h.who(r).Principal)
	}), h.options.Log)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", l.Addr().String())
	}}}
	t.Cleanup(client.CloseIdleConnections)
	r := asker("/", "", basicOf("root"))
	r.RequestURI = ""
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err = joinErr(err, answer.Body.Close()); err != nil || string(text) != policy.UID(uint32(os.Getuid())) {
		t.Errorf("%q, %v", text, err)
	}
}

func basicOf(name string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(name, "x") }
}

func joinErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// K29: every route × what somebody may. Without read all but the open ones are 403; with
// read and not read_args nothing in any answer is an argument, and missing says so.
func TestK29Routes(t *testing.T) {
	for _, c := range []struct {
		policy     string
		read, args bool
	}{
		{"allow: []\n", false, false},
		{"allow: [{who: 10.0.0.9, may: read}]\n", true, false},
		{"allow: [{who: 10.0.0.9, may: read_args}]\n", false, true},
		{"allow: [{who: 10.0.0.9, may: [read, read_args]}]\n", true, true},
		{"allow: [{who: 10.0.0.9, may: '*'}]\ndeny: [{who: '*', may: read_args}]\n", true, false},
	} {
		h := guarded(t, c.policy, nil)
		for _, r := range h.routes() {
			path := strings.NewReplacer("{pid}", "1", "{name}", "db").Replace(r.path)
			for _, query := range []string{"", "?fields=pid,args", "?where=args+%7E+%22token%22", "?exited=true", "?sort=args"} {
				if query != "" && path != "/v1/proc" {
					continue
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, asker(path+query, "10.0.0.9:1", nil))
				body := w.Body.String()
				if forbidden := w.Code == http.StatusForbidden; forbidden == (c.read || r.open) {
					t.Errorf("%q: %s%s: %d", c.policy, path, query, w.Code)
				}
				if strings.Contains(body, planted) && (!c.args || !c.read) {
					t.Errorf("%q: %s%s shows an argument:\n%s", c.policy, path, query, body)
				}
				if path == "/v1/proc" && c.read && w.Code == http.StatusOK && strings.Contains(body, `"missing":["args"]`) == c.args {
					t.Errorf("%q: %s%s: missing is\n%s", c.policy, path, query, body)
				}
				if strings.Contains(query, "where") && c.read && w.Code == http.StatusOK && strings.Contains(body, `"pid":1`) != c.args {
					t.Errorf("%q: a condition tells arguments (or none):\n%s", c.policy, body)
				}
			}
		}
	}
}

// W30: a limit that is negative, huge or none is refused, and tells no row more.
func TestW30Limits(t *testing.T) {
	h := guarded(t, "allow: [{who: '*', may: '*'}]\n", nil)
	for _, c := range []struct {
		path string
		want int
	}{
		{"/v1/proc?limit=-1", 400},
		{"/v1/proc?limit=-9223372036854775808", 400},
		{"/v1/proc?limit=9223372036854775808", 400},
		{"/v1/proc?limit=18446744073709551615", 400},
		{"/v1/proc?limit=1e9", 400},
		{"/v1/proc?limit=0x10", 400},
		{"/v1/proc?offset=-1", 400},
		{"/v1/proc?offset=9223372036854775807&limit=9223372036854775807", 400},
		{"/v1/proc?limit=", 400},
		{"/v1/proc?limit=1", 200},
		{"/v1/proc/-1", 400},
		{"/v1/proc/0", 400},
		{"/v1/proc/4294967297", 400},
		{"/v1/proc/18446744073709551617", 400},
		{"/v1/connections?limit=-1", 400},
		{"/v1/connections?limit=99999999999999999999", 400},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, asker(c.path, "10.0.0.9:1", nil))
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d: %s", c.path, w.Code, c.want, w.Body)
		}
	}
	if h.Panics() > 0 {
		t.Errorf("%d panics", h.Panics())
	}
}

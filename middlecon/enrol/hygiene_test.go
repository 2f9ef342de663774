package enrol_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ddcos/middlecon/authority"
	"ddcos/middlecon/enrol"
	"ddcos/protocol"
)

func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// ask sends a question as it is.
func ask(t *testing.T, client *http.Client, address, method, path, kind, body string) (status int, said string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://"+address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestHostileQuestions(t *testing.T) {
	p := newPlace(t, authority.Options{})
	text, _ := p.token(protocol.RoleAgent, time.Hour, 1)
	csr, err := authority.NewRequest(p.newKey())
	if err != nil {
		t.Fatal(err)
	}
	good := fmt.Sprintf(`{"token":%q,"role":"agent","name":"web-1","csr":"%s"}`, text, escaped(csr))
	const kind = "application/json"
	client := p.client()
	for name, c := range map[string]struct {
		method, path, kind, body string
		want                     int
	}{
		"GET":           {"GET", enrol.PathEnrol, kind, "", http.StatusMethodNotAllowed},
		"PUT":           {"PUT", enrol.PathEnrol, kind, good, http.StatusMethodNotAllowed},
		"odd method":    {"X", enrol.PathRenew, kind, "", http.StatusMethodNotAllowed},
		"path":          {"POST", "/v1/enrol/x", kind, good, http.StatusNotFound},
		"root":          {"GET", "/", "", "", http.StatusNotFound},
		"a form":        {"POST", enrol.PathEnrol, "text/plain", good, http.StatusBadRequest},
		"no type":       {"POST", enrol.PathEnrol, "", good, http.StatusBadRequest},
		"nothing":       {"POST", enrol.PathEnrol, kind, "", http.StatusBadRequest},
		"two":           {"POST", enrol.PathEnrol, kind, good + good, http.StatusBadRequest},
		"rest":          {"POST", enrol.PathEnrol, kind, good + "]", http.StatusBadRequest},
		"a list":        {"POST", enrol.PathEnrol, kind, "[" + good + "]", http.StatusBadRequest},
		"more fields":   {"POST", enrol.PathEnrol, kind, strings.Replace(good, "{", `{"x":1,`, 1), http.StatusBadRequest},
		"large":         {"POST", enrol.PathEnrol, kind, strings.Replace(good, "{", "{"+strings.Repeat(" ", enrol.MaxBody), 1), http.StatusBadRequest},
		"deep":          {"POST", enrol.PathEnrol, kind, strings.Repeat("[", 10_000), http.StatusBadRequest},
		"no CSR":        {"POST", enrol.PathEnrol, kind, strings.Replace(good, "BEGIN", "BEGAN", 1), http.StatusBadRequest},
		"no name":       {"POST", enrol.PathEnrol, kind, strings.Replace(good, "web-1", "", 1), http.StatusBadRequest},
		"a way out":     {"POST", enrol.PathEnrol, kind, strings.Replace(good, "web-1", "../admin/x", 1), http.StatusBadRequest},
		"no role":       {"POST", enrol.PathEnrol, kind, strings.Replace(good, `"agent"`, `"root"`, 1), http.StatusBadRequest},
		"renew, no one": {"POST", enrol.PathRenew, kind, "", http.StatusUnauthorized},
	} {
		status, said := ask(t, client, p.address, c.method, c.path, c.kind, c.body)
		if status != c.want {
			t.Errorf("%s: %d %s, want %d", name, status, said, c.want)
		}
		if strings.Contains(said, text) {
			t.Errorf("%s: the token is told: %s", name, said)
		}
	}
	if status, said := ask(t, client, p.address, "POST", enrol.PathEnrol, kind+"; charset=utf-8", good); status != http.StatusOK {
		t.Errorf("after all of these: %d %s", status, said)
	}
}

// TestRate: an address is held to a rate, and others do not suffer.
func TestRate(t *testing.T) {
	p := newPlace(t, authority.Options{})
	asked := func(from string) int {
		r := httptest.NewRequest(http.MethodPost, enrol.PathEnrol, http.NoBody)
		r.RemoteAddr, r.TLS = from, &tls.ConnectionState{}
		w := httptest.NewRecorder()
		p.handler.ServeHTTP(w, r)
		if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
			t.Error("it is not told when to come again")
		}
		return w.Code
	}
	refused := 0
	for i := range 400 {
		if asked(fmt.Sprintf("10.0.0.1:%d", 1000+i)) == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 100 {
		t.Errorf("%d of 400 were refused", refused)
	}
	for _, other := range []string{"10.0.0.2:1", "[2001:db8::1]:1", "@"} {
		if got := asked(other); got != http.StatusBadRequest {
			t.Errorf("%s suffers: %d", other, got)
		}
	}
	refused = 0
	for i := range 400 {
		if asked(fmt.Sprintf("[2001:db8:0:1:%x::1]:1", i+1)) == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 100 {
		t.Errorf("%d of 400 of one network were refused", refused)
	}
	for i := range 20_000 { // whatever comes, the table is bounded
		asked(fmt.Sprintf("10.1.%d.%d:1", i>>8, i&255))
	}
	if strings.Contains(p.log.String(), "too_often") {
		t.Error("who asks too often fills the log")
	}
}

// TestSlowBody: whoever does not send what it began is not waited for.
func TestSlowBody(t *testing.T) {
	t.Parallel() // it waits
	p := newPlace(t, authority.Options{})
	body, write := io.Pipe()
	defer func() { _ = write.Close() }()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.server.URL+enrol.PathEnrol, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := p.client().Do(r)
	if err != nil {
		return // closed: as good
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", response.StatusCode)
	}
}

func TestNotOverTLS(t *testing.T) {
	p := newPlace(t, authority.Options{})
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, enrol.PathEnrol, strings.NewReader("{}")))
	if w.Code != http.StatusForbidden {
		t.Errorf("status %d", w.Code)
	}
}

// FuzzQuestion: no body brings the endpoint down, or a certificate up.
func FuzzQuestion(f *testing.F) {
	key, err := authority.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	csr, err := authority.NewRequest(key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"token":"a.b","role":"agent","name":"web-1","csr":"` + escaped(csr) + `"}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"token":1}`))
	dir := f.TempDir()
	ca, _, err := authority.Ensure(authority.Options{Dir: filepath.Join(dir, "ca")})
	if err != nil {
		f.Fatal(err)
	}
	handler := enrol.NewHandler(enrol.Options{Authority: ca, Tokens: filepath.Join(dir, "tokens.json"), Log: slog.New(slog.DiscardHandler)})
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest(http.MethodPost, enrol.PathEnrol, bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		sum := crc32.ChecksumIEEE(body) // each from an address of its own: the rate is not what is tried
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", sum>>16&255, sum>>8&255, sum&255)
		r.TLS = &tls.ConnectionState{}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		var told struct {
			Code  enrol.Code
			Error string
		}
		err := json.Unmarshal(w.Body.Bytes(), &told)
		again := w.Code == http.StatusTooManyRequests // one body many times
		if w.Code != http.StatusBadRequest && w.Code != http.StatusForbidden && !again || err != nil || told.Code == "" {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}

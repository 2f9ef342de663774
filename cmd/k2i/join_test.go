package main

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/middlecon/authority"
	"ddcos/middlecon/broker"
	"ddcos/middlecon/broker/started"
	"ddcos/middlecon/creds"
	"ddcos/middlecon/creds/forge"
	"ddcos/middlecon/enrol"
	"ddcos/middlecon/policy"
	"ddcos/middlecon/tokens"
	"ddcos/protocol"
)

// hub is a broker with an authority, as 'middlecon up' makes them.
type hub struct {
	*testing.T
	ca          *authority.Authority
	tokens, pin string
	address     string // host:port
	socket      string // the same broker's, where nothing is asked
	named       int
}

func newHub(t *testing.T) *hub {
	t.Helper()
	dir := t.TempDir()
	ca, _, err := authority.Ensure(authority.Options{Dir: filepath.Join(dir, "ca")})
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{T: t, ca: ca, tokens: filepath.Join(dir, "tokens.json")}
	if h.pin, err = ca.Pin(); err != nil {
		t.Fatal(err)
	}
	files := enrol.Files{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "broker.crt"), Key: filepath.Join(dir, "broker.key")}
	key, _, err := files.EnsureKey()
	if err != nil {
		t.Fatal(err)
	}
	c, err := ca.Issue(authority.Request{Name: authority.Name{Role: protocol.RoleBroker, Host: "hub"}, Key: &key.PublicKey, IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := files.Save(&enrol.Answer{Certificate: string(c.Chain), Roots: string(c.Roots)}); err != nil {
		t.Fatal(err)
	}
	h.socket, h.address = serveTLS(t, creds.ServerFiles{Cert: files.Cert, Key: files.Key, ClientCA: files.CA}, enrol.Options{Authority: ca, Tokens: h.tokens})
	return h
}

// serveTLS runs a broker on a socket and by TLS.
func serveTLS(t *testing.T, files creds.ServerFiles, options enrol.Options) (socket, address string) {
	t.Helper()
	server, err := creds.NewServer(files)
	if err != nil {
		t.Fatal(err)
	}
	o := broker.DefaultOptions()
	o.TLS, o.Log = server, slog.New(slog.DiscardHandler)
	if o.Policy, err = policy.Parse([]byte("allow:\n- {who: 'uid *', may: '*'}\n- {who: role agent, may: join, rooms: k2i}\n- {who: spiffe://prod.example/ns/ops/*, may: join, rooms: k2i}\n")); err != nil {
		t.Fatal(err)
	}
	if options.Authority != nil {
		options.Log = o.Log
		o.Enrol = enrol.NewHandler(options)
	}
	o.Listen = []protocol.Address{{Network: "unix", Where: filepath.Join(t.TempDir(), "m.sock")}, {Network: "tls", Where: "127.0.0.1:0"}}
	for _, a := range started.With(t, o).Addresses() {
		if a.Network == "tls" {
			address = a.Where
		} else {
			socket = a.String()
		}
	}
	return socket, address
}

// token makes one for a role and so many uses.
func (h *hub) token(role string, uses int) string {
	h.Helper()
	now := time.Now()
	h.named++
	one, secret, err := tokens.New("t"+string(rune('a'+h.named)), role, tokens.Join, now, now.Add(time.Hour))
	if err != nil {
		h.Fatal(err)
	}
	one.Uses = uses
	if err := tokens.Update(h.tokens, func(l tokens.List) (tokens.List, error) { return l.Add(one, now) }); err != nil {
		h.Fatal(err)
	}
	return secret
}

// members are those of the room k2i.
func members(t *testing.T, socket string) (names []string) {
	t.Helper()
	conn, err := middlecon.Dial(t.Context(), socket, middlecon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	view, err := conn.Members(t.Context(), "k2i")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range view.Joined {
		names = append(names, m.Name+"@"+m.Host)
	}
	return names
}

// join runs the command to its end.
func join(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, complaint bytes.Buffer
	status = run(t.Context(), append([]string{"join"}, args...), &out, &complaint)
	return out.String(), complaint.String(), status
}

func TestJoinServes(t *testing.T) {
	h := newHub(t)
	dir := filepath.Join(t.TempDir(), "etc", "tls")
	log, stop := start(t, "join", "tls://"+h.address, "--token", h.token("agent", 1), "--ca-hash", h.pin, "--dir", dir,
		"--name", "web-1", "--listen", "unix://"+filepath.Join(t.TempDir(), "k.sock"), "--interval", "100ms")
	log.wait(t, "joined the room")
	if got := members(t, h.socket); len(got) != 1 || got[0] != "web-1@web-1" {
		t.Errorf("members %v", got)
	}
	for name, want := range map[string]os.FileMode{".": os.ModeDir | 0o700, "host.key": 0o600, "host.crt": 0o644, "ca.crt": 0o644, "joined.json": 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if status := stop(); status != 0 {
		t.Errorf("status %d", status)
	}
	// What it wrote is enough to serve by.
	f := serveFlags{}
	command := serveCommand()
	if err := f.asJoined(command.Flags(), dir); err != nil || f.broker != "tls://"+h.address || f.agent.name != "web-1" || f.joined.Role != "agent" {
		t.Errorf("%+v, %v", f, err)
	}
	leaf, err := filesIn(dir).Leaf()
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := f.joined.renew(t.Context(), leaf); err != nil || answer.Name != "spiffe://ddcos/agent/web-1" {
		t.Errorf("renewed: %+v, %v", answer, err)
	}

	var out bytes.Buffer
	if status := run(t.Context(), []string{"leave", "--dir", dir}, &out, &out); status != 0 || !strings.Contains(out.String(), "middlecon ca release agent/web-1") {
		t.Errorf("%d %s", status, &out)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestEnrolOnly(t *testing.T) {
	h := newHub(t)
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(h.token("client", 1)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{h.address, "--token-file", file, "--ca-hash", h.pin, "--dir", dir, "--role", "client", "--name", "ops", "--enrol-only"}
	stdout, stderr, status := join(t, append(args, "--json")...)
	var told joinJSON
	if err := json.Unmarshal([]byte(stdout), &told); status != 0 || err != nil || told.Name != "spiffe://ddcos/client/ops" || len(told.Wrote) != 4 || len(told.Kept) != 0 {
		t.Fatalf("%d %s%s", status, stdout, stderr)
	}
	for _, path := range told.Wrote {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.ReadDir(dir); err != nil || len(info) != len(told.Wrote) {
		t.Errorf("it wrote more than it says: %v, %v", info, err)
	}
	// The token has been used: whoever stole it meanwhile has nothing, and the files stay.
	before, err := os.ReadFile(told.Wrote[1])
	if err != nil {
		t.Fatal(err)
	}
	if _, stderr, status := join(t, args...); status != exitFailure || !strings.Contains(stderr, "used as often") {
		t.Errorf("%d %s", status, stderr)
	}
	if after, err := os.ReadFile(told.Wrote[1]); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the certificate is another: %v", err)
	}
	// Nor does an agent of the same directory take a client's place, or a client an agent's.
	agent := []string{h.address, "--token", h.token("agent", 1), "--ca-hash", h.pin, "--dir", dir, "--name", "web1", "--enrol-only"}
	if _, stderr, status := join(t, agent...); status != exitMisuse || !strings.Contains(stderr, dir+" has the certificate of client/ops, which this one would replace: give another directory") {
		t.Errorf("%d %s", status, stderr)
	}
	if after, err := os.ReadFile(told.Wrote[1]); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the certificate is another: %v", err)
	}
	// The agent's own commands do not take a client's certificate for theirs.
	f := serveFlags{}
	if err := f.asJoined(serveCommand().Flags(), dir); err != nil || f.broker != "" || f.joined.Address != "" {
		t.Errorf("%+v, %v", f, err)
	}
	var out bytes.Buffer
	if status := run(t.Context(), []string{"keep", "--dir", t.TempDir()}, &out, &out); status != exitFailure || !strings.Contains(out.String(), "k2i join --dir") {
		t.Errorf("kept what is not there: %d %s", status, &out)
	}
}

func TestJoinRefused(t *testing.T) {
	h := newHub(t)
	exposed := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(exposed, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	wrong := "sha256:" + strings.Repeat("0", 64)
	agent := h.token("agent", 1)
	for name, c := range map[string]struct {
		args   []string
		status int
		says   string
	}{
		"wrong hash":   {[]string{h.address, "--token", agent, "--ca-hash", wrong}, exitFailure, h.pin},
		"no token":     {[]string{h.address, "--ca-hash", h.pin}, exitMisuse, "--token-file"},
		"two tokens":   {[]string{h.address, "--token", "x", "--token-file", "y", "--ca-hash", h.pin}, exitMisuse, "either"},
		"no hash":      {[]string{h.address, "--token", "x"}, exitMisuse, "--ca-hash"},
		"odd hash":     {[]string{h.address, "--token", "x", "--ca-hash", "sha256:x"}, exitMisuse, "hexadecimal"},
		"odd name":     {[]string{h.address, "--token", "x", "--ca-hash", h.pin, "--name", "a b"}, exitMisuse, "--name"},
		"odd role":     {[]string{h.address, "--token", "x", "--ca-hash", h.pin, "--role", "root"}, exitMisuse, "agent, client"},
		"other role":   {[]string{h.address, "--token", agent, "--ca-hash", h.pin, "--role", "admin", "--enrol-only"}, exitFailure, "--role"},
		"unknown":      {[]string{h.address, "--token", "x", "--ca-hash", h.pin}, exitFailure, "middlecon token new"},
		"nobody there": {[]string{"127.0.0.1:1", "--token", "x", "--ca-hash", h.pin}, exitFailure, "refused"},
		"exposed":      {[]string{h.address, "--token-file", exposed, "--ca-hash", h.pin}, exitFailure, "0600"},
		"no file":      {[]string{h.address, "--token-file", exposed + "x", "--ca-hash", h.pin}, exitFailure, "no such file"},
		"no address":   {nil, exitMisuse, "usage"},
		"two":          {[]string{"a", "b"}, exitMisuse, "usage"},
	} {
		dir := filepath.Join(t.TempDir(), "tls")
		stdout, stderr, status := join(t, append(c.args, "--dir", dir)...)
		if status != c.status || !strings.Contains(stderr, c.says) || stdout != "" || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: %d %s%s", name, status, stdout, stderr)
		}
		if strings.Contains(stderr, agent) {
			t.Errorf("%s: the token is told: %s", name, stderr)
		}
		if _, err := os.Stat(filepath.Join(dir, "host.crt")); !os.IsNotExist(err) {
			t.Errorf("%s: a certificate was written: %v", name, err)
		}
	}
}

// TestCertificatesFromElsewhere: an agent and a broker by another authority's
// certificates, of any trust domain.
func TestCertificatesFromElsewhere(t *testing.T) {
	ca := forge.New(t, "another")
	server := ca.Issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, "spiffe://prod.example/broker")
	client := ca.Issue(nil, "spiffe://prod.example/ns/ops/sa/k2i")
	socket, address := serveTLS(t, creds.ServerFiles{Cert: server.Cert, Key: server.Key, ClientCA: ca.CA()}, enrol.Options{})
	log, _ := start(t, "serve", "--broker", "tls://"+address, "--tls-ca", ca.CA(), "--tls-cert", client.Cert, "--tls-key", client.Key,
		"--name", "node7", "--listen", "unix://"+filepath.Join(t.TempDir(), "k.sock"), "--interval", "100ms")
	log.wait(t, "joined the room")
	if got := members(t, socket); len(got) != 1 || got[0] != "node7@prod.example/ns/ops/sa/k2i" {
		t.Errorf("members %v", got)
	}
}

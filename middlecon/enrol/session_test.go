package enrol_test

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/middlecon/authority"
	"ddcos/middlecon/broker"
	"ddcos/middlecon/broker/started"
	"ddcos/middlecon/creds"
	"ddcos/middlecon/enrol"
	"ddcos/protocol"
)

// live is a broker with an authority behind it, and a host that keeps its
// certificate; both renew by themselves.
type live struct {
	*testing.T
	ca      *authority.Authority // of certificates that live for a moment
	long    *authority.Authority // the same, of those that live for a day
	host    enrol.Files
	address string // host:port
	socket  string
	renewed chan string // serial numbers of the host's certificates
}

const (
	shortLife = 18 * time.Second // a third of which a busy machine may lose
	look      = 50 * time.Millisecond
)

func newLive(t *testing.T) *live {
	t.Helper()
	dir := t.TempDir()
	ca, _, err := authority.Ensure(authority.Options{Dir: filepath.Join(dir, "ca"), Life: shortLife})
	if err != nil {
		t.Fatal(err)
	}
	long, err := authority.Open(authority.Options{Dir: filepath.Join(dir, "ca")})
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) enrol.Files {
		return enrol.Files{CA: filepath.Join(dir, name, "ca.crt"), Cert: filepath.Join(dir, name, "one.crt"), Key: filepath.Join(dir, name, "one.key")}
	}
	l := &live{T: t, ca: ca, long: long, host: in("host"), renewed: make(chan string, 100)}
	l.serve(in("broker"))
	l.keep(l.ca, agentNamed("web-1"), l.host, nil, func(ctx context.Context, leaf *x509.Certificate) (*enrol.Answer, error) {
		config, err := creds.Client{CA: l.host.CA, Cert: l.host.Cert, Key: l.host.Key}.Config()
		if err != nil {
			return nil, err
		}
		key, _, err := l.host.EnsureKey()
		if err != nil {
			return nil, err
		}
		l.renewed <- leaf.SerialNumber.String()
		return enrol.Renew(ctx, l.address, config, agentNamed("web-1"), &key.PublicKey)
	})
	return l
}

// issue is what the authority gives without being asked over the network.
func (l *live) issue(by *authority.Authority, name authority.Name, files enrol.Files) (*enrol.Answer, error) {
	key, _, err := files.EnsureKey()
	if err != nil {
		return nil, err
	}
	c, err := by.Issue(authority.Request{Name: name, Key: &key.PublicKey, IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
	if err != nil {
		return nil, err
	}
	return &enrol.Answer{Name: name.URI().String(), Certificate: string(c.Chain), Roots: string(c.Roots)}, nil
}

// keep makes a first certificate, and keeps it for as long as the test lasts.
func (l *live) keep(by *authority.Authority, name authority.Name, files enrol.Files, stale func(*x509.Certificate) bool, renew func(context.Context, *x509.Certificate) (*enrol.Answer, error)) {
	l.Helper()
	first, err := l.issue(by, name, files)
	if err != nil {
		l.Fatal(err)
	}
	if err := files.Save(first); err != nil {
		l.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&enrol.Keeper{Files: files, Look: look, Stale: stale, Renew: renew, Log: slog.New(slog.DiscardHandler)}).Run(ctx)
	}()
	l.Cleanup(func() {
		cancel()
		<-done
	})
}

// serve runs the broker, whose certificate follows the authority.
func (l *live) serve(files enrol.Files) {
	l.Helper()
	hub := authority.Name{Role: protocol.RoleBroker, Host: "hub"}
	l.keep(l.long, hub, files, func(leaf *x509.Certificate) bool {
		roots, err := l.ca.Roots()
		if err != nil {
			return false
		}
		newest, err := authority.ParseCertificates(roots)
		return err == nil && leaf.CheckSignatureFrom(newest[0]) != nil
	}, func(context.Context, *x509.Certificate) (*enrol.Answer, error) { return l.issue(l.long, hub, files) })
	server, err := creds.NewServer(creds.ServerFiles{Cert: files.Cert, Key: files.Key, ClientCA: files.CA})
	if err != nil {
		l.Fatal(err)
	}
	o := broker.DefaultOptions()
	o.TLS, o.Enrol = server, enrol.NewHandler(enrol.Options{Authority: l.ca, Tokens: filepath.Join(l.TempDir(), "t"), Log: slog.New(slog.DiscardHandler)})
	o.Listen = []protocol.Address{{Network: "unix", Where: filepath.Join(l.TempDir(), "m.sock")}, {Network: "tls", Where: "127.0.0.1:0"}}
	b := started.With(l.T, o)
	for _, a := range b.Addresses() {
		if a.Network == "tls" {
			l.address = a.Where
		} else {
			l.socket = a.String()
		}
	}
}

// TestSessionOutlivesItsCertificate has a member answer calls while its certificate,
// and its broker's, are renewed several times, and the authority once. It is never
// turned away for good, and the last call is answered by a certificate of the
// new authority.
func TestSessionOutlivesItsCertificate(t *testing.T) {
	t.Parallel() // it waits
	l := newLive(t)
	config, err := creds.Client{CA: l.host.CA, Cert: l.host.Cert, Key: l.host.Key}.Config()
	if err != nil {
		t.Fatal(err)
	}
	member, err := middlecon.Dial(t.Context(), "tls://"+l.address, middlecon.Options{Timeout: time.Minute, TLS: config, Reconnect: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = member.Close() }()
	if _, err := member.Join(t.Context(), "room", middlecon.Member{Name: "web-1"}, func(_ context.Context, m *middlecon.Message) ([]byte, error) { return m.Payload, nil }); err != nil {
		t.Fatal(err)
	}
	caller, err := middlecon.Dial(t.Context(), l.socket, middlecon.Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = caller.Close() }()
	for renewals := range 2 {
		select {
		case <-l.renewed:
		case <-time.After(60 * time.Second):
			t.Fatalf("%d renewals", renewals)
		}
		if renewals == 0 {
			if err := l.ca.Rotate(time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		l.answered(caller)
	}
	for last, deadline := "", time.Now().Add(time.Minute); time.Now().Before(deadline); { // the second renewal is written
		leaf, err := l.host.Leaf()
		if err == nil && last != "" && leaf.SerialNumber.String() != last {
			break
		}
		if err == nil {
			last = leaf.SerialNumber.String()
		}
		l.answered(caller)
	}
	roots, err := l.ca.Roots()
	if err != nil {
		t.Fatal(err)
	}
	newest, err := authority.ParseCertificates(roots)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := l.host.Leaf()
	if err != nil || leaf.CheckSignatureFrom(newest[0]) != nil {
		t.Errorf("the host's certificate is not the new authority's: %v", err)
	}
	l.answered(caller)
}

// answered calls until the member has answered; a session whose certificate has
// ended comes again by the next one.
func (l *live) answered(caller *middlecon.Conn) {
	l.Helper()
	ctx, cancel := context.WithTimeout(l.Context(), 60*time.Second)
	defer cancel()
	for {
		account, err := caller.Call(ctx, "room", []byte("x"), middlecon.CallOptions{Deadline: 10 * time.Second})
		if err != nil {
			l.Fatal(err)
		}
		if len(account.Outcomes) == 1 && account.Met {
			return
		}
	}
}

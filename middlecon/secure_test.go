package middlecon_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"ddcos/middlecon"
	"ddcos/middlecon/broker"
	"ddcos/middlecon/broker/started"
	"ddcos/middlecon/creds"
	"ddcos/middlecon/creds/forge"
	"ddcos/protocol"
)

// serveTLS runs a broker that believes an authority until the test ends.
func serveTLS(t *testing.T, a *forge.Authority, where string) (address string, stop func()) {
	t.Helper()
	own := a.Broker()
	options := broker.DefaultOptions()
	options.Listen = []protocol.Address{{Network: "tls", Where: where}}
	var err error
	if options.TLS, err = creds.NewServer(creds.ServerFiles{Cert: own.Cert, Key: own.Key, ClientCA: a.CA()}); err != nil {
		t.Fatal(err)
	}
	b := started.With(t, options)
	return b.Addresses()[0].String(), b.Stop
}

func optionsOf(t *testing.T, address string, c creds.Client) middlecon.Options {
	t.Helper()
	config, token, err := c.For(address)
	if err != nil {
		t.Fatal(err)
	}
	return middlecon.Options{Timeout: patience, TLS: config, Token: token}
}

// TestLifeOverTLS: join, call with large messages, watch, and coming back to a broker that
// was started anew, with a certificate that was made meanwhile.
func TestLifeOverTLS(t *testing.T) {
	a := forge.New(t, "authority")
	address, stop := serveTLS(t, a, "127.0.0.1:0")
	of := func(who string) middlecon.Options {
		own := a.Issue(nil, who)
		return optionsOf(t, address, creds.Client{CA: a.CA(), Cert: own.Cert, Key: own.Key})
	}
	options := of("spiffe://ddcos/agent/web-1")
	options.Reconnect = true
	member, err := middlecon.Dial(t.Context(), address, options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = member.Close() }()
	answer := bytes.Repeat([]byte("answer"), 1<<18)
	echo := func(_ context.Context, m *middlecon.Message) ([]byte, error) {
		return append(answer, m.Payload...), nil
	}
	if _, err := member.Join(t.Context(), "r", middlecon.Member{Name: "m"}, echo); err != nil {
		t.Fatal(err)
	}
	call := func() {
		t.Helper()
		caller, err := middlecon.Dial(t.Context(), address, of("spiffe://ddcos/client/desk"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = caller.Close() }()
		account, err := caller.Call(t.Context(), "r", []byte("question"), middlecon.CallOptions{Wait: 1, WaitUpTo: patience, Deadline: patience})
		if err != nil {
			t.Fatal(err)
		}
		o := account.Outcomes[0]
		if len(account.Outcomes) != 1 || o.Outcome != protocol.OK || o.Host != "web-1" || !bytes.Equal(o.Reply, append(answer, "question"...)) {
			t.Fatalf("%+v of %s, %d bytes", o.Outcome, o.Host, len(o.Reply))
		}
	}
	call()
	stop()
	_, where, _ := strings.Cut(address, "://")
	serveTLS(t, a, where)
	call()
}

// Every way in which TLS can fail is told by a sentence that says what to do.
func TestWhyNotOverTLS(t *testing.T) {
	a, other := forge.New(t, "authority"), forge.New(t, "other")
	address, _ := serveTLS(t, a, "127.0.0.1:0")
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plain.Close() }()
	go func() {
		for {
			c, err := plain.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("SSH-2.0-not-this\r\n"))
			_ = c.Close()
		}
	}()
	own, strange, two := a.Issue(nil, "spiffe://ddcos/agent/x"), other.Issue(nil, "spiffe://ddcos/agent/x"), a.Issue(nil, "spiffe://ddcos/agent/x", "spiffe://ddcos/admin/x")
	for name, c := range map[string]struct {
		address string
		client  creds.Client
		says    string
		code    protocol.Code
	}{
		"wrong authority":       {address, creds.Client{CA: other.CA(), Cert: own.Cert, Key: own.Key}, "--tls-ca names", 0},
		"no certificate":        {address, creds.Client{CA: a.CA()}, "--tls-cert and --tls-key name one", protocol.CodeUnauthenticated},
		"a strange certificate": {address, creds.Client{CA: a.CA(), Cert: strange.Cert, Key: strange.Key}, `issued by "CN=other"`, protocol.CodeUnauthenticated},
		"two URIs":              {address, creds.Client{CA: a.CA(), Cert: two.Cert, Key: two.Key}, "exactly one", protocol.CodeUnauthenticated},
		"another name":          {address, creds.Client{CA: a.CA(), Cert: own.Cert, Key: own.Key, Name: "b.example"}, "--tls-name", 0},
		"no TLS":                {"tls://" + plain.Addr().String(), creds.Client{CA: a.CA()}, "no TLS is spoken there", 0},
	} {
		_, err := middlecon.Dial(t.Context(), c.address, optionsOf(t, c.address, c.client))
		var told *protocol.Error
		if !errors.Is(err, middlecon.ErrUnreachable) || !strings.Contains(err.Error(), c.says) || errors.As(err, &told) != (c.code != 0) || told != nil && told.Code != c.code {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if _, err := middlecon.Dial(t.Context(), address, middlecon.Options{}); err == nil || !strings.Contains(err.Error(), "Options.TLS") {
		t.Errorf("without a configuration: %v", err)
	}
}

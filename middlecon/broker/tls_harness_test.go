package broker

import (
	"crypto/tls"
	"net"
	"os"
	"testing"

	"ddcos/middlecon/creds"
	"ddcos/middlecon/creds/forge"
	"ddcos/protocol"
)

// overVariable makes every TCP session of a test one over TLS.
const overVariable = "BROKER_TEST_OVER"

var over = os.Getenv(overVariable)

// overTLS lets a broker be reached by TLS as well, and asks nobody who it is.
func overTLS(t testing.TB, o *Options) {
	t.Helper()
	files := forge.New(t, "authority").Broker()
	o.Listen = append(o.Listen, protocol.Address{Network: "tls", Where: "127.0.0.1:0"})
	o.TLS, o.Anonymous = serverOf(t, creds.ServerFiles{Cert: files.Cert, Key: files.Key}), true
}

func serverOf(t testing.TB, files creds.ServerFiles) *creds.Server {
	t.Helper()
	s, err := creds.NewServer(files)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mutual lets a broker be reached by TLS by those whom an authority knows, who may do
// everything.
func mutual(t testing.TB, a *forge.Authority, change func(*Options)) *Broker {
	t.Helper()
	if over != "" {
		t.Skip("it is about TLS itself")
	}
	files := a.Broker()
	return start(t, func(o *Options) {
		o.Listen = append(o.Listen, protocol.Address{Network: "tls", Where: "127.0.0.1:0"})
		o.TLS = serverOf(t, creds.ServerFiles{Cert: files.Cert, Key: files.Key, ClientCA: a.CA()})
		o.Policy = policyOf(t, "allow: [{who: '*', may: '*'}]")
		if change != nil {
			change(o)
		}
	})
}

// secured speaks TLS, and believes whoever answers.
func secured(c net.Conn) net.Conn {
	return tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol.ALPN}})
}

// shows connects with a certificate.
func shows(t testing.TB, b *Broker, files forge.Files) *raw {
	t.Helper()
	r := connect(t, b, "tls")
	cert, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	r.c = tls.Client(r.c.(*tls.Conn).NetConn(), &tls.Config{
		InsecureSkipVerify: true, NextProtos: []string{protocol.ALPN}, Certificates: []tls.Certificate{cert},
	})
	return r
}

// greeted says Hello and gives the welcome's kind, or the code and the text of the refusal.
func (r *raw) greeted() (protocol.Kind, *protocol.Error) {
	r.t.Helper()
	r.write(helloFrame())
	f := r.next()
	if f.Kind != protocol.KindError {
		return f.Kind, nil
	}
	var text protocol.ErrorText
	if err := protocol.DecodeAnswer(f.Meta, &text); err != nil {
		r.t.Fatal(err)
	}
	return f.Kind, &protocol.Error{Code: f.Code, Text: text.Text}
}

// admitted says Hello and must be welcome.
func (r *raw) admitted() *raw {
	r.t.Helper()
	if _, refused := r.greeted(); refused != nil {
		r.t.Fatal(refused)
	}
	return r
}

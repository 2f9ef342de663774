package middlecon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"ddcos/protocol"
)

// open connects, by TLS where the address says so, and gives the token to show there.
func (c *Conn) open(ctx context.Context, p place) (nc net.Conn, token string, err error) {
	at := p.at
	secure := at.Network == "tls"
	if secure && c.options.TLS == nil {
		return nil, "", errors.New("this process was given nothing to speak TLS by: Options.TLS")
	}
	if secure && c.options.Token != nil {
		if token, err = c.options.Token(); err != nil {
			return nil, "", err
		}
	}
	var d net.Dialer
	nc, err = d.DialContext(ctx, at.Dialled(), at.Where)
	if err != nil || !secure {
		return nc, "", err
	}
	t := tls.Client(nc, secured(c.options.TLS, p.host))
	if err := t.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, "", untrusted(err)
	}
	if p := t.ConnectionState().NegotiatedProtocol; p != protocol.ALPN {
		_ = nc.Close()
		return nil, "", fmt.Errorf("it speaks %q by TLS and not %s: is this a middlecon broker?", p, protocol.ALPN)
	}
	return t, token, nil
}

// secured is a configuration for one host. The name that is verified is told to
// VerifyConnection also where it is an IP address, which crypto/tls leaves out.
func secured(config *tls.Config, host string) *tls.Config {
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName = host
	}
	name, verify := config.ServerName, config.VerifyConnection
	if verify != nil {
		config.VerifyConnection = func(cs tls.ConnectionState) error {
			cs.ServerName = name
			return verify(cs)
		}
	}
	return config
}

// untrusted says of a handshake that failed what its error leaves out.
func untrusted(err error) error {
	var plain tls.RecordHeaderError
	if errors.As(err, &plain) {
		return errors.New("no TLS is spoken there: is it tcp:// that is listened on?")
	}
	return err
}

// cause drops what net's errors repeat: the address is in our own sentence.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
	"unique"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// handshakesMost bounds the TLS connections whose handshake or hello is under way; who comes
// then waits to be accepted. A silent one has its place for Options.HelloTimeout, and as long again.
const handshakesMost = 2048

const protocolHTTP = "http/1.1"

// protocols are what a handshake may agree on.
func (b *Broker) protocols() []string {
	if b.options.Enrol == nil {
		return []string{protocol.ALPN}
	}
	return []string{protocol.ALPN, protocolHTTP}
}

// admit makes a handshake with a connection that was accepted, and then a session.
func (b *Broker) admit(ctx context.Context, c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		_ = c.Close()
		return
	}
	b.handshakes <- struct{}{} // the door has seen that there is a place, and is the only one to take any
	full := b.sessions.Add(1) > int64(b.limit)
	b.greeting.Go(func() {
		err := b.handshake(ctx, tcp, full)
		<-b.handshakes
		if err != nil {
			b.sessions.Add(-1)
			b.refusals.log(b.options.Log, "refused", "peer", c.RemoteAddr().String(), "reason", err.Error())
			_ = c.Close()
		}
	})
}

// handshake takes a connection over, or says why it does not.
func (b *Broker) handshake(ctx context.Context, c *net.TCPConn, full bool) error {
	until := time.Now().Add(b.options.HelloTimeout)
	w, err := newLine(c)
	if err != nil {
		return err
	}
	if err := errors.Join(w.SetDeadline(until), c.SetWriteBuffer(sendBuffer)); err != nil {
		return err
	}
	// The context ends it with the broker: that closes the connection.
	t := tls.Server(w, b.config)
	if err := t.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("no handshake: %w", err)
	}
	if full {
		b.sessions.Add(-1)
		b.hangUp(t, protocol.CodeTooManySessions)
		return nil
	}
	switch agreed := t.ConnectionState().NegotiatedProtocol; agreed {
	case protocol.ALPN:
		return b.seal(c, w, t)
	case protocolHTTP:
		return b.web.take(t)
	default:
		return fmt.Errorf("it agreed on no protocol by ALPN; a session needs %s", protocol.ALPN)
	}
}

// seal makes a session of a connection after its handshake.
func (b *Broker) seal(c *net.TCPConn, w *line, t *tls.Conn) error {
	s := &session{id: b.lastSession.Add(1), kind: hidden}
	reader := &fed{b: b, s: s, stream: t, line: w, taken: make(chan struct{}, 1)}
	reader.taking = reader.take
	from, ok := addressOf(c.RemoteAddr())
	if !ok {
		return errors.New("a TCP connection without an address")
	}
	s.kin = unique.Make(room.Peer{Host: from.String(), Principal: room.Principal(from.String())})
	refused := reader.recognise(t.ConnectionState().PeerCertificates, time.Now())
	if probed(c) {
		s.probe = &probing{fd: w.fd}
	}
	if refused == nil {
		err := w.SetDeadline(time.Now().Add(b.options.HelloTimeout))
		if err == nil {
			reader.came, err = firstOf(t)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			s.kind |= overdue
		} else if err != nil {
			return fmt.Errorf("no hello: %w", err)
		}
	}
	if err := errors.Join(tune(c, s.probe != nil), w.SetDeadline(time.Time{})); err != nil {
		return err
	}
	w.loosen()
	b.readers.Add(1)
	b.turnFor(func() {
		b.sealed++
		b.open(s, reader)
		if refused != nil {
			b.refuseCredential(reader, refused)
		}
	})
	go reader.read()
	return nil
}

// firstOf reads until a hello is whole, or something has come that is none.
func firstOf(t io.Reader) (came []byte, err error) {
	for buf := make([]byte, readLittle); ; {
		n, err := t.Read(buf)
		came = append(came, buf[:n]...)
		if saidAll(came) {
			return came, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

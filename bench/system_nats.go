package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"ddcos/protocol"
)

// Names that the measurement uses on a nats-server.
const (
	natsReplies = "bench.reply." // and the number of the call
	natsConnect = `CONNECT {"verbose":false,"pedantic":false,"lang":"go","version":"1"}` + "\r\n"
)

func natsSystem() system {
	return system{
		name: "nats", program: "bench-nats", made: "peers",
		note: "nats: nats-server v2.15.2; its caller is told how many replies to wait for",
		args: func(listen protocol.Address) []string { return []string{"--listen", listen.Where} },
		wire: func(int) wire { return &natsWire{} },
		dial: dialNATS,
	}
}

// natsWire is a member that answers each message with the message's own payload.
type natsWire struct{ in bool }

func (w *natsWire) joined() bool { return w.in }

func (w *natsWire) hello(out []byte) []byte {
	return append(append(out, natsConnect...), "SUB "+callRoom+" 1\r\nPING\r\n"...)
}

func (w *natsWire) take(in, out []byte) (int, []byte, error) {
	m, size, err := parseNATS(in)
	if err != nil || size == 0 {
		return 0, out, err
	}
	switch m.verb {
	case natsMsg:
		out = appendPub(out, m.reply, nil, m.payload)
	case natsPing:
		out = append(out, "PONG\r\n"...)
	case natsPong: // what was said before it has been done
		w.in = true
	}
	return size, out, nil
}

// appendPub appends a message to subject; reply, where the answers go, may be empty.
func appendPub(out, subject, reply, payload []byte) []byte {
	out = append(append(out, "PUB "...), subject...)
	if len(reply) > 0 {
		out = append(append(out, ' '), reply...)
	}
	out = strconv.AppendInt(append(out, ' '), int64(len(payload)), 10)
	out = append(append(out, "\r\n"...), payload...)
	return append(out, "\r\n"...)
}

// natsCaller publishes with a reply subject and counts what comes back to it.
type natsCaller struct {
	conn    net.Conn
	members int
	calls   int
	buf     []byte
	start   int // of what has not been parsed
	wrong   int // replies that belong to another call, or are not what was sent
}

// natsBuffer is room for many replies in one read.
const natsBuffer = 64 << 10

func dialNATS(ctx context.Context, broker protocol.Address, members int) (caller, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, broker.Network, broker.Where)
	if err != nil {
		return nil, err
	}
	c := &natsCaller{conn: conn, members: members, buf: make([]byte, 0, natsBuffer)}
	if err := c.greet(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("nats-server: %w", err)
	}
	return c, nil
}

func (c *natsCaller) greet(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := c.conn.Write([]byte(natsConnect + "SUB " + natsReplies + "* 1\r\nPING\r\n")); err != nil {
		return err
	}
	for {
		m, err := c.next()
		if err != nil || m.verb == natsPong {
			return err
		}
	}
}

func (c *natsCaller) call(ctx context.Context, payload []byte) error {
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := c.conn.SetDeadline(time.Now().Add(callDeadline)); err != nil {
		return err
	}
	c.calls++
	c.wrong = 0
	inbox := strconv.AppendInt([]byte(natsReplies), int64(c.calls), 10)
	if _, err := c.conn.Write(appendPub(nil, []byte(callRoom), inbox, payload)); err != nil {
		return err
	}
	for got := 0; got < c.members; {
		m, err := c.next()
		switch {
		case err != nil:
			return fmt.Errorf("nats-server, after %d of %d replies: %w", got, c.members, err)
		case m.verb == natsPing:
			if _, err := c.conn.Write([]byte("PONG\r\n")); err != nil {
				return err
			}
		case m.verb == natsMsg:
			got++
			if !bytes.Equal(m.subject, inbox) || !bytes.Equal(m.payload, payload) {
				c.wrong++
			}
		}
	}
	return nil
}

func (c *natsCaller) check([]byte) error {
	if c.wrong > 0 {
		return fmt.Errorf("%w: %d of nats-server's replies are not those to this call", ErrAccount, c.wrong)
	}
	return nil
}

// next reads one message, whose bytes live until the next call of next.
func (c *natsCaller) next() (natsMessage, error) {
	for {
		m, size, err := parseNATS(c.buf[c.start:])
		if err != nil {
			return m, err
		}
		if size > 0 {
			c.start += size
			return m, nil
		}
		c.buf = c.buf[:copy(c.buf, c.buf[c.start:])]
		c.start = 0
		n, err := c.conn.Read(c.buf[len(c.buf):cap(c.buf)])
		if n == 0 && err != nil {
			return m, err
		}
		c.buf = c.buf[:len(c.buf)+n]
	}
}

func (c *natsCaller) close() error { return c.conn.Close() }

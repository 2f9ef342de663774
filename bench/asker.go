package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"ddcos/protocol"
)

// asker is a caller's end of a system's protocol. As a member's wire it knows bytes and no socket,
// so that what differs between two systems is the system.
type asker interface {
	// hello appends what the caller says first.
	hello(out []byte) []byte
	// ready tells that the broker has done what hello asked for.
	ready() bool
	// ask appends a call of that number, which is not 0, to all members.
	ask(out []byte, call uint64, payload []byte) []byte
	// take reads one message at the head of in, which lives until the next take, and appends what
	// it demands. used is 0 while in holds only a part of one.
	take(in, out []byte) (used int, r reply, answer []byte, err error)
}

// reply is what one member answered.
type reply struct {
	call    uint64 // 0: the message was none
	member  uint64 // 0: the system does not say who
	payload []byte
	last    bool // the system says that nobody else will answer
}

// ending is how a caller learns that all have answered.
type ending int

const (
	toldCount ending = iota // it was told how many there are
	toldLast                // the broker says so
	bySilence               // it waits until nothing has come for a while
)

// stall is how long nats.js waits for one more reply, where it is not told how many will come.
const stall = 300 * time.Millisecond

// readBuffer is room for many replies in one read.
const readBuffer = 64 << 10

// bareCaller calls by an asker's bytes over a socket of its own.
type bareCaller struct {
	asker
	conn    net.Conn
	until   ending
	members int
	calls   uint64
	got     int      // replies to the last call
	wrong   int      // of them, those that belong to another call or are not what was sent
	short   int      // calls that silence ended before all had answered
	who     []uint64 // answered the last call, where the system says it
	buf     []byte
	start   int // of what has not been taken from buf
	out     []byte
}

func dialBare(ctx context.Context, broker protocol.Address, a asker, until ending, members int) (*bareCaller, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, broker.Network, broker.Where)
	if err != nil {
		return nil, err
	}
	c := &bareCaller{asker: a, conn: conn, until: until, members: members, buf: make([]byte, 0, readBuffer)}
	stop := c.bounded(ctx)
	defer stop()
	if _, err = conn.Write(a.hello(nil)); err == nil {
		for err == nil && !a.ready() {
			_, err = c.next()
		}
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("the broker did not greet: %w", err)
	}
	return c, nil
}

// bounded makes reads and writes fail when ctx ends.
func (c *bareCaller) bounded(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
}

func (c *bareCaller) call(ctx context.Context, payload []byte) error {
	if err := c.conn.SetDeadline(time.Now().Add(callDeadline)); err != nil {
		return err
	}
	stop := c.bounded(ctx)
	defer stop()
	c.calls++
	c.got, c.wrong, c.who = 0, 0, c.who[:0]
	c.out = c.ask(c.out[:0], c.calls, payload)
	if _, err := c.conn.Write(c.out); err != nil {
		return err
	}
	for {
		r, err := c.next()
		if c.until == bySilence && c.got > 0 && errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("after %d of %d replies: %w", c.got, c.members, err)
		}
		if r.call == 0 || c.until == bySilence && r.call < c.calls {
			continue // the rest of a call that was taken for ended is nobody's
		}
		c.got++
		if r.call != c.calls || !bytes.Equal(r.payload, payload) {
			c.wrong++
		}
		if r.member != 0 {
			c.who = append(c.who, r.member)
		}
		if c.until == toldCount && c.got == c.members || r.last {
			return nil
		}
	}
}

// check finds replies that are missing, of others, or there twice.
func (c *bareCaller) check([]byte) error {
	if c.wrong > 0 {
		return fmt.Errorf("%w: %d of %d replies are not those to this call", ErrAccount, c.wrong, c.got)
	}
	if c.until == bySilence && c.got < c.members {
		c.short++ // it cannot know
		return nil
	}
	if c.got != c.members {
		return fmt.Errorf("%w: %d replies of %d members", ErrAccount, c.got, c.members)
	}
	seen := make(map[uint64]bool, len(c.who))
	for _, member := range c.who {
		if seen[member] {
			return fmt.Errorf("%w: two replies of member %d", ErrAccount, member)
		}
		seen[member] = true
	}
	return nil
}

// remark tells what check could not hold against the system.
func (c *bareCaller) remark() string {
	if c.short == 0 {
		return ""
	}
	return fmt.Sprintf("; %d of its %d calls ended before all had answered", c.short, c.calls)
}

// next takes one message, whose bytes live until the next call of next.
func (c *bareCaller) next() (reply, error) {
	for {
		used, r, answer, err := c.take(c.buf[c.start:], c.out[:0])
		if err != nil {
			return r, err
		}
		c.out = answer
		if len(answer) > 0 {
			if _, err := c.conn.Write(answer); err != nil {
				return r, err
			}
		}
		if used > 0 {
			c.start += used
			return r, nil
		}
		if err := c.read(); err != nil {
			return r, err
		}
	}
}

// read waits for more bytes than there are.
func (c *bareCaller) read() error {
	c.buf = c.buf[:copy(c.buf, c.buf[c.start:])]
	c.start = 0
	if len(c.buf) == cap(c.buf) {
		return fmt.Errorf("a message of over %d bytes", cap(c.buf))
	}
	if c.until == bySilence && c.got > 0 {
		if err := c.conn.SetReadDeadline(time.Now().Add(stall)); err != nil {
			return err
		}
	}
	n, err := c.conn.Read(c.buf[len(c.buf):cap(c.buf)])
	if n == 0 && err != nil {
		return err
	}
	c.buf = c.buf[:len(c.buf)+n]
	return nil
}

func (c *bareCaller) reached() int { return c.got }

func (c *bareCaller) close() error { return c.conn.Close() }

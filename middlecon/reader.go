package middlecon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"

	"ddcos/protocol"
)

// reader cuts a stream into frames. A frame's bytes live until the next call of next.
type reader struct {
	from  net.Conn
	buf   []byte
	start int // of what has not been parsed
}

// next reads one frame, waiting for the network where there is no whole one.
func (r *reader) next() (protocol.Frame, error) {
	for {
		f, size, err := protocol.Parse(r.buf[r.start:], protocol.MaxFrame)
		if err != nil {
			return f, err
		}
		if size > 0 {
			r.start += size
			return f, nil
		}
		if err := r.fill(); err != nil {
			return f, err
		}
	}
}

// waits tells whether next would have to wait for the network.
func (r *reader) waits() bool {
	_, size, err := protocol.Parse(r.buf[r.start:], protocol.MaxFrame)
	return size == 0 && err == nil
}

func (r *reader) fill() error {
	if r.buf == nil {
		r.buf = make([]byte, 0, protocol.MaxFrame)
	}
	if r.start > 0 {
		r.buf = r.buf[:copy(r.buf, r.buf[r.start:])]
		r.start = 0
	}
	n, err := r.from.Read(r.buf[len(r.buf):cap(r.buf)])
	r.buf = r.buf[:len(r.buf)+n]
	if n > 0 {
		return nil
	}
	return err
}

// read is the goroutine of the connection's session, and of those that follow when it
// is lost. While the connection moves, the session that is left has its own still.
func (c *Conn) read(l *link) {
	for l != nil {
		l = c.lost(l, c.frames(l))
	}
}

// frames takes frames until the session is over, and tells why it is.
func (c *Conn) frames(l *link) error {
	for {
		f, err := l.in.next()
		if err == nil {
			l.came(f)
			err = c.take(l, f)
			l.broken = err != nil && !errors.Is(err, protocol.CodeUnresponsive)
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("the broker ended the session")
			}
			return err
		}
		if l.in.waits() {
			l.receipts()
		}
	}
}

// take routes one frame to whom it is for.
func (c *Conn) take(l *link, f protocol.Frame) error {
	switch f.Kind {
	case protocol.KindDeliver, protocol.KindOffered:
		return c.deliver(l, f)
	case protocol.KindBind:
		c.bind(l, f)
	case protocol.KindBound:
		return c.bound(f)
	case protocol.KindCancel:
		c.cancelled(l, f)
	case protocol.KindPing:
		return l.out.frame(protocol.Header{Kind: protocol.KindPong, Sequence: f.Sequence}, nil, nil)
	case protocol.KindView:
		return c.viewed(f)
	case protocol.KindJoined:
		if err := c.joined(l, f); err != nil {
			return err
		}
		return c.answer(f)
	case protocol.KindExpelled:
		c.expelled(l, f)
	case protocol.KindError:
		if f.Sequence == 0 {
			return frameError(f)
		}
		if !c.watchFailed(l, f) {
			return c.answer(f)
		}
	case protocol.KindAccount, protocol.KindLeft, protocol.KindForgot, protocol.KindPublished, protocol.KindStated, protocol.KindStats, protocol.KindWilled, protocol.KindDraining:
		return c.answer(f)
	case protocol.KindGoAway:
		return c.goAway(l, f)
	case protocol.KindAck:
		return l.out.acked(f.Sequence)
	case protocol.KindLastWord:
		return c.lastWord(l, f)
	case protocol.KindPong:
	default:
		if f.Flags&protocol.FlagIgnorable == 0 {
			return fmt.Errorf("a %s frame from the broker, which this version does not know", f.Kind)
		}
	}
	return nil
}

// answer gives a frame to the request it is for, and ends the request when
// its answer is whole.
func (c *Conn) answer(f protocol.Frame) error {
	c.mu.Lock()
	r, rejoins := c.waiting[f.Sequence], c.joining[f.Sequence]
	if r == nil && f.Code == protocol.CodeForbidden {
		delete(c.joining, f.Sequence)
	}
	c.mu.Unlock()
	if r == nil {
		if f.Kind != protocol.KindError || rejoins == nil {
			return nil
		}
		if f.Code == protocol.CodeForbidden { // trying again would not help
			rejoins.expel(frameError(f))
			return nil
		}
		return frameError(f)
	}
	a := answer{header: f.Header}
	switch f.Kind {
	case protocol.KindError:
		a.err = frameError(f)
	case protocol.KindAccount: // the account is the reader's until it is whole
		if r.account == nil {
			return fmt.Errorf("an account for a request that was no call")
		}
		if r.left.Load() {
			if f.Flags&protocol.FlagMore != 0 {
				return nil
			}
			break
		}
		whole, err := r.account.add(f)
		if err != nil {
			return err
		}
		r.outcomes.Store(int64(len(r.account.Outcomes)))
		if r.more(); !whole {
			return nil
		}
	default:
		a.meta = bytes.Clone(f.Meta)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting[f.Sequence] == r { // nobody else has ended it
		delete(c.waiting, f.Sequence)
		r.answer <- a
	}
	r.credit.back()
	return nil
}

// receipts acknowledges the deliveries of one batch of reads whose handlers
// have not replied. They get one turn first: a quick handler costs one frame.
func (l *link) receipts() {
	if len(l.batch) == 0 {
		return
	}
	runtime.Gosched()
	for i, d := range l.batch {
		if !d.replied.Load() {
			// An error ends the session, which the reader finds out by itself.
			_ = d.link.out.frame(protocol.Header{Kind: protocol.KindReceipt, Sequence: d.call, Room: d.room}, nil, nil)
		}
		l.batch[i] = nil
	}
	l.batch = l.batch[:0]
}

package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// door is where connections come in: one goroutine accepts, and hands to the loop who has
// said a whole hello, or has not in time. So who drips bytes wakes the loop for none of them,
// and is looked at as seldom as the door rests. How many may wait is Options.Sessions.
type door struct {
	b         *Broker
	file      *os.File // an epoll: listeners as long as anybody comes, newcomers when something comes
	poll      syscall.RawConn
	listeners map[int32]listener  // by descriptor
	newcomers map[int32]*newcomer // that owe a hello, likewise
	byTime    []*newcomer         // the same by when they came, and some that owe none any more
	events    [doorEvents]unix.EpollEvent
	peeked    [protocol.MaxFirst]byte
	shut      []int32 // of TLS listeners, that are not listened to as there are handshakesMost under way
	carried   uint64  // of the broker's, when the door has looked last
	failing   bool    // it has been logged that nobody can be accepted
}

// doorEvents is how many are looked at before the door looks who comes.
const doorEvents = 64

// newcomer is a connection that owes a hello until then.
type newcomer struct {
	net.Conn
	fd    int32
	until time.Time
	let   bool // it is the loop's, or closed
}

// newDoor has everybody who comes wait who has come through the listeners.
func newDoor(b *Broker) (*door, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	_ = unix.SetNonblock(fd, true) // so Go's own poller waits for it
	d := &door{b: b, file: os.NewFile(uintptr(fd), "door"), listeners: map[int32]listener{}, newcomers: map[int32]*newcomer{}}
	if d.poll, err = d.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, d.file.Close())
	}
	for _, l := range b.listeners {
		fd, err := descriptor(l.Listener)
		if err == nil {
			err = d.watch(fd, unix.EPOLLIN)
		}
		if err != nil {
			return nil, errors.Join(err, d.file.Close())
		}
		d.listeners[fd] = l
	}
	return d, nil
}

// descriptor is that of a connection or a listener.
func descriptor(c any) (fd int32, err error) {
	owner, ok := c.(syscall.Conn)
	if !ok {
		return 0, fmt.Errorf("a %T has no descriptor", c)
	}
	raw, err := owner.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(is uintptr) { fd = int32(is) })
	return fd, err
}

func (d *door) watch(fd int32, events uint32) error {
	return d.control(unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Fd: fd, Events: events})
}

func (d *door) control(op int, fd int32, event *unix.EpollEvent) (err error) {
	if failed := d.poll.Control(func(poll uintptr) { err = unix.EpollCtl(int(poll), op, int(fd), event) }); failed != nil {
		return failed
	}
	return os.NewSyscallError("epoll_ctl", err)
}

// attend is the door's goroutine, until ctx ends. Who has not said a hello then never will.
func (d *door) attend(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = d.file.Close() })
	defer stop()
	for {
		n, err := d.wait()
		if ctx.Err() != nil {
			break
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			d.b.options.Log.Error("the door does not hear who comes", "error", err)
			pause(ctx, acceptPause)
		}
		began := time.Now()
		for _, event := range d.events[:n] {
			if l, is := d.listeners[event.Fd]; is {
				if !d.closes(event.Fd) {
					d.accept(ctx, l)
				}
			} else if c := d.newcomers[event.Fd]; c != nil && (event.Events&^unix.EPOLLIN != 0 || d.whole(c)) { // nothing but input: it ends
				d.let(c, false)
			}
			began = d.rest(ctx, began)
		}
		for len(d.byTime) > 0 && ctx.Err() == nil {
			c := d.byTime[0]
			if !c.let && time.Now().Before(c.until) {
				break
			}
			d.byTime[0] = nil
			if d.byTime = d.byTime[1:]; !c.let {
				d.let(c, !d.whole(c))
				began = d.rest(ctx, began)
			}
		}
	}
	for _, c := range d.newcomers {
		d.b.sessions.Add(-1)
		d.b.hangUp(c.Conn, protocol.CodeShuttingDown)
	}
}

// wait tells of how many there are events, after the next that comes or the next newcomer's
// time at the latest.
func (d *door) wait() (n int, err error) {
	until := time.Time{}
	if len(d.byTime) > 0 {
		until = d.byTime[0].until
	}
	if soon := time.Now().Add(acceptPause); len(d.shut) > 0 && !d.reopened() && (until.IsZero() || soon.Before(until)) {
		until = soon
	}
	if err := d.file.SetReadDeadline(until); err != nil {
		return 0, err
	}
	failed := d.poll.Read(func(poll uintptr) bool {
		n, err = unix.EpollWait(int(poll), d.events[:], 0)
		return n != 0
	})
	if errors.Is(err, unix.EINTR) {
		err = nil
	}
	return max(n, 0), errors.Join(err, failed)
}

// closes stops listening where TLS is spoken, if no handshake more may begin.
func (d *door) closes(fd int32) bool {
	if d.listeners[fd].network != "tls" || len(d.b.handshakes) < cap(d.b.handshakes) {
		return false
	}
	if d.control(unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Fd: fd}) == nil {
		d.shut = append(d.shut, fd)
	}
	return true
}

// reopened listens again where one more may.
func (d *door) reopened() bool {
	if len(d.b.handshakes) == cap(d.b.handshakes) {
		return false
	}
	for _, fd := range d.shut {
		_ = d.control(unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Fd: fd, Events: unix.EPOLLIN}) // as in closes
	}
	d.shut = nil
	return true
}

// Who comes costs the processors several times what its hello costs the loop. While others
// need the loop the door rests as long as it has worked, and doorRestMost at most; newcomers
// wait in the listeners' backlogs, which have to hold a storm of them.
const (
	doorRestMost = 150 * time.Microsecond
	doorSlice    = 20 * time.Microsecond // less is not worth a rest
)

// rest is after a piece of work that began then; the next begins when it tells.
func (d *door) rest(ctx context.Context, began time.Time) time.Time {
	took := time.Since(began)
	if took < doorSlice {
		return began
	}
	if now := d.b.carried.Load(); now != d.carried {
		d.carried = now
		pause(ctx, min(took, doorRestMost))
	}
	return time.Now()
}

// let hands a newcomer to the loop, which ends it if it is late.
func (d *door) let(c *newcomer, late bool) {
	c.let = true
	delete(d.newcomers, c.fd)
	_ = d.control(unix.EPOLL_CTL_DEL, c.fd, nil) // it outlives its descriptor
	d.b.enrol(c.Conn, late)
}

// whole tells whether a hello has come that the loop may have, or something that is none.
func (d *door) whole(c *newcomer) bool {
	n, _, err := unix.Recvfrom(int(c.fd), d.peeked[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return false
	}
	if err != nil || n == 0 {
		return true // it is gone
	}
	return saidAll(d.peeked[:n])
}

// saidAll tells whether that is a whole first frame, or cannot become one.
func saidAll(came []byte) bool {
	_, size, err := protocol.Parse(came, protocol.MaxFirst)
	return size > 0 || err != nil
}

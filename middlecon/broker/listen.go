package broker

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"
	"unique"

	"golang.org/x/sys/unix"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// acceptPause is after what accept is tried again: a full file table passes.
const acceptPause = 50 * time.Millisecond

// accept takes one connection of those that wait. gnet's own accept would end the engine
// when the file table is full; here that is waited out.
func (d *door) accept(ctx context.Context, l listener) {
	b := d.b
	err := b.spare.hold()
	var c net.Conn
	if err == nil {
		c, err = l.Accept()
	}
	switch {
	case err == nil:
		d.failing = false
		d.comes(ctx, l, c)
	case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
	default:
		if !d.failing {
			d.failing = true
			b.options.Log.Warn("cannot accept; newcomers wait", "address", l.Addr().String(), "error", err)
		}
		pause(ctx, acceptPause)
	}
}

// comes is for who was accepted: the hello may be there already.
func (d *door) comes(ctx context.Context, l listener, c net.Conn) {
	b := d.b
	if l.network == "tls" {
		b.admit(ctx, c)
		return
	}
	if b.sessions.Add(1) > int64(b.limit) {
		b.sessions.Add(-1)
		b.hangUp(c, protocol.CodeTooManySessions)
		return
	}
	fd, err := descriptor(c)
	one := &newcomer{Conn: c, fd: fd, until: time.Now().Add(b.options.HelloTimeout)}
	if err == nil {
		if d.whole(one) {
			b.enrol(c, false)
			return
		}
		err = d.watch(fd, unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLET)
	}
	if err != nil {
		b.forgo(c, err)
		return
	}
	d.newcomers[fd] = one
	d.byTime = append(d.byTime, one)
}

// forgo ends a connection that cannot be taken over.
func (b *Broker) forgo(c net.Conn, why error) {
	b.sessions.Add(-1)
	b.options.Log.Warn("cannot take a connection over", "error", why)
	_ = c.Close()
}

// pause waits so long, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// enrol hands a connection to the loop, which ends it if it is late with its hello.
func (b *Broker) enrol(c net.Conn, late bool) {
	s := &session{id: b.lastSession.Add(1)}
	err := b.identify(s, c)
	if late {
		s.kind |= overdue
	}
	if err == nil {
		// EnrollContext closes c and goes on with a descriptor of its own.
		b.spare.lend(func() { _, err = b.engine.EnrollContext(c, s) })
	}
	if err != nil {
		b.forgo(c, err)
	}
}

// uidPrefix begins the principals that are users of this host.
const uidPrefix = "uid "

// identify asks the kernel who is at the other end.
func (b *Broker) identify(s *session, c net.Conn) error {
	switch c := c.(type) {
	case *net.UnixConn:
		cred, err := peerCredentials(c)
		if err != nil {
			return err
		}
		s.pid = cred.Pid
		s.kin = unique.Make(room.Peer{Host: b.options.Host, Principal: room.Principal(uidPrefix + strconv.FormatUint(uint64(cred.Uid), 10))})
	case *net.TCPConn:
		from, ok := addressOf(c.RemoteAddr())
		if !ok {
			return errors.New("a TCP connection without an address")
		}
		s.kin = unique.Make(room.Peer{Host: from.String(), Principal: room.Principal(from.String())})
		s.kind |= hidden
		if probed(c) {
			s.probe = &probing{}
		}
		strip(c)
		return tune(c, s.probe != nil)
	}
	return nil
}

// strip takes both hosts' addresses off a connection that was identified. gnet keeps
// them for as long as it lives and needs neither; and of an IPv6 zone it would give
// away memory that is not its own.
func strip(c *net.TCPConn) {
	for _, a := range []net.Addr{c.LocalAddr(), c.RemoteAddr()} {
		if tcp, ok := a.(*net.TCPAddr); ok {
			tcp.IP, tcp.Zone = net.IPv4zero, ""
		}
	}
}

func peerCredentials(c *net.UnixConn) (*unix.Ucred, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return nil, err
	}
	return cred, failed
}

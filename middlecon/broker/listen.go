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

// Who is accepted costs the processors several times what its hello costs the loop. While
// others need the loop the listener rests after each, acceptRest times what that took and
// acceptRestMost at most; newcomers wait in its backlog, which has to hold a storm of them.
const (
	acceptRest     = 2
	acceptRestMost = 300 * time.Microsecond
)

// accept takes connections until the listener is closed. gnet's own accept
// would end the engine when the file table is full; here that is waited out.
func (b *Broker) accept(ctx context.Context, l listener) {
	failing := false // it has been logged
	carried := uint64(0)
	for {
		err := b.spare.hold()
		var c net.Conn
		if err == nil {
			c, err = l.Accept()
		}
		switch {
		case err == nil:
			failing = false
			began := time.Now()
			if l.network == "tls" {
				b.admit(ctx, c)
			} else {
				b.enrol(c)
			}
			if now := b.carried.Load(); now != carried {
				carried = now
				pause(ctx, min(acceptRest*time.Since(began), acceptRestMost))
			}
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		default:
			if !failing {
				failing = true
				b.options.Log.Warn("cannot accept; newcomers wait", "address", l.Addr().String(), "error", err)
			}
			pause(ctx, acceptPause)
		}
	}
}

// pause waits so long, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// enrol hands a connection to the loop, or refuses it when the broker is full.
func (b *Broker) enrol(c net.Conn) {
	if b.sessions.Add(1) > int64(b.limit) {
		b.sessions.Add(-1)
		b.hangUp(c, protocol.CodeTooManySessions)
		return
	}
	s := &session{id: b.lastSession.Add(1)}
	if err := b.identify(s, c); err != nil {
		b.sessions.Add(-1)
		b.options.Log.Warn("cannot tell who connects", "error", err)
		_ = c.Close()
		return
	}
	// EnrollContext closes c and goes on with a descriptor of its own.
	var err error
	b.spare.lend(func() { _, err = b.engine.EnrollContext(c, s) })
	if err != nil {
		b.sessions.Add(-1)
		b.options.Log.Warn("cannot take a connection over", "error", err)
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

package broker

import (
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// Failures of accept are waited out: a full file table passes.
const (
	acceptPause  = 50 * time.Millisecond
	refuseWithin = 100 * time.Millisecond // a refused connection's one frame may take this long
)

// A peer that is gone without a word is found by the kernel: three seconds
// after bytes that it does not acknowledge, or by probes after a second of
// silence. Sessions that were all called together are also probed together, in
// one burst, which overflows the kernel's own queues when they are many, and
// then healthy sessions die: only the first keepAliveSessions are probed.
const (
	userTimeout       = 3 * time.Second
	probeAfter        = time.Second
	probeCount        = 2
	keepAliveSessions = 512
)

// accept takes connections until the listener is closed. gnet's own accept
// would end the engine when the file table is full; here that is waited out.
func (b *Broker) accept(ctx context.Context, l net.Listener) {
	failing := false // it has been logged
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			failing = false
			b.enrol(c)
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		default:
			if !failing {
				failing = true
				b.options.Log.Warn("cannot accept; newcomers wait", "address", l.Addr().String(), "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(acceptPause):
			}
		}
	}
}

// enrol hands a connection to the loop, or refuses it when the broker is full.
func (b *Broker) enrol(c net.Conn) {
	if b.sessions.Add(1) > int64(b.limit) {
		b.sessions.Add(-1)
		refuse(c, protocol.CodeTooManySessions)
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
	if _, err := b.engine.EnrollContext(c, s); err != nil {
		b.sessions.Add(-1)
		b.options.Log.Warn("cannot take a connection over", "error", err)
	}
}

// identify asks the kernel who is at the other end.
func (b *Broker) identify(s *session, c net.Conn) error {
	switch c := c.(type) {
	case *net.UnixConn:
		cred, err := peerCredentials(c)
		if err != nil {
			return err
		}
		s.peer.Host, s.peer.PID, s.local = b.options.Host, cred.Pid, true
	case *net.TCPConn:
		if addr, ok := c.RemoteAddr().(*net.TCPAddr); ok {
			s.peer.Host = addr.AddrPort().Addr().Unmap().String()
		}
		return tune(c, b.sessions.Load() <= keepAliveSessions)
	}
	return nil
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

// tune tells the kernel how to find out that a TCP peer is gone.
func tune(c *net.TCPConn, probed bool) error {
	probes := net.KeepAliveConfig{Enable: probed, Idle: probeAfter, Interval: probeAfter, Count: probeCount}
	if err := c.SetKeepAliveConfig(probes); err != nil {
		return err
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
	}); err != nil {
		return err
	}
	return failed
}

// refuse tells a connection why it is closed, as far as it listens.
func refuse(c net.Conn, code protocol.Code) {
	defer func() { _ = c.Close() }()
	_ = c.SetWriteDeadline(time.Now().Add(refuseWithin))
	if frame, err := protocol.AppendFrame(nil, protocol.Header{Kind: protocol.KindError, Code: code}, nil, nil); err == nil {
		_, _ = c.Write(frame)
	}
}

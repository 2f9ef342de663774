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

// Failures of accept are waited out: a full file table passes.
const (
	acceptPause  = 50 * time.Millisecond
	refuseWithin = 100 * time.Millisecond // a refused connection's one frame may take this long
)

// accept takes connections until the listener is closed. gnet's own accept
// would end the engine when the file table is full; here that is waited out.
func (b *Broker) accept(ctx context.Context, l net.Listener) {
	failing := false // it has been logged
	for {
		err := b.spare.hold()
		var c net.Conn
		if err == nil {
			c, err = l.Accept()
		}
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
		s.peer.Host, s.peer.PID = b.options.Host, cred.Pid
		s.peer.Principal = room.Principal(shared(uidPrefix + strconv.FormatUint(uint64(cred.Uid), 10)))
	case *net.TCPConn:
		if addr, ok := c.RemoteAddr().(*net.TCPAddr); ok {
			s.peer.Host = shared(addr.AddrPort().Addr().Unmap().String())
			s.peer.Principal = room.Principal(s.peer.Host)
		}
		s.ping = &pinging{}
		if probed(c) {
			s.probe = &probing{}
		}
		return tune(c, s.probe != nil)
	}
	return nil
}

// shared is one copy of a text that very many sessions have.
func shared(text string) string { return unique.Make(text).Value() }

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

// refuse tells a connection why it is closed, as far as it listens.
func refuse(c net.Conn, code protocol.Code) {
	defer func() { _ = c.Close() }()
	_ = c.SetWriteDeadline(time.Now().Add(refuseWithin))
	if frame, err := protocol.AppendFrame(nil, protocol.Header{Kind: protocol.KindError, Code: code}, nil, nil); err == nil {
		_, _ = c.Write(frame)
	}
}

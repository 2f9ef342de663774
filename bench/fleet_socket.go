package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

const (
	perSource = 16384   // members that share a source address: its ports are not endless
	maxUnsent = 1 << 20 // bytes that a member keeps for a broker that does not read
)

// socket is one member's connection.
type socket struct {
	fd     int
	index  int32 // in the fleet's list
	wire   wire
	in     []byte // the part of a message that has come
	unsent []byte // what the kernel has not taken
}

// connect opens one more member's socket and says hello on it.
func (f *fleet) connect(ctx context.Context, broker protocol.Address, w wire) error {
	fd, err := dialSocket(ctx, broker, len(f.sockets)/perSource)
	if err != nil {
		return err
	}
	s := &socket{fd: fd, index: int32(len(f.sockets)), wire: w}
	f.sockets = append(f.sockets, s)
	if err := unix.EpollCtl(f.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: s.index}); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return f.send(s, w.hello(nil))
}

// dialSocket is a connected descriptor that the runtime's own poller does not watch.
func dialSocket(ctx context.Context, broker protocol.Address, source int) (fd int, err error) {
	d := net.Dialer{KeepAlive: -1}
	if broker.Network == "tcp" && broker.Local() {
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+source))}
		d.Control = lateBind
	}
	c, err := d.DialContext(ctx, broker.Network, broker.Where)
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	sc, ok := c.(syscall.Conn)
	if !ok {
		return 0, fmt.Errorf("a %T has no descriptor", c)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Control(func(of uintptr) { fd, failed = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(err, failed)
}

// lateBind lets the kernel choose the port when it knows the destination, so that a port can
// serve one connection to each broker.
func lateBind(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
	return errors.Join(err, failed)
}

// turn reads what came on one socket, once, and answers all of it in one write.
func (f *fleet) turn(s *socket, events uint32) error {
	if events&unix.EPOLLOUT != 0 {
		rest := s.unsent
		s.unsent = nil
		if err := f.send(s, rest); err != nil {
			return err
		}
		if len(s.unsent) == 0 {
			return f.watch(s, unix.EPOLLIN)
		}
	}
	if events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) == 0 {
		return nil
	}
	n, err := unix.Read(s.fd, f.buf)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("the broker ended the connection: %w", err)
	case n == 0:
		return errors.New("the broker ended the connection")
	}
	return f.answer(s, f.buf[:n])
}

// heard tells that the broker has asked whether the member lives.
func (s *socket) heard() bool {
	w, ok := s.wire.(interface{ pinged() bool })
	return ok && w.pinged()
}

// answer takes the messages in what came; the part of one that is left over waits for its rest.
func (f *fleet) answer(s *socket, came []byte) (err error) {
	if len(s.in) > 0 {
		s.in = append(s.in, came...)
		came = s.in
	}
	before, heard := s.wire.joined(), s.heard()
	f.out = f.out[:0]
	for {
		var used int
		used, f.out, err = s.wire.take(came, f.out)
		if err != nil {
			return err
		}
		if used == 0 {
			break
		}
		came = came[used:]
	}
	s.in = append(s.in[:0], came...)
	if !before && s.wire.joined() {
		f.joined++
	}
	if !heard && s.heard() {
		f.pinged++
	}
	if len(f.out) == 0 {
		return nil
	}
	return f.send(s, f.out)
}

// send writes b, or keeps what the kernel does not take until it does.
func (f *fleet) send(s *socket, b []byte) error {
	n := 0
	if len(s.unsent) == 0 {
		var err error
		if n, err = unix.Write(s.fd, b); err != nil {
			if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
				return fmt.Errorf("the broker ended the connection: %w", err)
			}
			n = 0
		}
	}
	if n == len(b) {
		return nil
	}
	if len(s.unsent)+len(b)-n > maxUnsent {
		return fmt.Errorf("the broker has left %d bytes unread", len(s.unsent))
	}
	s.unsent = append(s.unsent, b[n:]...)
	return f.watch(s, unix.EPOLLIN|unix.EPOLLOUT)
}

func (f *fleet) watch(s *socket, events uint32) error {
	if err := unix.EpollCtl(f.epoll, unix.EPOLL_CTL_MOD, s.fd, &unix.EpollEvent{Events: events, Fd: s.index}); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

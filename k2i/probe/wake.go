package probe

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// waker tells when a ring that was empty holds something, so that nobody has to
// look at it meanwhile: a machine on which nothing happens is not woken at all.
type waker struct {
	file  *os.File // the ring's map, by a descriptor that the runtime's poller has
	asked chan struct{}
	ready chan struct{}
	done  chan struct{}
}

// newWaker watches the ring of a map; filled tells whether it holds anything.
func newWaker(ring int, filled func() bool) (*waker, error) {
	fd, err := unix.FcntlInt(uintptr(ring), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil { // else the runtime would not poll it
		_ = unix.Close(fd)
		return nil, err
	}
	w := &waker{
		file:  os.NewFile(uintptr(fd), "events"),
		asked: make(chan struct{}, 1), ready: make(chan struct{}, 1), done: make(chan struct{}),
	}
	conn, err := w.file.SyscallConn()
	if err != nil {
		_ = w.file.Close()
		return nil, err
	}
	go w.watch(conn, filled)
	return w, nil
}

// watch answers each request once. Where the descriptor cannot be waited for it
// answers at once, and the ring is looked at as if it held something.
func (w *waker) watch(conn syscall.RawConn, filled func() bool) {
	defer close(w.done)
	for range w.asked {
		_ = conn.Read(func(uintptr) bool { return filled() })
		select {
		case w.ready <- struct{}{}:
		default: // not taken yet, and as good as another
		}
	}
}

// notify asks for a value in the channel once the ring holds something.
func (w *waker) notify() <-chan struct{} {
	select {
	case w.asked <- struct{}{}:
	default: // it has been asked
	}
	return w.ready
}

// Close returns when the ring is not looked at any more.
func (w *waker) Close() error {
	close(w.asked)
	err := w.file.Close()
	<-w.done
	return err
}

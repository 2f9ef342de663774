package broker

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// line is the TCP connection below a TLS session. During the handshake it is an
// ordinary one; from then on writes never wait, because it is the loop that writes: what
// the kernel does not take is held, and tried again.
type line struct {
	net.Conn
	fd int

	mu     sync.Mutex // guards the fields below
	loose  bool       // writes do not wait
	held   []byte     // that the kernel has not taken
	failed error      // writing is over

	// The reader's.
	greeting int    // bytes that came in the handshake
	records  uint64 // that came
	header   [recordHeader]byte
	have     int // bytes of header
	skip     int // bytes that are left of the record
}

// recordHeader is the length of a TLS record's, whose last two bytes say how much follows.
const recordHeader = 5

// maxGreeting bounds what may come in a handshake, in bytes: a chain of some certificates.
const maxGreeting = 32 << 10

var errGreeting = errors.New("the handshake is longer than is borne with")

func newLine(c net.Conn) (*line, error) {
	fd, err := descriptor(c)
	return &line{Conn: c, fd: int(fd)}, err
}

// Read counts what comes, the records as well: of those that carry nothing crypto/tls
// bears with sixteen in a row, and then again with sixteen.
func (l *line) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	l.count(b[:n])
	if !l.loosened() {
		if l.greeting += n; l.greeting > maxGreeting {
			return 0, errGreeting
		}
	}
	return n, err
}

func (l *line) count(b []byte) {
	for len(b) > 0 {
		if l.skip > 0 {
			n := min(l.skip, len(b))
			l.skip -= n
			b = b[n:]
			continue
		}
		n := copy(l.header[l.have:], b)
		b = b[n:]
		if l.have += n; l.have == recordHeader {
			l.have, l.skip = 0, int(l.header[3])<<8|int(l.header[4])
			l.records++
		}
	}
}

func (l *line) loosened() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.loose
}

// loosen ends the handshake.
func (l *line) loosen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loose = true
}

// Write takes everything. An error is final.
func (l *line) Write(b []byte) (int, error) {
	l.mu.Lock()
	if !l.loose {
		l.mu.Unlock()
		return l.Conn.Write(b)
	}
	defer l.mu.Unlock()
	if l.failed != nil {
		return 0, l.failed
	}
	rest := b
	if len(l.held) == 0 {
		rest = b[l.push(b):]
	}
	if l.failed != nil {
		return 0, l.failed
	}
	l.held = append(l.held, rest...)
	return len(b), nil
}

// push hands to the kernel what it takes at once.
func (l *line) push(b []byte) (taken int) {
	for taken < len(b) {
		n, err := unix.Write(l.fd, b[taken:])
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return taken
		case err != nil:
			l.failed = err
			return taken
		case n == 0:
			l.failed = io.ErrShortWrite
			return taken
		}
		taken += max(n, 0)
	}
	return taken
}

// waits tries what is held again, and tells how much is left of it.
func (l *line) waits() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.held) == 0 || l.failed != nil {
		return 0
	}
	rest := l.held[l.push(l.held):]
	if len(rest) == 0 {
		l.held = nil
		return 0
	}
	l.held = rest
	return len(rest)
}

// SetWriteDeadline does nothing once writes do not wait.
func (l *line) SetWriteDeadline(t time.Time) error {
	if l.loosened() {
		return nil
	}
	return l.Conn.SetWriteDeadline(t)
}

// halve ends what goes to the peer.
func (l *line) halve() error {
	half, ok := l.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// Close ends both directions, and writing before the descriptor is another's.
func (l *line) Close() error {
	l.mu.Lock()
	l.held = nil
	if l.failed == nil && l.loose {
		l.failed = net.ErrClosed
	}
	l.mu.Unlock()
	return l.Conn.Close()
}

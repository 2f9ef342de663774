package procfs

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// MaxFile is what is read of one file of a process. cmdline is cut there; the
// others are shorter, or have what is wanted well before it.
const MaxFile = 16 << 10

// reader reads the files of one process directory after another into one buffer.
type reader struct {
	system System
	page   uint64 // bytes
	dir    int    // open directory of the process
	buf    []byte
	lacks  []string // files that this kernel has of no process
	masks  map[[maskCount]k2i.Bits]*[maskCount]k2i.Bits

	spared parts // files that are not read
	once   bool  // one read of a file is all of it where it leaves room: the kernel fills what it is given
}

// reader is one of the process whose directory is open.
func (fs *FS) reader(dir int) reader {
	return reader{system: fs.system, page: uint64(fs.fixed.PageBytes), dir: dir, lacks: fs.lacks}
}

// reads tells whether a part is read.
func (r *reader) reads(one parts) bool { return r.spared&one == 0 }

// errLacking is a file that this kernel was built without.
var errLacking = errors.New("no such file on this kernel")

// file reads up to limit bytes of a file of the process at hand. The bytes are
// good until the next call. The error is errGone, errHidden, errLacking or a real one.
func (r *reader) file(name string, limit int) ([]byte, error) {
	if slices.Contains(r.lacks, name) {
		return nil, errLacking
	}
	if r.buf == nil {
		r.buf = make([]byte, MaxFile)
	}
	fd, err := r.system.Openat(r.dir, name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, readError(err)
	}
	defer r.system.Close(fd)
	n := 0
	for n < limit {
		if n == len(r.buf) {
			r.buf = append(r.buf, make([]byte, min(n, limit-n))...)
		}
		m, err := r.system.Read(fd, r.buf[n:min(limit, len(r.buf))])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, readError(err)
		}
		if m == 0 {
			break
		}
		n += m
		if r.once {
			break
		}
	}
	return r.buf[:n], nil
}

// whole is file for one that the kernel writes in one piece, as it does stat: what a
// single read gives is all of it.
func (r *reader) whole(name string) ([]byte, error) {
	if r.buf == nil {
		r.buf = make([]byte, MaxFile)
	}
	fd, err := r.system.Openat(r.dir, name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, readError(err)
	}
	defer r.system.Close(fd)
	n, err := r.system.Read(fd, r.buf)
	if err != nil {
		return nil, readError(err)
	}
	return r.buf[:n], nil
}

// readError tells a process that has ended, and one that is hidden, from what
// is really wrong.
func readError(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ESRCH):
		return errGone
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return errHidden
	}
	return fmt.Errorf("proc file: %w", err)
}

// descriptor is an open file of a system.
type descriptor struct {
	system System
	fd     int
}

// Read implements io.Reader.
func (d descriptor) Read(b []byte) (int, error) {
	for {
		switch n, err := d.system.Read(d.fd, b); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

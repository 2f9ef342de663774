package procfs

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// maxFile is what is read of one file of a process. cmdline is cut there; the
// others are shorter, or have what is wanted well before it.
const maxFile = 16 << 10

// reader reads the files of one process directory after another into one buffer.
type reader struct {
	dir   int // open directory of the process
	buf   []byte
	lacks []string // files that this kernel has of no process
	masks map[[maskCount]k2i.Bits]*[maskCount]k2i.Bits
	calls calls // nil for the kernel's own

	spared parts // files that are not read
	once   bool  // one read of a file is all of it where it leaves room: the kernel fills what it is given
}

// reads tells whether a part is read.
func (r *reader) reads(one parts) bool { return r.spared&one == 0 }

// calls are the system calls by which processes are read; tests have them fail.
type calls interface {
	openat(dir int, path string, flags int) (fd int, err error)
	read(fd int, b []byte) (n int, err error)
}

func (r *reader) openat(dir int, path string, flags int) (int, error) {
	if r.calls != nil {
		return r.calls.openat(dir, path, flags)
	}
	return unix.Openat(dir, path, flags, 0)
}

func (r *reader) read(fd int, b []byte) (int, error) {
	if r.calls != nil {
		return r.calls.read(fd, b)
	}
	return unix.Read(fd, b)
}

// errLacking is a file that this kernel was built without.
var errLacking = errors.New("no such file on this kernel")

// file reads up to limit bytes of a file of the process at hand. The bytes are
// good until the next call. The error is errGone, errHidden, errLacking or a real one.
func (r *reader) file(name string, limit int) ([]byte, error) {
	if slices.Contains(r.lacks, name) {
		return nil, errLacking
	}
	if r.buf == nil {
		r.buf = make([]byte, maxFile)
	}
	fd, err := r.openat(r.dir, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK)
	if err != nil {
		return nil, readError(err)
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written to it
	limit = min(limit, len(r.buf))
	n := 0
	for n < limit {
		m, err := r.read(fd, r.buf[n:limit])
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
		r.buf = make([]byte, maxFile)
	}
	fd, err := r.openat(r.dir, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK)
	if err != nil {
		return nil, readError(err)
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written to it
	n, err := r.read(fd, r.buf)
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

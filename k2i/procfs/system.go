package procfs

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// System is what this package asks of a host to sample its processes: the kernel's
// calls, or what a program has gathered on another host. Its methods may be
// called from several goroutines. Descriptors are its own, and errors the kernel's.
type System interface {
	// Self is who reads, and on what.
	Self() (Self, error)
	// Now are the wall clock and CLOCK_BOOTTIME, which goes on during suspend.
	Now() (wall time.Time, sinceBoot time.Duration, err error)
	// Pause is between two samples.
	Pause(ctx context.Context, d time.Duration) error

	// PIDs are the names in a proc file system that are numbers, in any order.
	PIDs(root string) ([]int32, error)
	Openat(dir int, path string, flags int) (fd int, err error)
	Read(fd int, b []byte) (n int, err error)
	Close(fd int)
	// Owner is whose file is open.
	Owner(fd int) (uid, gid uint32, err error)
	Readlink(path string) (string, error)
}

// Self is what system calls tell of the reader and its host.
type Self struct {
	Host      string // the host's name
	Release   string // of the kernel
	PageBytes int64
	EUID      uint32
}

// Kernel is this host's System.
type Kernel struct{}

// Self implements System.
func (Kernel) Self() (Self, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return Self{}, fmt.Errorf("kernel release: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return Self{}, fmt.Errorf("host name: %w", err)
	}
	return Self{host, unix.ByteSliceToString(name.Release[:]), int64(os.Getpagesize()), uint32(os.Geteuid())}, nil
}

// Now implements System.
func (Kernel) Now() (time.Time, time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return time.Time{}, 0, fmt.Errorf("clock since boot: %w", err)
	}
	return time.Now(), time.Duration(ts.Nano()), nil
}

// Pause implements System.
func (Kernel) Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// PIDs implements System.
func (Kernel) PIDs(root string) ([]int32, error) {
	dir, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	_ = dir.Close() // it was only read
	if err != nil {
		return nil, err
	}
	pids := make([]int32, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.ParseInt(name, 10, 32); err == nil && pid > 0 {
			pids = append(pids, int32(pid))
		}
	}
	return pids, nil
}

// Openat implements System.
func (Kernel) Openat(dir int, path string, flags int) (int, error) {
	return unix.Openat(dir, path, flags|unix.O_CLOEXEC, 0)
}

// Read implements System.
func (Kernel) Read(fd int, b []byte) (int, error) { return unix.Read(fd, b) }

// Close implements System.
func (Kernel) Close(fd int) { _ = unix.Close(fd) } // nothing was written to it

// Owner implements System.
func (Kernel) Owner(fd int) (uid, gid uint32, err error) {
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	return st.Uid, st.Gid, err
}

// Readlink implements System.
func (Kernel) Readlink(path string) (string, error) { return os.Readlink(path) }

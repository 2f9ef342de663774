package procfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// ticksPerSecond is the kernel's USER_HZ.
const ticksPerSecond = int64(time.Second / nsPerTick)

// initPIDNamespace is the inode of the first PID namespace (PROC_PID_INIT_INO).
const initPIDNamespace = 4026531836

// readFixed reads what stays as it is while the host is up.
func (fs *FS) readFixed() error {
	boot, err := fs.text("sys/kernel/random/boot_id")
	if err != nil {
		return fmt.Errorf("boot id: %w; is %s a proc file system, mounted without subset=pid?", err, fs.root)
	}
	namespace, err := fs.pidNamespace()
	if err != nil {
		return err
	}
	self, err := fs.system.Self()
	if err != nil {
		return err
	}
	fs.euid, fs.self = self.EUID, k2i.VisibilityFull
	if namespace != initPIDNamespace {
		fs.self = k2i.VisibilityNamespace
	}
	fs.fixed = k2i.Host{
		BootID: strings.TrimSpace(string(boot)), Kernel: self.Release,
		TicksPerSecond: ticksPerSecond, PageBytes: self.PageBytes,
	}
	fs.fixed.ID = k2i.NewHostID(fs.fixed.BootID, namespace)
	return nil
}

// Host reads what the machine says of itself, and how much of it can be seen
// here. What the mount leaves out is zero.
func (fs *FS) Host(context.Context) (k2i.Host, k2i.Visibility, error) {
	host, visibility := fs.fixed, fs.visibility()
	self, err := fs.system.Self()
	if err != nil {
		return host, visibility, err
	}
	host.Name = self.Host
	if host.PIDMax, err = fs.pidMax(); err != nil {
		return host, visibility, err
	}
	wall, mono, err := fs.system.Now() // with nothing before readCPU
	if err != nil {
		return host, visibility, err
	}
	host.UptimeNS = mono.Nanoseconds()
	host.BootUnixNS = wall.UnixNano() - mono.Nanoseconds()
	for _, read := range []func(*k2i.Host) error{fs.readCPU, fs.readMemory, fs.readLoad} {
		if err := read(&host); err != nil && !missing(err) {
			return host, visibility, err
		}
	}
	return host, visibility, nil
}

// missing is a file that this mount of proc does not have.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// pidMax is the first pid that is never given out.
func (fs *FS) pidMax() (int64, error) {
	b, err := fs.text("sys/kernel/pid_max")
	if missing(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("largest pid: %w", err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("largest pid: %w", err)
	}
	return n, nil
}

// pidNamespace is the inode number in the link self/ns/pid, "pid:[4026531836]".
func (fs *FS) pidNamespace() (uint64, error) {
	link, err := fs.system.Readlink(filepath.Join(fs.root, OwnLink))
	if err != nil {
		return 0, fmt.Errorf("PID namespace: %w; is %s mounted for another namespace?", err, fs.root)
	}
	inode, found := strings.CutPrefix(link, "pid:[")
	n, err := strconv.ParseUint(strings.TrimSuffix(inode, "]"), 10, 64)
	if !found || err != nil {
		return 0, fmt.Errorf("PID namespace: %q is no link to one", link)
	}
	return n, nil
}

// visibility is how much of the machine is seen here now, whichever road is taken: a
// PID namespace shows its own processes, a mount with hidepid those of the caller but
// to root. A mount may begin to hide at any time; the first process, whose stat
// everybody reads else, tells.
func (fs *FS) visibility() k2i.Visibility {
	if fs.self == k2i.VisibilityNamespace || fs.euid == 0 {
		return fs.self
	}
	fd, err := fs.system.Openat(unix.AT_FDCWD, filepath.Join(fs.root, "1/stat"), unix.O_RDONLY)
	if err != nil {
		return k2i.VisibilityPartial
	}
	fs.system.Close(fd)
	return fs.self
}

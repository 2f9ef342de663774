package procfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	boot, err := os.ReadFile(filepath.Join(fs.root, "sys/kernel/random/boot_id"))
	if err != nil {
		return fmt.Errorf("boot id: %w; is %s a proc file system, mounted without subset=pid?", err, fs.root)
	}
	namespace, err := fs.pidNamespace()
	if err != nil {
		return err
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return fmt.Errorf("kernel release: %w", err)
	}
	fs.fixed = k2i.Host{
		BootID: strings.TrimSpace(string(boot)), Kernel: unix.ByteSliceToString(name.Release[:]),
		TicksPerSecond: ticksPerSecond, PageBytes: int64(os.Getpagesize()),
	}
	fs.fixed.ID = k2i.NewHostID(fs.fixed.BootID, namespace)
	return nil
}

// Host reads what the machine says of itself, and how much of it can be seen
// here. What the mount leaves out is zero.
func (fs *FS) Host(context.Context) (k2i.Host, k2i.Visibility, error) {
	host := fs.fixed
	wall, mono, err := now()
	if err != nil {
		return host, fs.self, err
	}
	if host.Name, err = os.Hostname(); err != nil {
		return host, fs.self, fmt.Errorf("host name: %w", err)
	}
	host.UptimeNS = mono.Nanoseconds()
	host.BootUnixNS = wall.UnixNano() - mono.Nanoseconds()
	if host.PIDMax, err = fs.pidMax(); err != nil {
		return host, fs.self, err
	}
	for _, read := range []func(*k2i.Host) error{fs.readCPU, fs.readMemory, fs.readLoad} {
		if err := read(&host); err != nil && !missing(err) {
			return host, fs.self, err
		}
	}
	return host, fs.self, nil
}

// missing is a file that this mount of proc does not have.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// pidMax is the first pid that is never given out.
func (fs *FS) pidMax() (int64, error) {
	b, err := os.ReadFile(filepath.Join(fs.root, "sys/kernel/pid_max"))
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
	link, err := os.Readlink(filepath.Join(fs.root, "self/ns/pid"))
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

// hidden tells what this place cannot see, whichever road is taken: a PID
// namespace shows its own processes, hidepid only those of the caller.
func (fs *FS) hidden() k2i.Visibility {
	if namespace, err := fs.pidNamespace(); err != nil || namespace != initPIDNamespace {
		return k2i.VisibilityNamespace
	}
	if os.Geteuid() != 0 && fs.hidesPIDs() {
		return k2i.VisibilityPartial
	}
	return k2i.VisibilityFull
}

// now reads the wall clock and CLOCK_BOOTTIME, which goes on during suspend.
func now() (time.Time, time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return time.Time{}, 0, fmt.Errorf("clock since boot: %w", err)
	}
	return time.Now(), time.Duration(ts.Nano()), nil
}

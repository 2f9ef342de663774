package confined

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// order is what the launcher is told: a program to run as a unit would run it.
type order struct {
	Unit         unit
	Calls        map[uint32]bool
	Program      string // static; it is the only one that may run
	Args         []string
	UID          int
	Environment  []string
	Shown, Shows string // a directory, and where the program has it
}

// programAt is where the program lies; every Debian has the directory.
const programAt = "/opt/program"

// launch makes the calling process what the order wants, and never returns. It
// is the whole of its process, which has a mount namespace of its own.
func launch(text string) error {
	runtime.LockOSThread()
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	if err := o.mounts(); err != nil {
		return fmt.Errorf("mounts: %w", err)
	}
	unix.Umask(0o077)
	if err := o.drop(); err != nil {
		return fmt.Errorf("privileges: %w", err)
	}
	var sockets []uint32
	for _, name := range o.Unit.words("RestrictAddressFamilies") {
		sockets = append(sockets, families[name])
	}
	program := filter(o.Calls, sockets)
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))); errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return unix.Exec(programAt, append([]string{programAt}, o.Args...), o.Environment)
}

// mounts makes of the file system what ProtectSystem=strict and its like make.
func (o *order) mounts() error {
	steps := []func() error{
		func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") },
		func() error { return tmpfs("/opt", 0o755) },
		func() error { return copyFile(o.Program, programAt) },
		func() error { return bind(programAt, programAt) },
		func() error { return bindDir(o.Shown, o.Shows) },
	}
	for _, dir := range []string{"/tmp", "/var/tmp"} { // PrivateTmp
		steps = append(steps, func() error { return tmpfs(dir, 0o1777) })
	}
	if o.Unit.is("ProtectHome", "tmpfs") || o.Unit.is("ProtectHome", "yes") {
		for _, dir := range []string{"/home", "/root", "/run/user"} {
			steps = append(steps, func() error { return tmpfs(dir, 0o755) })
		}
	}
	for _, name := range o.Unit.words("InaccessiblePaths") {
		steps = append(steps, func() error { return hide(strings.TrimPrefix(name, "-")) })
	}
	steps = append(steps, func() error {
		return attribute("/", unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_NOSUID, 0, true)
	})
	for _, dir := range []string{"/tmp", "/var/tmp", "/dev", "/proc", o.Shows} {
		steps = append(steps, func() error { return attribute(dir, 0, unix.MOUNT_ATTR_RDONLY, true) })
	}
	steps = append(steps,
		func() error { return bind("/proc/sys", "/proc/sys") },
		func() error { return attribute("/proc/sys", unix.MOUNT_ATTR_RDONLY, 0, false) },
		func() error { return attribute(programAt, 0, unix.MOUNT_ATTR_NOEXEC, false) })
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

func tmpfs(dir string, mode os.FileMode) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("mode=%o", mode))
}

func bind(from, to string) error { return unix.Mount(from, to, "", unix.MS_BIND, "") }

func bindDir(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	return bind(from, to)
}

// hide puts an empty directory or file, which nobody but DAC_OVERRIDE gets into, in a path's place.
func hide(name string) error {
	info, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) { // as the dash before it says
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return unix.Mount("tmpfs", name, "tmpfs", 0, "mode=0,size=4k")
	}
	empty := filepath.Join("/opt", "empty")
	if err := os.WriteFile(empty, nil, 0); err != nil {
		return err
	}
	return bind(empty, name)
}

func attribute(where string, set, unset uint64, deep bool) error {
	var flags uint
	if deep {
		flags = unix.AT_RECURSIVE
	}
	return unix.MountSetattr(unix.AT_FDCWD, where, flags, &unix.MountAttr{Attr_set: set, Attr_clr: unset})
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o755)
}

// drop leaves the calling thread the user and the capabilities of the unit.
func (o *order) drop() error {
	var keep uint64
	for _, name := range o.Unit.words("AmbientCapabilities") {
		keep |= 1 << capabilities[name]
	}
	for c := range uint(unix.CAP_LAST_CAP + 1) {
		if keep&(1<<c) == 0 {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil {
				return err
			}
		}
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return err
	}
	id := uintptr(o.UID)
	for _, call := range [][4]uintptr{{unix.SYS_SETGROUPS, 0, 0, 0}, {unix.SYS_SETRESGID, id, id, id}, {unix.SYS_SETRESUID, id, id, id}} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 { // of this thread alone
			return errno
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{}
	for i := range data {
		half := uint32(keep >> (32 * i))
		data[i] = unix.CapUserData{Effective: half, Permitted: half, Inheritable: half}
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return err
	}
	for _, c := range capabilities {
		if keep&(1<<c) == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(c), 0, 0); err != nil {
			return err
		}
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

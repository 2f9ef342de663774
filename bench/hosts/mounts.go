package hosts

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// tmpfsSize bounds what the processes of one host may write in all, per mount.
const tmpfsSize = "size=64m,mode=0755"

// setUpMounts gives a namespaced host its own /proc, /run and /tmp over the machine's file tree,
// whose root it can read but not write: what a host leaves behind is gone with it.
func setUpMounts(bin string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	tree := -1
	if bin != "" {
		// Taken before the mounts below, which may hide it (/tmp).
		var err error
		tree, err = unix.OpenTree(unix.AT_FDCWD, bin, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return fmt.Errorf("open the programs' directory %s: %w", bin, err)
		}
		defer func() { _ = unix.Close(tree) }()
	}
	for _, m := range []struct {
		source, target, fstype string
		flags                  uintptr
		data                   string
	}{
		{"", "/", "", unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY, ""},
		{"proc", "/proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		{"tmpfs", "/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, tmpfsSize},
		{"tmpfs", "/tmp", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, tmpfsSize},
	} {
		if err := unix.Mount(m.source, m.target, m.fstype, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if bin == "" {
		return nil
	}
	if err := os.MkdirAll(BinDir, 0o755); err != nil {
		return err
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, BinDir, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mount the programs' directory on %s: %w", BinDir, err)
	}
	return nil
}

// mountedBin is where a namespaced host finds the programs after its mounts.
func mountedBin(bin string) string {
	if bin == "" {
		return ""
	}
	return BinDir
}

// hostPath is the PATH of a host's commands.
func hostPath(bin string) string {
	const system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	if bin == "" {
		return system
	}
	return bin + ":" + system
}

package procfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	prometheus "github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// fileless are the types of file systems that hold no files of anybody's, and
// autofs, which would mount something to be asked.
var fileless = []string{
	"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "fusectl",
	"hugetlbfs", "mqueue", "nsfs", "nfsd", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs",
}

// A MountPoint is a file system and where it can be asked for its size.
type MountPoint struct {
	k2i.Mount
	path string // as this process reaches it
}

// MountPoints lists the file systems that hold files, each at its first mount
// point: of the host's first process where this one may see them, as an agent in
// a container does that has the host's PID namespace; else its own. It asks no
// file system anything. leftOut counts those beyond k2i.MaxListed.
func (m *Machine) MountPoints() (list []MountPoint, leftOut int, err error) {
	from := "self"
	if m.fs.othersMounts() {
		from = "1"
	}
	var all []*prometheus.MountInfo
	if from == "self" {
		all, err = library(m.fs, prometheus.FS.GetMounts)
	} else {
		all, err = library(m.fs, func(host prometheus.FS) ([]*prometheus.MountInfo, error) { return host.GetProcMounts(1) })
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, nil
	case err != nil:
		return nil, 0, fmt.Errorf("mounts: %w", err)
	}
	seen, top := map[string]bool{}, map[string]int{}
	for i, mount := range all {
		top[mount.MountPoint] = i
	}
	for i, mount := range all {
		covered := top[mount.MountPoint] != i // by another one at the same place
		if slices.Contains(fileless, mount.FSType) || seen[mount.MajorMinorVer] || covered {
			continue
		}
		seen[mount.MajorMinorVer] = true
		if len(list) == k2i.MaxListed {
			leftOut++
			continue
		}
		_, ro := mount.Options["ro"]
		_, wholeRO := mount.SuperOptions["ro"]
		point := unescapeOctal(mount.MountPoint)
		list = append(list, MountPoint{
			k2i.Mount{
				Point: point, Type: mount.FSType, Source: unescapeOctal(mount.Source), Device: mount.MajorMinorVer, ReadOnly: ro || wholeRO,
				SizeBytes: k2i.Unread, FreeBytes: k2i.Unread, AvailableBytes: k2i.Unread, Inodes: k2i.Unread, FreeInodes: k2i.Unread,
			},
			filepath.Join(m.fs.root, from, "root", point),
		})
	}
	return list, leftOut, nil
}

// unescapeOctal undoes \040 for a blank and the like, as the kernel writes the
// characters that would end a field.
func unescapeOctal(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// othersMounts tells whether the first process has mounts of its own that this
// one may look at.
func (fs *FS) othersMounts() bool {
	theirs, err := os.Readlink(filepath.Join(fs.root, "1/ns/mnt"))
	if err != nil {
		return false
	}
	ours, err := os.Readlink(filepath.Join(fs.root, "self/ns/mnt"))
	return err == nil && ours != theirs
}

// Size asks the file system how large it is, which may take for ever: a server
// may be gone.
func (m *Machine) Size(p *MountPoint) (k2i.Mount, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(p.path, &s); err != nil {
		return p.Mount, fmt.Errorf("size of %.256q: %w", p.Point, err)
	}
	sized := p.Mount
	block := k2i.Count(s.Frsize)
	if block == 0 {
		block = k2i.Count(s.Bsize)
	}
	sized.SizeBytes, sized.FreeBytes, sized.AvailableBytes = k2i.Count(s.Blocks)*block, k2i.Count(s.Bfree)*block, k2i.Count(s.Bavail)*block
	sized.Inodes, sized.FreeInodes = k2i.Count(s.Files), k2i.Count(s.Ffree)
	return sized, nil
}

package probe

import (
	"bytes"
	"slices"
	"strings"

	"ddcos/ebpf"
)

// maxCgroups is how many paths are remembered; the BPF map is as large. Paths
// beyond it are put together anew by every pass.
const maxCgroups = int(ebpf.TasksLimitLIMIT_CGROUPS)

// cgroupMap is the part of a BPF map that tells the program which paths not to send.
type cgroupMap interface {
	Put(key, value any) error
	Delete(key any) error
}

// cgroupPaths turns cgroup ids (inode numbers of their directories) into paths.
// A cgroup's path never changes while it lives, and its id is not used again.
type cgroupPaths struct {
	told  cgroupMap
	paths map[uint64]string
	names map[uint64][]string // directories of paths that are still arriving, leaf first
}

// newCgroupPaths starts with no path known.
func newCgroupPaths(told cgroupMap) *cgroupPaths {
	return &cgroupPaths{told: told, paths: map[uint64]string{}, names: map[uint64][]string{}}
}

// add takes one directory of a path. The path is whole when its root arrives,
// which has no name, or the deepest level that the program walks to.
func (c *cgroupPaths) add(record *ebpf.TasksCgroupRecord) {
	if _, known := c.paths[record.CgroupId]; known {
		return
	}
	if record.Level == 0 {
		c.names[record.CgroupId] = nil
	}
	name := cString(record.Name[:])
	if len(name) > 0 {
		c.names[record.CgroupId] = append(c.names[record.CgroupId], string(name))
	}
	if len(name) > 0 && record.Level+1 < uint32(ebpf.TasksLimitLIMIT_DEPTH) {
		return
	}
	names := c.names[record.CgroupId]
	delete(c.names, record.CgroupId)
	slices.Reverse(names)
	c.paths[record.CgroupId] = "/" + strings.Join(names, "/")
	if len(c.paths) <= maxCgroups {
		_ = c.told.Put(record.CgroupId, uint8(1)) // untold, it is sent again: dearer, not wrong
	}
}

// forget drops the cgroups that have no process any more.
func (c *cgroupPaths) forget(used map[uint64]struct{}) {
	clear(c.names)
	for id := range c.paths {
		if _, ok := used[id]; !ok {
			delete(c.paths, id)
			_ = c.told.Delete(id) // gone already is as good
		}
	}
}

// cString is the bytes before the first NUL.
func cString(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

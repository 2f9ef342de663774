package probe

import (
	"bytes"
	"slices"
	"strings"
	"sync"

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
// Passes and events use it at the same time.
type cgroupPaths struct {
	told cgroupMap

	mu    sync.Mutex // guards all below
	paths map[uint64]string
	names map[uint64][]string // directories of paths that a pass is bringing, leaf first
	heard map[uint64][]string // likewise events: the two may come at the same time
	young map[uint64]struct{} // that events brought since the last pass, which may not have seen them
}

// newCgroupPaths starts with no path known.
func newCgroupPaths(told cgroupMap) *cgroupPaths {
	return &cgroupPaths{told: told, paths: map[uint64]string{}, names: map[uint64][]string{}, heard: map[uint64][]string{}, young: map[uint64]struct{}{}}
}

// add takes one directory of a path. The path is whole when its root arrives,
// which has no name, or the deepest level that the program walks to.
func (c *cgroupPaths) add(record *ebpf.TasksCgroupRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.take(record, c.names)
}

// learn is add for what an event brought.
func (c *cgroupPaths) learn(record *ebpf.TasksCgroupRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.take(record, c.heard)
	c.young[record.CgroupId] = struct{}{}
}

// of is a cgroup's path, "" while nobody has told it.
func (c *cgroupPaths) of(id uint64) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paths[id]
}

func (c *cgroupPaths) take(record *ebpf.TasksCgroupRecord, arriving map[uint64][]string) {
	if _, known := c.paths[record.CgroupId]; known {
		delete(arriving, record.CgroupId)
		return
	}
	if record.Level == 0 {
		arriving[record.CgroupId] = nil
	}
	name := cString(record.Name[:])
	if len(name) > 0 {
		arriving[record.CgroupId] = append(arriving[record.CgroupId], string(name))
	}
	if len(name) > 0 && record.Level+1 < uint32(ebpf.TasksLimitLIMIT_DEPTH) {
		return
	}
	names := arriving[record.CgroupId]
	delete(arriving, record.CgroupId)
	slices.Reverse(names)
	c.paths[record.CgroupId] = "/" + strings.Join(names, "/")
	if len(c.paths) <= maxCgroups {
		_ = c.told.Put(record.CgroupId, uint8(1)) // untold, it is sent again: dearer, not wrong
	}
}

// forget drops the cgroups that have no process any more.
func (c *cgroupPaths) forget(used map[uint64]struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.names)
	for id := range c.heard { // the rest of it was lost
		if _, young := c.young[id]; !young {
			delete(c.heard, id)
		}
	}
	young := c.young
	c.young = map[uint64]struct{}{}
	for id := range c.paths {
		_, seen := used[id]
		if _, ok := young[id]; !ok && !seen {
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

package procfs

import (
	"bytes"
	"errors"

	"ddcos/k2i"
)

// Cgroup is one line of /proc/PID/cgroup.
type Cgroup struct {
	Controllers string // of a v1 hierarchy, "memory" or "cpu,cpuacct"; "" for the unified one
	Path        string // from the root of its hierarchy, as far as the reader's cgroup namespace shows
}

// preferred are the v1 controllers whose hierarchy names a process's container,
// in this order; a host without them is on the unified hierarchy.
var preferred = []string{"memory", "pids"}

var errCgroup = errors.New("cgroup: no line of ID:CONTROLLERS:PATH")

// ParseCgroup chooses a line of /proc/PID/cgroup: that of the first preferred
// controller; without one that of the unified hierarchy; without that the first.
// On a host with both versions the unified line says nothing: it is "/".
func ParseCgroup(b []byte) (Cgroup, error) {
	var chosen Cgroup
	best := len(preferred) + 2
	for line := range bytes.Lines(b) {
		id, rest, found := bytes.Cut(bytes.TrimRight(line, "\n"), []byte(":"))
		controllers, path, found2 := bytes.Cut(rest, []byte(":"))
		if !found || !found2 || len(path) == 0 || path[0] != '/' {
			continue
		}
		if rank := rankOf(string(id), controllers); rank < best {
			best = rank
			chosen = Cgroup{Controllers: string(controllers), Path: string(path)}
		}
	}
	if best == len(preferred)+2 {
		return Cgroup{}, errCgroup
	}
	if chosen.Controllers == "" {
		chosen.Path = string(bytes.TrimSuffix([]byte(chosen.Path), []byte(" (deleted)")))
	}
	return chosen, nil
}

// rankOf is lower for the better hierarchy.
func rankOf(id string, controllers []byte) int {
	for rank, name := range preferred {
		if hasController(controllers, name) {
			return rank
		}
	}
	if id == "0" && len(controllers) == 0 {
		return len(preferred)
	}
	return len(preferred) + 1
}

// hasController looks for a name in a list with commas.
func hasController(controllers []byte, name string) bool {
	for one := range bytes.SplitSeq(controllers, []byte(",")) {
		if string(one) == name {
			return true
		}
	}
	return false
}

// cgroup fills in the path of the process's control group; "" where the kernel
// is built without them.
func (r *reader) cgroup(p *k2i.Process) error {
	b, err := r.file("cgroup", MaxFile)
	if errors.Is(err, errHidden) || errors.Is(err, errLacking) {
		return nil
	}
	if err != nil {
		return err
	}
	if c, err := ParseCgroup(b); err == nil {
		p.Cgroup = c.Path
	}
	return nil
}

// ownController is the preferred controller that the reader's own line names.
func (fs *FS) ownController() string {
	b, err := fs.text("self/cgroup")
	if err != nil {
		return ""
	}
	c, err := ParseCgroup(b)
	if err != nil {
		return ""
	}
	for _, name := range preferred {
		if hasController([]byte(c.Controllers), name) {
			return name
		}
	}
	return ""
}

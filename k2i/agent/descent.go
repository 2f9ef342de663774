package agent

import (
	"slices"

	"ddcos/k2i"
	"ddcos/k2i/container"
)

// descent places processes of a sample by whom they came from, where their cgroups
// do not tell all: a rootless container may have none of its own. Only rows that are
// new or have changed are looked at; all others are where they were.
type descent struct {
	rows []*k2i.Process // sorted by pid
	open map[int]bool   // the rows that are still to be placed, by their index

	firsts map[k2i.Inode]int // of each PID namespace below the agent's, its first process; nil until it is wanted
	levels map[string]int    // of each cgroup, how deep below the agent's its outermost process's PID namespace is
}

// maxEntered bounds how many PID namespaces are looked into for one row: by whom it
// came from, who was entered, and so on.
const maxEntered = 64

// settle places a row and, before it, those above it that are still to be placed.
func (d *descent) settle(i, entered int) {
	var up []int
	for found := true; found && d.open[i]; i, found = d.at(d.rows[i].PPID) {
		delete(d.open, i) // so a circle ends
		up = append(up, i)
	}
	for _, i := range slices.Backward(up) {
		p := d.rows[i]
		id := identityOf(p)
		if at, found := d.at(p.PPID); found {
			id = id.Within(identityOf(d.rows[at]), d.keeper(p, d.rows[at]))
		}
		if id.ID == "" && len(p.InnerPIDs) > 0 {
			id = d.byNamespace(i, id, entered)
		}
		setIdentity(p, id)
	}
}

// keeper is of a container's first process what is told of the container by who
// started it; or by a cgroup that is for a new PID namespace alone, which is what
// runc and its like leave when they are gone.
func (d *descent) keeper(p, from *k2i.Process) container.Keeper {
	if !isFirst(p, from) {
		return container.Keeper{}
	}
	if kept := container.KeeperOf(from.Comm, from.Args); kept.ID != "" {
		return kept
	}
	if levels := len(p.InnerPIDs); levels <= len(from.InnerPIDs) || p.InnerPIDs[levels-1] != 1 || p.Cgroup == from.Cgroup {
		return container.Keeper{}
	}
	d.look()
	if d.levels[p.Cgroup] < len(p.InnerPIDs) {
		return container.Keeper{} // somebody from outside is in it
	}
	return container.Own(p.Cgroup)
}

// byNamespace is for who is in a PID namespace below the agent's and came from
// nobody in a container: it is where the namespace's first process is.
func (d *descent) byNamespace(i int, id container.Identity, entered int) container.Identity {
	d.look()
	first, known := d.firsts[d.rows[i].NSPID]
	if !known || first == i || entered >= maxEntered {
		return id
	}
	d.settle(first, entered+1)
	return id.Within(identityOf(d.rows[first]), container.Keeper{})
}

// look goes through all rows, once.
func (d *descent) look() {
	if d.firsts != nil {
		return
	}
	d.firsts, d.levels = map[k2i.Inode]int{}, map[string]int{}
	for i, p := range d.rows {
		levels := len(p.InnerPIDs)
		if least, known := d.levels[p.Cgroup]; !known || levels < least {
			d.levels[p.Cgroup] = levels
		}
		if levels > 0 && p.InnerPIDs[levels-1] == 1 && p.NSPID != 0 {
			d.firsts[p.NSPID] = i
		}
	}
}

func (d *descent) at(pid int32) (int, bool) {
	return slices.BinarySearchFunc(d.rows, pid, func(p *k2i.Process, pid int32) int { return int(p.PID - pid) })
}

// isFirst tells a container's process from the other children of what keeps it.
func isFirst(p, keeper *k2i.Process) bool {
	if p.NSMnt != 0 && keeper.NSMnt != 0 {
		return p.NSMnt != keeper.NSMnt
	}
	return len(p.InnerPIDs) > len(keeper.InnerPIDs)
}

func identityOf(p *k2i.Process) container.Identity {
	return container.Identity{
		ID: p.ContainerID, Runtime: p.Runtime, Kind: p.Kind,
		InnerID: p.InnerID, InnerRuntime: p.InnerRuntime, Pod: p.Pod, Unit: p.Unit,
	}
}

func setIdentity(p *k2i.Process, id container.Identity) {
	p.ContainerID, p.Runtime, p.Kind = id.ID, id.Runtime, id.Kind
	p.InnerID, p.InnerRuntime, p.Pod, p.Unit = id.InnerID, id.InnerRuntime, id.Pod, id.Unit
}

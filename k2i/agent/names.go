package agent

import (
	"maps"
	"os/user"
	"slices"
	"strconv"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/container"
	"ddcos/k2i/mask"
	"ddcos/k2i/procfs"
)

// What is kept of user and group names: looking one up reads a file, or asks a server.
const (
	maxNames = 4096
	namesFor = time.Minute
)

// names remembers the names of numeric ids, also that one has none.
type names struct {
	lookup func(id string) (string, error)
	known  map[uint32]string
	since  time.Time
}

func newNames(lookup func(string) (string, error)) *names {
	return &names{lookup: lookup, known: map[uint32]string{}}
}

// renew forgets names that are old, or too many.
func (n *names) renew(now time.Time) {
	if now.Sub(n.since) > namesFor || len(n.known) >= maxNames {
		clear(n.known)
		n.since = now
	}
}

// of is the name of an id, or the number where it has none.
func (n *names) of(id uint32, now time.Time) string {
	n.renew(now)
	if name, ok := n.known[id]; ok {
		return name
	}
	number := strconv.FormatUint(uint64(id), 10)
	name, err := n.lookup(number)
	if err != nil || name == "" {
		name = number
	}
	n.known[id] = name
	return name
}

// named is of for an id that stands as a number already.
func (n *names) named(number string, now time.Time) string {
	id, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return number
	}
	return n.of(uint32(id), now)
}

// Host is what a look asks: for its processes, and for the names of numeric ids.
type Host struct {
	System procfs.System
	User   func(id string) (name string, err error)
	Group  func(id string) (name string, err error)

	images *container.Images // nil where runtimes' files cannot be read
}

// thisHost is the one that this program runs on.
func thisHost(root string) *Host {
	return &Host{procfs.Kernel{}, lookupUser, lookupGroup, container.NewImages(root)}
}

// kept adds to a row what the runtimes' files tell of its container.
func (a *Agent) kept(p *k2i.Process, now time.Time) {
	if p.Image = ""; a.images == nil {
		return
	}
	p.Image = a.images.Of(p.ContainerID, now)
	if p.ContainerID != "" && p.Runtime == "" {
		p.Runtime = a.images.Runtime(p.ContainerID, now)
	}
}

func lookupUser(id string) (string, error) {
	u, err := user.LookupId(id)
	if err != nil {
		return "", err
	}
	return u.Username, nil
}

func lookupGroup(id string) (string, error) {
	g, err := user.LookupGroupId(id)
	if err != nil {
		return "", err
	}
	return g.Name, nil
}

// mask hides the secrets in a command line that an event brought, before anybody
// else sees it.
func (a *Agent) mask(p *k2i.Process) {
	if !a.options.Unmasked {
		p.Args = mask.Arguments(p.Args)
	}
}

// name adds names and containers to a sample that nobody else has yet. What
// is unchanged since the sample before is taken from there; rows that are shared
// with it have them.
func (a *Agent) name(sample *k2i.Sample) {
	var before []*k2i.Process
	if a.last != nil && a.last.Host.ID == sample.Host.ID {
		before = a.last.Processes
	}
	a.users.renew(sample.At)
	a.groups.renew(sample.At)
	renamed := a.named != [2]time.Time{a.users.since, a.groups.since}
	a.named = [2]time.Time{a.users.since, a.groups.since}
	at := 0
	var open map[int]bool
	for i, p := range sample.Processes {
		if i < len(sample.Shared) && sample.Shared[i] {
			if renamed {
				a.rename(sample, i)
			}
			continue
		}
		for at < len(before) && before[at].PID < p.PID {
			at++
		}
		if at < len(before) && sameProgram(before[at], p) {
			p.User, p.Group = a.users.of(p.EUID, sample.At), a.groups.of(p.EGID, sample.At)
			setIdentity(p, identityOf(before[at]))
			p.Image = before[at].Image
			if p.PPID == before[at].PPID || p.ContainerID != "" { // who lost its parent stays where it was
				continue
			}
		} else {
			a.place(p, sample.At)
		}
		if !a.placing {
			continue
		}
		if open == nil {
			open = map[int]bool{}
		}
		open[i] = true
	}
	if !a.placing {
		return
	}
	d := descent{rows: sample.Processes, open: open}
	looked := slices.Sorted(maps.Keys(open))
	for _, i := range looked {
		d.settle(i, 0)
	}
	for _, i := range looked {
		a.kept(sample.Processes[i], sample.At)
	}
}

// rename looks names up again for a row that is shared.
func (a *Agent) rename(sample *k2i.Sample, i int) {
	p := sample.Processes[i]
	user, group := a.users.of(p.EUID, sample.At), a.groups.of(p.EGID, sample.At)
	if user != p.User || group != p.Group {
		p = sample.Own(i)
		p.User, p.Group = user, group
	}
}

// arrived completes a row that an event brought: who has just begun to run a
// program is asked which. It may be a later one already, or another process that
// was given the number within eventPoll; the next sample tells.
func (a *Agent) arrived(p, from *k2i.Process) {
	a.place(p, time.Now())
	if from != nil {
		setIdentity(p, identityOf(p).Within(identityOf(from), container.Keeper{}))
	}
	a.kept(p, time.Now())
	if a.seldom != nil && p.Exe == "" && !p.Kernel && !p.Ended() {
		p.Exe = a.fs.Exe(p.Key())
	}
}

// place adds names and container to a process.
func (a *Agent) place(p *k2i.Process, now time.Time) {
	p.User, p.Group = a.users.of(p.EUID, now), a.groups.of(p.EGID, now)
	if a.placing {
		setIdentity(p, a.containers.Identify(p.Cgroup, p.Comm, p.Args))
	}
}

// sameProgram tells whether what a container is identified by has not changed, or
// is gone with the process's end.
func sameProgram(a, b *k2i.Process) bool {
	if a.PID == b.PID && a.StartTicks == b.StartTicks && b.State == "Z" {
		return true
	}
	if a.PID != b.PID || a.StartTicks != b.StartTicks || a.Cgroup != b.Cgroup || a.Comm != b.Comm || len(a.Args) != len(b.Args) {
		return false
	}
	return len(a.Args) == 0 || a.Args[0] == b.Args[0]
}

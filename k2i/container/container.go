// Package container tells from the kernel's side, without asking any runtime,
// which container a process is in and what runs it; and from the files that
// runtimes keep, what image it was made from.
package container

import "strings"

// Identity is what a cgroup path and a command line tell. The zero Identity but
// for Kind is a process outside of every container. Names that only a runtime's
// socket knows are no part of it.
type Identity struct {
	// ID is the outermost container's, as the runtime names it: 64 hex digits,
	// or a name of at most 255 bytes for lxc, nspawn, ctr and machines. "" also
	// for a machine or a sandbox that does not tell its own.
	ID      string
	Runtime string // of ID: docker, containerd, crio, podman, lxc, nspawn, kubernetes, ...; "" where nothing tells
	Kind    string // what runs the process: see the Kinds

	InnerID      string // of the innermost container, where that is nested in ID; else ""
	InnerRuntime string // of InnerID
	Pod          string // the uid of the Kubernetes pod, with dashes, or the id of the podman pod; else ""
	Unit         string // the host's systemd unit, as its cgroup is named: escapes stay; else ""
}

// Kinds, as Process.Kind has them. A vm's monitor is the vm's process on this host.
const (
	KindHost      = "host"      // no container
	KindContainer = "container" // a plain OCI or system container
	KindSandbox   = "sandbox"   // a userspace kernel: gVisor
	KindUnikernel = "unikernel"
	KindMicroVM   = "microvm"
	KindVM        = "vm"
)

// maxName is the longest name of a directory, in bytes, and so of a container.
const maxName = 255

// Identifier reads cgroup paths. It is safe for many goroutines.
type Identifier struct{}

// New makes an Identifier.
func New() *Identifier { return &Identifier{} }

// Identify reads a cgroup path, outermost container first: what is nested in a
// container belongs to it. comm and args tell the monitors of virtual machines
// and sandboxes, whose inner processes this host's kernel does not have. Who may
// choose a program's name or make cgroups may claim to be anything here.
func (*Identifier) Identify(cgroup, comm string, args []string) Identity {
	id := fromCgroup(cgroup)
	m := monitorOf(comm, args)
	if m.kind == "" {
		return id
	}
	id.Kind = m.kind
	if id.ID == "" {
		id.ID = m.id
	}
	if id.Runtime == "" {
		id.Runtime = m.runtime
	}
	return id
}

// above is what the elements of a path before the one in question told.
type above struct {
	parent       string // the element before
	depth        int    // how many there were
	inPod        bool   // below Kubernetes' cgroup
	inContainerd bool   // below containerd's own unit
}

func fromCgroup(cgroup string) Identity {
	id := Identity{Kind: KindHost}
	var over above
	for element := range strings.SplitSeq(strings.TrimPrefix(cgroup, "/"), "/") {
		if id.ID == "" {
			id.note(element, over)
		}
		if name, runtime, ok := over.container(element); ok {
			switch {
			case id.Kind == KindHost:
				id.ID, id.Runtime, id.Kind = name, runtime, KindContainer
			case name != id.ID:
				id.InnerID, id.InnerRuntime = name, runtime
			}
		}
		over.step(element)
	}
	return id
}

// note takes the pod and the unit from an element outside of containers, or
// from the outermost container's own.
func (id *Identity) note(element string, over above) {
	if pod, ok := podOf(element, over); ok {
		id.Pod = pod
	}
	if id.Unit == "" && isUnit(element) && over.onlySlices() {
		id.Unit = element
	}
}

// onlySlices tells whether systemd's unit may come next: it stands at the root
// or below a slice.
func (o above) onlySlices() bool {
	return o.depth == 0 || o.parent == ".." || strings.HasSuffix(o.parent, ".slice")
}

func (o *above) step(element string) {
	o.inPod = o.inPod || strings.HasPrefix(element, "kubepods")
	o.inContainerd = o.inContainerd || element == "containerd.service"
	o.parent = element
	o.depth++
}

// isUnit tells the names of systemd's units that hold processes.
func isUnit(name string) bool {
	for _, ending := range [...]string{".service", ".scope", ".socket", ".mount", ".swap"} {
		if len(name) > len(ending) && strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}

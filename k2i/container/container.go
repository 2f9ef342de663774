// Package container tells from the kernel's side alone, without asking any
// runtime, which container a process is in and what runs it.
package container

import (
	"path"
	"regexp"
	"strings"
)

// Identity is what a cgroup path and a command line tell. The zero Identity but
// for Kind is a process outside of every container.
type Identity struct {
	ID      string // as the runtime names it: 64 hex digits, or a name for lxc, nspawn and machines
	Runtime string // docker, containerd, crio, podman, lxc, nspawn, kubernetes, ... or ""
	Kind    string // what runs the process: see the Kinds
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

// pattern finds a container's id in one element of a cgroup path.
type pattern struct {
	runtime string
	match   *regexp.Regexp // its first group is the id
}

// patterns are tried in order on each element of a path.
func patterns() []pattern {
	const hex = `([0-9a-f]{64})`
	return []pattern{
		{"docker", regexp.MustCompile(`^docker-` + hex + `\.scope$`)},
		{"containerd", regexp.MustCompile(`^(?:cri-containerd[-:]|nerdctl-)` + hex + `(?:\.scope)?$`)},
		{"crio", regexp.MustCompile(`^crio-` + hex + `(?:\.scope)?$`)},
		{"podman", regexp.MustCompile(`^libpod-` + hex + `(?:\.scope)?$`)},
		{"lxc", regexp.MustCompile(`^lxc\.payload\.(.+)$`)},
		{"nspawn", regexp.MustCompile(`^systemd-nspawn@(.+)\.service$`)},
	}
}

// parents are path elements below which a bare id, or a name, is a container's.
func parents() map[string]pattern {
	hex := regexp.MustCompile(`^([0-9a-f]{64})$`)
	return map[string]pattern{
		"docker":        {"docker", hex},
		"libpod_parent": {"podman", regexp.MustCompile(`^libpod-([0-9a-f]{64})$`)},
		"lxc":           {"lxc", regexp.MustCompile(`^([^/]+)$`)},
		"garden":        {"garden", regexp.MustCompile(`^([0-9a-z-]+)$`)},
	}
}

// Identifier reads cgroup paths. It is safe for many goroutines.
type Identifier struct {
	elements []pattern
	below    map[string]pattern
	bare     *regexp.Regexp // an id by itself, below a Kubernetes pod
	prefixed *regexp.Regexp // SLICE:PREFIX:ID, as runc's systemd driver leaves it unresolved
	machine  *regexp.Regexp
}

// New compiles the patterns.
func New() *Identifier {
	return &Identifier{
		elements: patterns(),
		below:    parents(),
		bare:     regexp.MustCompile(`^([0-9a-f]{64})$`),
		prefixed: regexp.MustCompile(`^[^:]*:(cri-containerd|docker|crio|libpod):([0-9a-f]{64})$`),
		machine:  regexp.MustCompile(`^machine-(.+)\.scope$`),
	}
}

// runtimeOf names the runtime of a systemd driver's prefix.
func runtimeOf(prefix string) string {
	switch prefix {
	case "cri-containerd":
		return "containerd"
	case "libpod":
		return "podman"
	}
	return prefix
}

// Identify reads a cgroup path, outermost container first: what is nested in a
// container belongs to it. comm and args tell the monitors of virtual machines
// and sandboxes, whose inner processes this host's kernel does not have.
func (i *Identifier) Identify(cgroup, comm string, args []string) Identity {
	id := i.fromCgroup(cgroup)
	if kind, runtime := monitor(comm, args); kind != "" {
		id.Kind = kind
		if id.Runtime == "" {
			id.Runtime = runtime
		}
	}
	return id
}

func (i *Identifier) fromCgroup(cgroup string) Identity {
	var parent string
	var inPod, inContainerd bool
	for element := range strings.SplitSeq(strings.TrimPrefix(cgroup, "/"), "/") {
		if id, ok := i.element(element, parent, inPod, inContainerd); ok {
			id.Kind = KindContainer
			return id
		}
		inPod = inPod || strings.HasPrefix(element, "kubepods") || strings.HasPrefix(element, "pod")
		inContainerd = inContainerd || element == "containerd.service"
		parent = element
	}
	return Identity{Kind: KindHost}
}

// element looks at one element of a path, with what stands above it.
func (i *Identifier) element(element, parent string, inPod, inContainerd bool) (Identity, bool) {
	for _, p := range i.elements {
		if m := p.match.FindStringSubmatch(element); m != nil {
			return Identity{ID: unescape(m[1]), Runtime: p.runtime}, true
		}
	}
	if m := i.prefixed.FindStringSubmatch(element); m != nil {
		return Identity{ID: m[2], Runtime: runtimeOf(m[1])}, true
	}
	if p, ok := i.below[parent]; ok {
		if m := p.match.FindStringSubmatch(element); m != nil {
			return Identity{ID: m[1], Runtime: p.runtime}, true
		}
	}
	if m := i.machine.FindStringSubmatch(element); m != nil {
		name := unescape(m[1])
		if strings.HasPrefix(name, "qemu-") || strings.HasPrefix(name, "libvirt-lxc") {
			return Identity{}, false // a monitor's own scope: the command line tells more
		}
		return Identity{ID: name, Runtime: "nspawn"}, true
	}
	if i.bare.MatchString(element) {
		switch {
		case inPod:
			return Identity{ID: element, Runtime: "kubernetes"}, true
		case inContainerd:
			return Identity{ID: element, Runtime: "containerd"}, true
		}
	}
	return Identity{}, false
}

// unescape undoes systemd's \x2d for a dash in the names of units.
func unescape(name string) string { return strings.ReplaceAll(name, `\x2d`, "-") }

// monitor tells a process that is a machine or a sandbox, by its program's name.
func monitor(comm string, args []string) (kind, runtime string) {
	program := comm
	if len(args) > 0 {
		program = path.Base(args[0])
	}
	switch {
	case program == "firecracker", strings.HasPrefix(program, "cloud-hypervisor"):
		return KindMicroVM, program
	case strings.HasPrefix(program, "qemu-system-"), program == "kvm", program == "qemu-kvm":
		if isMicroVM(args) {
			return KindMicroVM, "qemu"
		}
		return KindVM, "qemu"
	case program == "runsc-sandbox", program == "runsc-gofer", comm == "runsc-sandbox":
		return KindSandbox, "gvisor"
	case program == "solo5-hvt", program == "solo5-spt", program == "ukvm-bin":
		return KindUnikernel, "solo5"
	}
	return "", ""
}

// isMicroVM looks for QEMU's machine type of that name.
func isMicroVM(args []string) bool {
	for n, arg := range args {
		if (arg == "-machine" || arg == "-M") && n+1 < len(args) && strings.HasPrefix(args[n+1], "microvm") {
			return true
		}
	}
	return false
}

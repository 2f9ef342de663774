package k2i

import (
	"cmp"
	"slices"
)

// Container is what the processes of one container are together, as this host's
// kernel sees them: of a machine or a sandbox that is its monitor alone. Nested
// ones belong to the outermost.
type Container struct {
	ID      string `json:"id" msgpack:"id"`           // "" for a monitor that does not tell its machine's
	Runtime string `json:"runtime" msgpack:"runtime"` // docker, containerd, crio, podman, ... or ""
	Kind    string `json:"kind" msgpack:"kind"`       // container, sandbox, unikernel, microvm, vm
	Pod     string `json:"pod" msgpack:"pod"`         // uid of its Kubernetes pod, or id of its podman pod; else ""
	Unit    string `json:"unit" msgpack:"unit"`       // systemd unit of the host that it is in; else ""
	Name    string `json:"name" msgpack:"name"`       // "": only a runtime's socket knows it, which nobody asks yet
	Image   string `json:"image" msgpack:"image"`     // that it was made from; "" where no runtime's file tells

	Processes int    `json:"processes" msgpack:"processes"`
	Threads   int64  `json:"threads" msgpack:"threads"`
	CPUNS     uint64 `json:"cpu_ns" msgpack:"cpu_ns"`       // of the processes that live: it falls when one ends
	RSSBytes  uint64 `json:"rss_bytes" msgpack:"rss_bytes"` // shared pages count for each
	StartNS   uint64 `json:"start_ns" msgpack:"start_ns"`   // of the oldest process, since boot

	// Sums over the processes whose rate is known; NoRate where none is.
	RCPU           Rate `json:"rcpu" msgpack:"rcpu"`
	RCPUWithExited Rate `json:"rcpu_with_exited" msgpack:"rcpu_with_exited"`
}

// Containers folds the processes that live into their containers, by runtime and
// id. The list is never nil.
func (s *Snapshot) Containers() []Container {
	type name struct {
		id, runtime, kind string
		pid               int32 // of a monitor, which is known by nothing else
	}
	places := map[name]int{}
	all := []Container{}
	for _, p := range s.Processes {
		if p.Ended() || p.ContainerID == "" && (p.Kind == "" || p.Kind == hostKind) {
			continue
		}
		key := name{p.ContainerID, p.Runtime, p.Kind, 0}
		if p.ContainerID == "" {
			key.pid = p.PID
		}
		at, known := places[key]
		if !known {
			at, places[key] = len(all), len(all)
			all = append(all, Container{
				ID: p.ContainerID, Runtime: p.Runtime, Kind: p.Kind, Pod: p.Pod, Unit: p.Unit, Image: p.Image, StartNS: p.StartNS,
				RCPU: NoRate(), RCPUWithExited: NoRate(),
			})
		}
		all[at].add(p)
	}
	slices.SortStableFunc(all, func(a, b Container) int {
		return cmp.Or(cmp.Compare(a.Runtime, b.Runtime), cmp.Compare(a.ID, b.ID), cmp.Compare(a.StartNS, b.StartNS))
	})
	return all
}

// hostKind is the Kind of a process outside of all containers.
const hostKind = "host"

func (c *Container) add(p *Process) {
	c.Processes++
	c.Threads += int64(p.Threads)
	c.CPUNS += p.CPUNS
	c.RSSBytes += p.RSSBytes
	c.StartNS = min(c.StartNS, p.StartNS)
	c.RCPU, c.RCPUWithExited = c.RCPU.plus(p.RCPU), c.RCPUWithExited.plus(p.RCPUWithExited)
}

// plus adds what is known.
func (r Rate) plus(other Rate) Rate {
	switch {
	case !other.Known():
		return r
	case !r.Known():
		return other
	}
	return r + other
}

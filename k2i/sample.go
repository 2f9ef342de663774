package k2i

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// HostID is the boot id and the inode of the PID namespace that the agent
// sees, joined by a dot: a reboot or another namespace is another host.
type HostID string

// NewHostID joins /proc/sys/kernel/random/boot_id and the inode of /proc/self/ns/pid.
func NewHostID(bootID string, pidNS uint64) HostID {
	return HostID(fmt.Sprintf("%s.%d", bootID, pidNS))
}

// Mode is the road by which a sample came.
type Mode string

// The roads, best first.
const (
	ModeBPF    Mode = "bpf"    // task iterator
	ModeProcfs Mode = "procfs" // /proc, as far as the caller may read
)

// Visibility says how much of the machine a sample can have seen.
type Visibility string

// What can hide processes from the agent.
const (
	VisibilityFull      Visibility = "full"
	VisibilityNamespace Visibility = "namespace" // the agent runs inside a PID namespace: only its own tasks
	VisibilityPartial   Visibility = "partial"   // hidepid, or fields of other users that the agent may not read
)

// Host is what a sample says of the machine as a whole.
type Host struct {
	ID             HostID `json:"id" msgpack:"id"`
	Name           string `json:"name" msgpack:"name"`
	BootID         string `json:"boot_id" msgpack:"boot_id"`
	BootUnixNS     int64  `json:"boot_unix_ns" msgpack:"boot_unix_ns"` // CLOCK_REALTIME - CLOCK_BOOTTIME at the sample
	Kernel         string `json:"kernel" msgpack:"kernel"`             // uname release
	CPUs           int    `json:"cpus" msgpack:"cpus"`
	TicksPerSecond int64  `json:"ticks_per_second" msgpack:"ticks_per_second"`
	PageBytes      int64  `json:"page_bytes" msgpack:"page_bytes"`
	PIDMax         int64  `json:"pid_max" msgpack:"pid_max"`
	UptimeNS       int64  `json:"uptime_ns" msgpack:"uptime_ns"` // CLOCK_BOOTTIME when CPUBusyNS was read

	CPUBusyNS         uint64     `json:"cpu_busy_ns" msgpack:"cpu_busy_ns"` // of all CPUs, /proc/stat, idle and iowait left out
	MemTotalBytes     uint64     `json:"mem_total_bytes" msgpack:"mem_total_bytes"`
	MemAvailableBytes uint64     `json:"mem_available_bytes" msgpack:"mem_available_bytes"`
	Load              [3]float64 `json:"load" msgpack:"load"` // 1, 5 and 15 minutes
}

// Sample is what one host's kernel said at one instant: raw counters. Nobody
// changes a Sample after it has become a Snapshot.
type Sample struct {
	Host       Host
	At         time.Time     // wall clock, for people
	Mono       time.Duration // CLOCK_BOOTTIME, for rates
	Agent      About
	Self       Self
	Mode       Mode
	Visibility Visibility
	Missing    []string   // names of fields that this road cannot give, sorted
	Processes  []*Process // sorted by PID
	Shared     []bool     // those of Processes that are rows of the sample before, unchanged and complete; nil for none
	Events     EventMode  // what Ended can be relied on for
	Ended      []Ended    // since the sample before; as far as the road tells
}

// Own is a row that may be changed: a copy from now on, where it was shared.
func (s *Sample) Own(i int) *Process {
	if s.shares(i) {
		own := *s.Processes[i]
		s.Processes[i], s.Shared[i] = &own, false
	}
	return s.Processes[i]
}

func (s *Sample) shares(i int) bool { return i < len(s.Shared) && s.Shared[i] }

// About is what an agent says of itself and of its place in the datacenter.
// Nobody changes the labels.
type About struct {
	Version string            // of the agent's program
	Labels  map[string]string // of the host, as its operator gave them
}

// Ended is a process that ended, and whose child it was when it was made. A
// parent that is gone leaves its children to another one; CPU time is charged
// to those that caused it.
type Ended struct {
	Process *Process
	Parent  Key
}

// EventMode is the road by which a host tells what happens between two samples.
type EventMode string

// The roads of events, best first.
const (
	EventsBPF       EventMode = "bpf"       // tracepoints
	EventsConnector EventMode = "connector" // the kernel's process connector, and /proc for what it does not tell
	EventsNone      EventMode = "none"      // what lives and dies between two samples is not seen
)

// Events says how complete the account of what ran is. Counters only grow.
type Events struct {
	Mode    EventMode `json:"mode" msgpack:"mode"`
	Seen    uint64    `json:"seen" msgpack:"seen"`       // events that were read
	Lost    uint64    `json:"lost" msgpack:"lost"`       // events that the kernel had no room for; each loss is followed by a sample
	Dropped uint64    `json:"dropped" msgpack:"dropped"` // ended processes that the memory of them had no room for
	Reason  string    `json:"reason" msgpack:"reason"`   // why the mode is not bpf; "" where it is
}

// Snapshot is what k2i tells the world: derived from two samples, published
// whole and never changed afterwards, so that all faces may share it.
type Snapshot struct {
	Host       Host
	Agent      About
	Self       Self
	At         time.Time
	Mode       Mode
	Visibility Visibility
	Missing    []string
	BusyCPUs   Rate // CPUs in use on the whole host since the sample before
	Events     Events

	// Processes are those that live, and those that ended since the sample before
	// the last one, so that everything that ran is a row in some snapshot. They
	// are sorted by PID, then start. Snapshots share the rows.
	Processes []*Process

	// Gaps are what could not be read of rows on demand, in a snapshot that was
	// made for one answer.
	Gaps []Gap

	// Exited are those that ended, oldest first, as long as Exited keeps them.
	Exited []*Process
}

// Find gives the process that has a pid: the one that lives rather than one that
// had it before. Nil where there is none.
func (s *Snapshot) Find(pid int32) *Process {
	at, _ := slices.BinarySearchFunc(s.Processes, pid, func(p *Process, pid int32) int { return cmp.Compare(p.PID, pid) })
	var found *Process
	for ; at < len(s.Processes) && s.Processes[at].PID == pid; at++ {
		found = s.Processes[at] // the last one began last
	}
	return found
}

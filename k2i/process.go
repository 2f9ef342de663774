// Package k2i is a host in words: its processes as one sample saw them, and
// the snapshot that two samples make. It imports nothing of ours.
package k2i

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Process is one process as one sample saw it, its threads folded in.
// Byte strings that came from the kernel (Comm, Args, Cgroup) are kept as they
// were: whoever shows them neutralises them.
type Process struct {
	PID        int32  `json:"pid" msgpack:"pid"`
	PPID       int32  `json:"ppid" msgpack:"ppid"`
	StartTicks uint64 `json:"start_ticks" msgpack:"start_ticks"` // clock ticks since boot, as in /proc/PID/stat field 22
	StartNS    uint64 `json:"start_ns" msgpack:"start_ns"`       // since boot (CLOCK_BOOTTIME); a multiple of a tick where only ticks are known
	PidfdInode Count  `json:"pidfd_inode" msgpack:"pidfd_inode"` // unique for the life of the system from Linux 6.9
	ExecID     Count  `json:"exec_id" msgpack:"exec_id"`         // grows with every program that it runs

	PGID  int32  `json:"pgid" msgpack:"pgid"`
	SID   int32  `json:"sid" msgpack:"sid"`
	TTYNr uint32 `json:"tty_nr" msgpack:"tty_nr"` // device number, 0 for none
	TPGID int32  `json:"tpgid" msgpack:"tpgid"`   // -1 without a terminal

	RUID  uint32 `json:"ruid" msgpack:"ruid"`
	EUID  uint32 `json:"euid" msgpack:"euid"`
	SUID  uint32 `json:"suid" msgpack:"suid"`
	FSUID uint32 `json:"fsuid" msgpack:"fsuid"`
	RGID  uint32 `json:"rgid" msgpack:"rgid"`
	EGID  uint32 `json:"egid" msgpack:"egid"`
	SGID  uint32 `json:"sgid" msgpack:"sgid"`
	FSGID uint32 `json:"fsgid" msgpack:"fsgid"`
	User  string `json:"user" msgpack:"user"`   // of EUID, resolved on its own host; the number where it has no name
	Group string `json:"group" msgpack:"group"` // of EGID, likewise

	State      string   `json:"state" msgpack:"state"` // one letter, as in /proc/PID/stat field 3
	Flags      uint32   `json:"flags" msgpack:"flags"` // PF_*, /proc/PID/stat field 9
	Kernel     bool     `json:"kernel" msgpack:"kernel"`
	Comm       string   `json:"comm" msgpack:"comm"`
	Args       []string `json:"args" msgpack:"args"` // empty for kernel threads and zombies
	Exe        string   `json:"exe" msgpack:"exe"`   // path of its program as the agent's host has it; "" for kernel threads and zombies
	ExitSignal int32    `json:"exit_signal" msgpack:"exit_signal"`

	CPUNS    uint64 `json:"cpu_ns" msgpack:"cpu_ns"`       // of all its threads, dead ones too; exact on the BPF road
	UserNS   uint64 `json:"user_ns" msgpack:"user_ns"`     // as the kernel prints utime
	SystemNS uint64 `json:"system_ns" msgpack:"system_ns"` // as the kernel prints stime
	Threads  int32  `json:"threads" msgpack:"threads"`
	MinFlt   uint64 `json:"min_flt" msgpack:"min_flt"`
	MajFlt   uint64 `json:"maj_flt" msgpack:"maj_flt"`

	// Of its children that have ended and were waited for, and of theirs.
	ChildrenUserNS   Count `json:"children_user_ns" msgpack:"children_user_ns"`
	ChildrenSystemNS Count `json:"children_system_ns" msgpack:"children_system_ns"`
	ChildrenMinFlt   Count `json:"children_min_flt" msgpack:"children_min_flt"`
	ChildrenMajFlt   Count `json:"children_maj_flt" msgpack:"children_maj_flt"`

	VoluntarySwitches   Count `json:"voluntary_switches" msgpack:"voluntary_switches"` // of all its threads; /proc tells only those of a process with one
	InvoluntarySwitches Count `json:"involuntary_switches" msgpack:"involuntary_switches"`

	VSZBytes      uint64 `json:"vsz_bytes" msgpack:"vsz_bytes"`
	RSSBytes      uint64 `json:"rss_bytes" msgpack:"rss_bytes"`           // like its parts by BPF: what each CPU keeps to itself, some 100 KiB, is not in it
	RSSAnonBytes  Count  `json:"rss_anon_bytes" msgpack:"rss_anon_bytes"` // exact by procfs
	RSSFileBytes  Count  `json:"rss_file_bytes" msgpack:"rss_file_bytes"`
	RSSShmemBytes Count  `json:"rss_shmem_bytes" msgpack:"rss_shmem_bytes"`
	SwapBytes     Count  `json:"swap_bytes" msgpack:"swap_bytes"`

	ReadBytes           Count `json:"read_bytes" msgpack:"read_bytes"`                       // from storage, /proc/PID/io read_bytes
	WriteBytes          Count `json:"write_bytes" msgpack:"write_bytes"`                     // to storage, /proc/PID/io write_bytes
	CancelledWriteBytes Count `json:"cancelled_write_bytes" msgpack:"cancelled_write_bytes"` // of write_bytes, called off before they were written
	RCharBytes          Count `json:"rchar_bytes" msgpack:"rchar_bytes"`                     // read by calls, from whatever it was
	WCharBytes          Count `json:"wchar_bytes" msgpack:"wchar_bytes"`
	ReadCalls           Count `json:"read_calls" msgpack:"read_calls"`
	WriteCalls          Count `json:"write_calls" msgpack:"write_calls"`

	// Counted by tracepoints since the agent began; Unread where that is not done.
	// Netlink's sockets are left out. What is shared (a descriptor, a socket) is
	// counted for whoever made the call.
	NetRxBytes   Count `json:"net_rx_bytes" msgpack:"net_rx_bytes"` // received through sockets of the network: TCP, UDP and all but Unix ones; loopback too
	NetTxBytes   Count `json:"net_tx_bytes" msgpack:"net_tx_bytes"`
	NetRxCalls   Count `json:"net_rx_calls" msgpack:"net_rx_calls"` // that did not fail
	NetTxCalls   Count `json:"net_tx_calls" msgpack:"net_tx_calls"`
	UDPRxBytes   Count `json:"udp_rx_bytes" msgpack:"udp_rx_bytes"` // of net_rx_bytes
	UDPTxBytes   Count `json:"udp_tx_bytes" msgpack:"udp_tx_bytes"`
	UnixRxBytes  Count `json:"unix_rx_bytes" msgpack:"unix_rx_bytes"`
	UnixTxBytes  Count `json:"unix_tx_bytes" msgpack:"unix_tx_bytes"`
	RunDelayNS   Count `json:"run_delay_ns" msgpack:"run_delay_ns"`     // time ready to run without a CPU: of threads since they began, of those that ended before the agent began nothing
	BlockIONS    Count `json:"block_io_ns" msgpack:"block_io_ns"`       // time that requests to block devices took, from their making to their end
	BlockIOCount Count `json:"block_io_count" msgpack:"block_io_count"` // such requests that are done

	Nice       int32  `json:"nice" msgpack:"nice"`
	Priority   int32  `json:"priority" msgpack:"priority"` // /proc/PID/stat field 18
	RTPriority uint32 `json:"rt_priority" msgpack:"rt_priority"`
	Policy     uint32 `json:"policy" msgpack:"policy"` // SCHED_*
	CPU        int32  `json:"cpu" msgpack:"cpu"`       // the one it last ran on

	// Signals, the first one in the lowest bit.
	SigPending       *Bits `json:"sig_pending" msgpack:"sig_pending"` // for its first thread alone
	SigSharedPending *Bits `json:"sig_shared_pending" msgpack:"sig_shared_pending"`
	SigBlocked       *Bits `json:"sig_blocked" msgpack:"sig_blocked"`
	SigIgnored       *Bits `json:"sig_ignored" msgpack:"sig_ignored"`
	SigCaught        *Bits `json:"sig_caught" msgpack:"sig_caught"`

	// What it may do; capabilities by their numbers.
	CapInheritable *Bits `json:"cap_inheritable" msgpack:"cap_inheritable"`
	CapPermitted   *Bits `json:"cap_permitted" msgpack:"cap_permitted"`
	CapEffective   *Bits `json:"cap_effective" msgpack:"cap_effective"`
	CapBounding    *Bits `json:"cap_bounding" msgpack:"cap_bounding"`
	CapAmbient     *Bits `json:"cap_ambient" msgpack:"cap_ambient"`
	NoNewPrivs     Count `json:"no_new_privs" msgpack:"no_new_privs"` // 1 where no program that it runs gets more rights
	Seccomp        Count `json:"seccomp" msgpack:"seccomp"`           // 0 for none, 1 strict, 2 by filters
	OOMScoreAdj    int32 `json:"oom_score_adj" msgpack:"oom_score_adj"`

	// Its namespaces' inodes.
	NSCgroup         Inode   `json:"ns_cgroup" msgpack:"ns_cgroup"`
	NSIPC            Inode   `json:"ns_ipc" msgpack:"ns_ipc"`
	NSMnt            Inode   `json:"ns_mnt" msgpack:"ns_mnt"`
	NSNet            Inode   `json:"ns_net" msgpack:"ns_net"`
	NSPID            Inode   `json:"ns_pid" msgpack:"ns_pid"`
	NSPIDForChildren Inode   `json:"ns_pid_for_children" msgpack:"ns_pid_for_children"`
	NSTime           Inode   `json:"ns_time" msgpack:"ns_time"`
	NSUser           Inode   `json:"ns_user" msgpack:"ns_user"`
	NSUTS            Inode   `json:"ns_uts" msgpack:"ns_uts"`
	InnerPIDs        []int32 `json:"inner_pids" msgpack:"inner_pids"` // its ids in the PID namespaces below the agent's, outermost first

	Cgroup      string `json:"cgroup" msgpack:"cgroup"`             // path as seen from the root of its hierarchy
	ContainerID string `json:"container_id" msgpack:"container_id"` // "" outside of containers
	Runtime     string `json:"runtime" msgpack:"runtime"`           // docker, containerd, crio, podman, ... or ""
	Kind        string `json:"kind" msgpack:"kind"`                 // host, container, sandbox, unikernel, microvm, vm

	InnerID      string `json:"inner_id" msgpack:"inner_id"`           // of the innermost container, where that is nested in ContainerID
	InnerRuntime string `json:"inner_runtime" msgpack:"inner_runtime"` // of InnerID
	Pod          string `json:"pod" msgpack:"pod"`                     // uid of the Kubernetes pod, or id of the podman pod
	Unit         string `json:"unit" msgpack:"unit"`                   // systemd unit of the host
	Image        string `json:"image" msgpack:"image"`                 // what ContainerID was made from, "" where no runtime's file tells

	// Read on demand; Unread or "" where nobody asked for it.
	TID      Count  `json:"tid" msgpack:"tid"`             // of a thread; the rest is its process's then, but times, state, name and scheduling
	PSSBytes Count  `json:"pss_bytes" msgpack:"pss_bytes"` // resident memory, shared pages divided by those who share them
	USSBytes Count  `json:"uss_bytes" msgpack:"uss_bytes"` // resident memory that nobody shares
	FDCount  Count  `json:"fd_count" msgpack:"fd_count"`   // open files
	Wchan    string `json:"wchan" msgpack:"wchan"`         // the kernel's function that its first thread waits in

	RCPU           Rate `json:"rcpu" msgpack:"rcpu"`                         // CPUs in use since the sample before, 1.0 is one whole CPU
	RCPUWithExited Rate `json:"rcpu_with_exited" msgpack:"rcpu_with_exited"` // with those of its descendants that ended since then

	NetRx Rate `json:"net_rx" msgpack:"net_rx"` // bytes a second since the sample before
	NetTx Rate `json:"net_tx" msgpack:"net_tx"`
	IOR   Rate `json:"io_r" msgpack:"io_r"` // likewise read from storage
	IOW   Rate `json:"io_w" msgpack:"io_w"`

	// Of a process that has ended; Unread or empty while it lives, and where the
	// road does not tell.
	EndedNS      Count  `json:"ended_ns" msgpack:"ended_ns"`             // since boot; when nobody saw it end, when it was missed
	ExitCode     Count  `json:"exit_code" msgpack:"exit_code"`           // 0 to 255; Unread where a signal ended it
	EndSignal    Count  `json:"end_signal" msgpack:"end_signal"`         // that ended it, 0 for none
	PeakRSSBytes Count  `json:"peak_rss_bytes" msgpack:"peak_rss_bytes"` // the most resident memory it ever had
	KilledBy     string `json:"killed_by" msgpack:"killed_by"`           // one of the Killed words; "" where nobody did, or it is unknown
	KillerPID    Count  `json:"killer_pid" msgpack:"killer_pid"`         // Unread unless a process did
	KillerComm   string `json:"killer_comm" msgpack:"killer_comm"`
	KillerUser   string `json:"killer_user" msgpack:"killer_user"` // its effective user
}

// Who can have sent the signal that ended a process.
const (
	KilledByProcess = "process"
	KilledByKernel  = "kernel" // a fault, a terminal, a limit
	KilledByOOM     = "oom"    // the kernel, for want of memory
)

// StateEnded is the State of a process that has ended and left the kernel's table.
const StateEnded = "X"

// Blank is a process of which nothing is known yet: its counts are Unread and
// its rates NoRate.
func Blank() Process {
	p := Process{
		PidfdInode: Unread, ExecID: Unread,
		ChildrenUserNS: Unread, ChildrenSystemNS: Unread, ChildrenMinFlt: Unread, ChildrenMajFlt: Unread,
		VoluntarySwitches: Unread, InvoluntarySwitches: Unread,
		RSSAnonBytes: Unread, RSSFileBytes: Unread, RSSShmemBytes: Unread, SwapBytes: Unread,
		ReadBytes: Unread, WriteBytes: Unread, CancelledWriteBytes: Unread,
		RCharBytes: Unread, WCharBytes: Unread, ReadCalls: Unread, WriteCalls: Unread,
		TID: Unread, PSSBytes: Unread, USSBytes: Unread, FDCount: Unread,
		NoNewPrivs: Unread, Seccomp: Unread, InnerPIDs: []int32{},
		EndedNS: Unread, ExitCode: Unread, EndSignal: Unread, PeakRSSBytes: Unread, KillerPID: Unread,
	}
	for _, c := range p.tally() {
		*c = Unread
	}
	p.noRates()
	return p
}

// Ended tells whether the process has ended, though it may still be a zombie.
func (p *Process) Ended() bool { return p.EndedNS > 0 }

// SetEnd notes when and how the process ended; status is as wait(2) has it: a
// signal in the low seven bits, the code above the eighth.
func (p *Process) SetEnd(at time.Duration, status int32) {
	p.EndedNS, p.EndSignal, p.ExitCode = Count(at), Count(status&0x7f), Unread
	if p.EndSignal == 0 {
		p.ExitCode = Count(status >> 8 & 0xff)
	}
}

// Key names a process among those of one host and boot.
type Key struct {
	PID        int32
	StartTicks uint64
}

// Key is the process's own.
func (p *Process) Key() Key { return Key{PID: p.PID, StartTicks: p.StartTicks} }

// Identity names one process for ever: a pid alone never does.
type Identity struct {
	Host       HostID
	PID        int32
	StartTicks uint64
}

// Identity gives the process's identity on the host it was sampled on.
func (p *Process) Identity(host HostID) Identity {
	return Identity{Host: host, PID: p.PID, StartTicks: p.StartTicks}
}

// String is one word, HOSTID:PID:TICKS, that ParseIdentity reads back.
func (id Identity) String() string {
	return fmt.Sprintf("%s:%d:%d", id.Host, id.PID, id.StartTicks)
}

// ParseIdentity reads what Identity.String printed.
func ParseIdentity(s string) (Identity, error) {
	host, rest, found := strings.Cut(s, ":")
	pid, ticks, found2 := strings.Cut(rest, ":")
	if !found || !found2 || host == "" {
		return Identity{}, fmt.Errorf("process identity %q: want HOSTID:PID:TICKS", s)
	}
	n, err := strconv.ParseInt(pid, 10, 32)
	if err != nil || n < 1 {
		return Identity{}, fmt.Errorf("process identity %q: pid %q is no positive number", s, pid)
	}
	start, err := strconv.ParseUint(ticks, 10, 64)
	if err != nil {
		return Identity{}, fmt.Errorf("process identity %q: start %q is no number of clock ticks", s, ticks)
	}
	return Identity{Host: HostID(host), PID: int32(n), StartTicks: start}, nil
}

// Count is a counter that a road may be unable to read; Unread then, and null in JSON.
type Count int64

// Unread is the Count of what could not be read; it is never zero, so that nobody adds it up.
const Unread Count = -1

// MarshalJSON writes the number, or null where it could not be read.
func (c Count) MarshalJSON() ([]byte, error) {
	if c < 0 {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, int64(c), 10), nil
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (c *Count) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*c = Unread
		return nil
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	*c = Count(n)
	return err
}

// Rate is derived from two samples; NoRate where there was only one, or a counter ran backwards.
type Rate float64

// NoRate is no number at all: not zero.
func NoRate() Rate { return Rate(math.NaN()) }

// Known tells a rate from NoRate.
func (r Rate) Known() bool { return !math.IsNaN(float64(r)) }

// MarshalJSON writes the number, or null for NoRate.
func (r Rate) MarshalJSON() ([]byte, error) {
	if !r.Known() {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(r), 'g', -1, 64), nil
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (r *Rate) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*r = NoRate()
		return nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	*r = Rate(f)
	return err
}

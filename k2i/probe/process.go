package probe

import (
	"os"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// pfKthread marks a kernel thread (include/linux/sched.h).
const pfKthread = 0x00200000

// pfExiting marks a process that is ending.
const pfExiting = 0x00000004

// nsPerTick is the unit of /proc/PID/stat field 22: USER_HZ is 100 everywhere.
const nsPerTick = 10_000_000

// prioOfNice0 and lowestRealtime turn the scheduler's numbers into ps's.
const (
	prioOfNice0    = 120
	lowestRealtime = 100
)

// memory is what is kept of a process from one pass to the next, so that text
// is made once and times never run backwards.
type memory struct {
	pid   int32
	start uint64 // ns since boot
	told  cpuTime
	comm  string
	line  []byte   // the command line as it was read
	args  []string // of line; nil until there was a pass that told
}

// remember carries over what is known of each process that is still the same
// one. Both lists are sorted by pid.
func remember(before []memory, records []ebpf.TasksProcessRecord) []memory {
	now := make([]memory, len(records))
	at := 0
	for i := range records {
		r := &records[i]
		for at < len(before) && before[at].pid < r.Pid {
			at++
		}
		if at < len(before) && before[at].pid == r.Pid && before[at].start == r.StartNs {
			now[i] = before[at]
		} else {
			now[i] = memory{pid: r.Pid, start: r.StartNs}
		}
	}
	return now
}

// processes makes the rows of the pass at hand out of records and memory.
func (p *Probe) processes() []k2i.Process {
	rows := make([]k2i.Process, len(p.records))
	page := uint64(os.Getpagesize())
	for i := range rows {
		r, m := &p.records[i], &p.memory[i]
		told := later(cpuTime{r.PrevUserNs, r.PrevSystemNs}, m.told)
		m.told = scale(cpuTime{r.Usage.UserNs, r.Usage.SystemNs}, r.Usage.CpuNs, told)
		m.setComm(r)
		rows[i] = row(r, m, page)
		rows[i].Cgroup = p.cgroup(r)
	}
	return rows
}

// row is one process but for its cgroup.
func row(r *ebpf.TasksProcessRecord, m *memory, page uint64) k2i.Process {
	p := k2i.Process{
		PID: r.Pid, PPID: r.Ppid, StartTicks: r.StartNs / nsPerTick, StartNS: r.StartNs,
		PidfdInode: k2i.Unread,
		PGID:       r.Pgid, SID: r.Sid, TPGID: r.Tpgid,
		RUID: r.Ruid, EUID: r.Euid, SUID: r.Suid, FSUID: r.Fsuid,
		RGID: r.Rgid, EGID: r.Egid, SGID: r.Sgid, FSGID: r.Fsgid,
		State: stateLetter(r.State, r.ExitState), Flags: r.Flags, Kernel: r.Flags&pfKthread != 0,
		Comm: m.comm, Args: m.args, ExitSignal: r.ExitSignal,
		CPUNS: r.Usage.CpuNs, UserNS: m.told.user, SystemNS: m.told.system,
		Threads: r.Threads, MinFlt: r.Usage.MinFlt, MajFlt: r.Usage.MajFlt,
		VSZBytes: r.VszPages * page, RSSBytes: r.RssPages * page,
		ReadBytes: counter(r.Usage.ReadBytes), WriteBytes: counter(r.Usage.WriteBytes),
		Nice: r.StaticPrio - prioOfNice0, Priority: r.Prio - lowestRealtime,
		RTPriority: r.RtPriority, Policy: r.Policy, CPU: int32(r.Cpu),
		RCPU: k2i.NoRate(),
	}
	if r.HasTty != 0 {
		p.TTYNr = k2i.EncodeDev(r.TtyMajor, r.TtyMinor)
	}
	if r.PidfdInode != 0 {
		p.PidfdInode = k2i.Count(r.PidfdInode)
	}
	if p.Args == nil {
		p.Args = []string{}
	}
	return p
}

// counter is an I/O counter, Unread where this kernel has none.
func counter(n uint64) k2i.Count {
	if n == uncounted {
		return k2i.Unread
	}
	return k2i.Count(n)
}

// setComm brings the name up to date, which a process may change at any time.
func (m *memory) setComm(r *ebpf.TasksProcessRecord) {
	name, suffix := cString(r.Comm[:]), cString(r.Suffix[:])
	if len(suffix) == 0 {
		if string(name) != m.comm {
			m.comm = string(name)
		}
		return
	}
	m.comm = string(name) + string(rune(r.SuffixSign)) + string(suffix)
}

// cgroup is the path as /proc/PID/cgroup tells it: in a v1 hierarchy a process
// that is ending has left its group.
func (p *Probe) cgroup(r *ebpf.TasksProcessRecord) string {
	if p.opts.CgroupController != "" && r.Flags&pfExiting != 0 {
		return "/"
	}
	return p.cgroups.paths[r.CgroupId]
}

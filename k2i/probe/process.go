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
	line  []byte           // the command line as it was read
	args  []string         // of line; nil until there was a pass that told
	tally *ebpf.TasksTally // what was counted beside the table; nil for nothing
	delay k2i.Count        // run_delay_ns as told before
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
			now[i] = memory{pid: r.Pid, start: r.StartNs, delay: k2i.Unread}
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
		p.tally.tell(&rows[i], &r.Usage, m.tally)
		m.delay = max(m.delay, rows[i].RunDelayNS)
		rows[i].RunDelayNS = m.delay
		rows[i].Cgroup = p.cgroup(r)
	}
	return rows
}

// row is one process but for its cgroup.
func row(r *ebpf.TasksProcessRecord, m *memory, page uint64) k2i.Process {
	p := k2i.Blank()
	p.PID, p.PPID, p.StartTicks, p.StartNS = r.Pid, r.Ppid, r.StartNs/nsPerTick, r.StartNs
	p.PGID, p.SID, p.TPGID = r.Pgid, r.Sid, r.Tpgid
	p.RUID, p.EUID, p.SUID, p.FSUID = r.Ruid, r.Euid, r.Suid, r.Fsuid
	p.RGID, p.EGID, p.SGID, p.FSGID = r.Rgid, r.Egid, r.Sgid, r.Fsgid
	p.State, p.Flags, p.Kernel = stateLetter(r.State, r.ExitState), r.Flags, r.Flags&pfKthread != 0
	p.Comm, p.Args, p.ExitSignal = m.comm, m.args, r.ExitSignal
	p.CPUNS, p.UserNS, p.SystemNS = r.Usage.CpuNs, m.told.user, m.told.system
	p.Threads, p.MinFlt, p.MajFlt = r.Threads, r.Usage.MinFlt, r.Usage.MajFlt
	p.VSZBytes, p.RSSBytes = r.VszPages*page, r.RssPages*page
	p.ReadBytes, p.WriteBytes = counter(r.Usage.ReadBytes), counter(r.Usage.WriteBytes)
	p.Nice, p.Priority = r.StaticPrio-prioOfNice0, r.Prio-lowestRealtime
	p.RTPriority, p.Policy, p.CPU = r.RtPriority, r.Policy, int32(r.Cpu)
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

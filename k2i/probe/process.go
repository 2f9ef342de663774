package probe

import (
	"bytes"
	"os"
	"runtime"
	"slices"
	"sync"
	"unsafe"

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
	place argumentsPlace   // that line was read from, or is to be while asked
	asked bool             // by the pass of command lines that is under way
	tally *ebpf.TasksTally // what was counted beside the table; nil for nothing
	delay k2i.Count        // run_delay_ns as told before
	masks *masks           // nil until there was a pass
	inner []int32          // process ids in namespaces below the reader's, mostly none
	fresh bool             // this pass found something that the row of the one before does not have
}

// remember carries over what is known of each process that is still the same
// one, into room where it is large enough. Both lists are sorted by pid.
func remember(room, before []memory, records []*ebpf.TasksProcessRecord) []memory {
	now := slices.Grow(room[:0], len(records))[:len(records)]
	at := 0
	for i := range records {
		r := records[i]
		for at < len(before) && before[at].pid < r.Pid {
			at++
		}
		if at < len(before) && before[at].pid == r.Pid && before[at].start == r.StartNs {
			now[i] = before[at]
			now[i].fresh = false
		} else {
			now[i] = memory{pid: r.Pid, start: r.StartNs, delay: k2i.Unread, fresh: true}
		}
	}
	return now
}

// rows makes the rows of the pass at hand out of records and memory. What the last
// pass had told already is before's: its row, if before is what became of that pass.
func (p *Probe) rows(sample, before *k2i.Sample) {
	sample.Processes, sample.Shared = make([]*k2i.Process, len(p.records)), make([]bool, len(p.records))
	if before == nil || before.Mono != p.told {
		before = &k2i.Sample{}
	}
	page := uint64(os.Getpagesize())
	if p.opts.Once {
		p.rowsOnce(sample.Processes, page)
		return
	}
	last, at := 0, 0
	for i := range p.records {
		r, m := p.records[i], &p.memory[i]
		for last < len(p.last) && p.last[last].Pid < r.Pid {
			last++
		}
		for at < len(before.Processes) && before.Processes[at].PID < r.Pid {
			at++
		}
		if isWhole(r) {
			m.setInner(p.innerOf(r.Pid))
		}
		if !m.fresh && last < len(p.last) && same(p.last[last], r) &&
			at < len(before.Processes) && before.Processes[at].StartNS == r.StartNs && before.Processes[at].Cgroup != "" {
			sample.Processes[i], sample.Shared[i] = before.Processes[at], true
			continue
		}
		sample.Processes[i] = new(k2i.Process)
		p.row(sample.Processes[i], r, m, page)
	}
	p.shared.tidy(len(p.records))
}

// rowsOnce makes the rows of the only pass there is: in one piece of memory, and where
// they need nothing that rows share, by all CPUs.
func (p *Probe) rowsOnce(rows []*k2i.Process, page uint64) {
	made := huge(make([]k2i.Process, len(rows)))
	share := len(rows)
	if p.opts.Brief {
		share = (len(rows) + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	}
	var parts sync.WaitGroup
	for begin := 0; begin < len(rows); begin += share {
		parts.Go(func() {
			for i := begin; i < min(begin+share, len(rows)); i++ {
				r, m := p.records[i], &p.memory[i]
				m.setInner(p.innerOf(r.Pid))
				rows[i] = &made[i]
				p.row(rows[i], r, m, page)
			}
		})
	}
	parts.Wait()
}

// same tells whether a record is that of the pass before, to the byte and whichever way
// they came: of the same process, then.
func same(before, r *ebpf.TasksProcessRecord) bool {
	return r.Kind == unchanged || sameTo(processBytes, before, r)
}

// sameTo compares so many bytes.
func sameTo(size int, a, b *ebpf.TasksProcessRecord) bool {
	const kind = unsafe.Sizeof(a.Kind) // comes first
	return bytes.Equal(bytesOf(a)[kind:size], bytesOf(b)[kind:size])
}

// row makes a row, and notes what has to be known of it at the next pass.
func (p *Probe) row(made *k2i.Process, r *ebpf.TasksProcessRecord, m *memory, page uint64) {
	told := later(cpuTime{r.PrevUserNs, r.PrevSystemNs}, m.told)
	m.told = scale(cpuTime{r.Usage.UserNs, r.Usage.SystemNs}, r.Usage.CpuNs, told)
	m.setComm(r)
	if !p.opts.Brief && (m.masks == nil || !m.masks.are(r)) {
		m.masks = p.shared.of(r)
	}
	fill(made, r, m, page)
	p.tally.tell(made, &r.Usage, m.tally)
	m.delay = max(m.delay, made.RunDelayNS)
	made.RunDelayNS = m.delay
	if !p.opts.Brief {
		made.Cgroup = p.cgroup(r)
	}
}

// fill makes the row of one process but for its cgroup.
func fill(p *k2i.Process, r *ebpf.TasksProcessRecord, m *memory, page uint64) {
	*p = k2i.Blank()
	p.PID, p.PPID, p.StartTicks, p.StartNS = r.Pid, r.Ppid, r.StartNs/nsPerTick, r.StartNs
	p.PGID, p.SID, p.TPGID = r.Pgid, r.Sid, r.Tpgid
	p.RUID, p.EUID, p.SUID, p.FSUID = r.Ruid, r.Euid, r.Suid, r.Fsuid
	p.RGID, p.EGID, p.SGID, p.FSGID = r.Rgid, r.Egid, r.Sgid, r.Fsgid
	p.State, p.Flags, p.Kernel = stateLetter(r.State, r.ExitState), r.Flags, r.Flags&pfKthread != 0
	p.Comm, p.Args, p.ExitSignal = m.comm, m.args, r.ExitSignal
	p.CPUNS, p.UserNS, p.SystemNS = r.Usage.CpuNs, m.told.user, m.told.system
	p.Threads, p.MinFlt, p.MajFlt = r.Threads, r.Usage.MinFlt, r.Usage.MajFlt
	setMemory(p, r, page)
	setCounters(p, r)
	p.OOMScoreAdj = r.OomScoreAdj
	if m.masks != nil { // else an event that tells nothing of it
		setNamespaces(p, &r.Namespaces)
		m.masks.set(p, r.HasActions != 0)
	}
	if m.inner != nil {
		p.InnerPIDs = m.inner
	}
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
}

// setComm brings the name up to date, which a process may change at any time.
func (m *memory) setComm(r *ebpf.TasksProcessRecord) {
	name, suffix := cString(r.Comm[:]), cString(r.Suffix[:])
	if r.Name[0] != 0 {
		name = cString(r.Name[:])
	}
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
	return p.cgroups.of(r.CgroupId)
}

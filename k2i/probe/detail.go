package probe

import (
	"cmp"
	"slices"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// setMemory turns pages into bytes. A kernel thread has none, and neither has a zombie.
func setMemory(p *k2i.Process, r *ebpf.TasksProcessRecord, page uint64) {
	p.VSZBytes, p.RSSBytes = r.VszPages*page, (r.FilePages+r.AnonPages+r.ShmemPages)*page
	if r.VszPages == 0 {
		return
	}
	p.RSSFileBytes, p.RSSAnonBytes = k2i.Count(r.FilePages*page), k2i.Count(r.AnonPages*page)
	p.RSSShmemBytes, p.SwapBytes = k2i.Count(r.ShmemPages*page), k2i.Count(r.SwapPages*page)
}

// setCounters takes over what only grows.
func setCounters(p *k2i.Process, r *ebpf.TasksProcessRecord) {
	u := &r.Usage
	p.VoluntarySwitches, p.InvoluntarySwitches = k2i.Count(u.VoluntarySwitches), k2i.Count(u.InvoluntarySwitches)
	p.RCharBytes, p.WCharBytes = counter(u.RcharBytes), counter(u.WcharBytes)
	p.ReadCalls, p.WriteCalls = counter(u.ReadCalls), counter(u.WriteCalls)
	p.ReadBytes, p.WriteBytes, p.CancelledWriteBytes = counter(u.ReadBytes), counter(u.WriteBytes), counter(u.CancelledBytes)
	p.ChildrenUserNS, p.ChildrenSystemNS = k2i.Count(r.ChildrenUserNs), k2i.Count(r.ChildrenSystemNs)
	p.ChildrenMinFlt, p.ChildrenMajFlt = k2i.Count(r.ChildrenMinFlt), k2i.Count(r.ChildrenMajFlt)
	p.ExecID = k2i.Count(r.ExecId)
}

// uncounted stands in a record for what this kernel does not count.
const uncounted = ^uint64(0)

// counter is an I/O counter, Unread where this kernel has none.
func counter(n uint64) k2i.Count {
	if n == uncounted {
		return k2i.Unread
	}
	return k2i.Count(n)
}

func setNamespaces(p *k2i.Process, n *ebpf.TasksNamespaces) {
	p.NSCgroup, p.NSIPC, p.NSMnt, p.NSNet = k2i.Inode(n.Cgroup), k2i.Inode(n.Ipc), k2i.Inode(n.Mnt), k2i.Inode(n.Net)
	p.NSPID, p.NSPIDForChildren = k2i.Inode(n.Pid), k2i.Inode(n.PidForChildren)
	p.NSTime, p.NSUser, p.NSUTS = k2i.Inode(n.Time), k2i.Inode(n.User), k2i.Inode(n.Uts)
}

// masks are the signals and capabilities of a process. Most processes have the
// same ones as many others: they are kept once, and rows point to them.
type masks struct {
	rights  ebpf.TasksRights
	signals ebpf.TasksSignals
	bits    [10]k2i.Bits // signals, then capabilities, in the order of the records
}

// are tells whether a record has these.
func (m *masks) are(r *ebpf.TasksProcessRecord) bool {
	return m.signals == r.Signals && m.rights == r.Rights
}

func newMasks(r *ebpf.TasksProcessRecord) *masks {
	s, c := &r.Signals, &r.Rights
	return &masks{rights: *c, signals: *s, bits: [10]k2i.Bits{
		k2i.Bits(s.Pending), k2i.Bits(s.SharedPending), k2i.Bits(s.Blocked), k2i.Bits(s.Ignored), k2i.Bits(s.Caught),
		k2i.Bits(c.Inheritable), k2i.Bits(c.Permitted), k2i.Bits(c.Effective), k2i.Bits(c.Bounding), k2i.Bits(c.Ambient),
	}}
}

// set lets a row point to them; an event tells nothing of signals.
func (m *masks) set(p *k2i.Process, signals bool) {
	b := &m.bits
	p.NoNewPrivs, p.Seccomp = k2i.Count(m.rights.NoNewPrivs), k2i.Count(m.rights.Seccomp)
	p.CapInheritable, p.CapPermitted, p.CapEffective, p.CapBounding, p.CapAmbient = &b[5], &b[6], &b[7], &b[8], &b[9]
	if signals {
		p.SigPending, p.SigSharedPending, p.SigBlocked, p.SigIgnored, p.SigCaught = &b[0], &b[1], &b[2], &b[3], &b[4]
	}
}

// sharedMasks finds masks by what they say. It is for one goroutine.
type sharedMasks map[maskKey]*masks

type maskKey struct {
	rights  ebpf.TasksRights
	signals ebpf.TasksSignals
}

func (s sharedMasks) of(r *ebpf.TasksProcessRecord) *masks {
	key := maskKey{r.Rights, r.Signals}
	m := s[key]
	if m == nil {
		m = newMasks(r)
		s[key] = m
	}
	return m
}

// spareMasks are kept beyond those that rows processes can have.
const spareMasks = 1024

// tidy forgets them all where there are more than rows can need; whoever has
// some keeps them.
func (s sharedMasks) tidy(rows int) {
	if len(s) > rows+spareMasks {
		clear(s)
	}
}

// takeInner keeps one record of a process's numbers in the namespaces below the
// reader's.
func (p *Probe) takeInner(record []byte) {
	var r ebpf.TasksInnerPidsRecord
	if decode(&r, record) && r.Pid > 0 && r.Count <= uint32(len(r.Numbers)) {
		p.inner = append(p.inner, r)
	}
}

func byInnerPID(a, b ebpf.TasksInnerPidsRecord) int { return cmp.Compare(a.Pid, b.Pid) }

// innerOf finds the numbers of a process; none for most.
func (p *Probe) innerOf(pid int32) []int32 {
	if len(p.inner) == 0 {
		return nil
	}
	at, found := slices.BinarySearchFunc(p.inner, pid, func(r ebpf.TasksInnerPidsRecord, pid int32) int { return cmp.Compare(r.Pid, pid) })
	if !found {
		return nil
	}
	return p.inner[at].Numbers[:p.inner[at].Count]
}

// setInner brings the numbers up to date.
func (m *memory) setInner(numbers []int32) {
	if !slices.Equal(m.inner, numbers) {
		m.inner, m.fresh = slices.Clone(numbers), true
	}
}

package probe

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"time"
	"unsafe"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// tallyAt is where an exit's record has what was counted.
const tallyAt = int(unsafe.Offsetof(ebpf.EventsExitRecord{}.Tally))

// execBytes is an exec's record without the command line.
const execBytes = int(unsafe.Sizeof(ebpf.EventsExecRecord{}))

// decode makes an event of a record; the directories of a cgroup's path, which
// come before the first event of a process in it, are none.
func (e *Events) decode(b []byte) (k2i.Event, error) {
	if len(b) == cgroupBytes && binary.NativeEndian.Uint32(b) == uint32(ebpf.TasksRecordKindRECORD_CGROUP) {
		var directory ebpf.TasksCgroupRecord
		if decode(&directory, b) {
			e.probe.cgroups.learn(&directory)
		}
		return k2i.Event{}, nil
	}
	event, cgroup, err := decodeEvent(b, &e.probe.tally, e.shared)
	if err == nil && cgroup != 0 {
		event.Process.Cgroup = e.probe.cgroups.of(cgroup)
	}
	e.shared.tidy(0)
	return event, err
}

// decodeEvent reads one record, of which t tells what is counted; cgroup is the process's, 0 where there is none.
func decodeEvent(b []byte, t *tally, shared sharedMasks) (event k2i.Event, cgroup uint64, err error) {
	if len(b) < 4 {
		return event, 0, fmt.Errorf("event of %d bytes", len(b))
	}
	kind := ebpf.TasksRecordKind(binary.NativeEndian.Uint32(b))
	var whole bool
	switch kind {
	case ebpf.TasksRecordKindRECORD_FORK:
		event.Kind = k2i.EventFork
		cgroup, whole = takeProcess(&event, b, t)
	case ebpf.TasksRecordKindRECORD_EXEC:
		event.Kind = k2i.EventExec
		cgroup, whole = takeExec(&event, b, t, shared)
	case ebpf.TasksRecordKindRECORD_EXIT:
		event.Kind = k2i.EventExit
		cgroup, whole = takeExit(&event, b, t)
	case ebpf.TasksRecordKindRECORD_FINAL:
		event.Kind = k2i.EventFinal
		whole = takeFinal(&event, b)
	case ebpf.TasksRecordKindRECORD_VICTIM:
		var r ebpf.EventsVictimRecord
		whole = decode(&r, b)
		event = k2i.Event{Kind: k2i.EventVictim, At: time.Duration(r.AtNs), Task: r.Task}
	default:
		return event, 0, fmt.Errorf("event of unknown kind %d", kind)
	}
	if !whole {
		return k2i.Event{}, 0, fmt.Errorf("event of kind %d is cut short: %d bytes", kind, len(b))
	}
	return event, cgroup, nil
}

// takeProcess reads what fork and exit have in common.
func takeProcess(event *k2i.Event, b []byte, t *tally) (cgroup uint64, whole bool) {
	var head ebpf.EventsEventRecord
	if !decode(&head, b) {
		return 0, false
	}
	r := beginning(&head.Process)
	setProcess(event, &head, &r, nil, t)
	return r.CgroupId, true
}

// beginning is a record of which only the beginning is known.
func beginning(base *ebpf.EventsProcessBase) (r ebpf.TasksProcessRecord) {
	size := unsafe.Sizeof(*base)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&r)), size), unsafe.Slice((*byte)(unsafe.Pointer(base)), size))
	return r
}

// setProcess sets what an event tells of a process; rights may be nil.
func setProcess(event *k2i.Event, head *ebpf.EventsEventRecord, r *ebpf.TasksProcessRecord, rights *masks, t *tally) {
	m := memory{
		told:  scale(cpuTime{r.Usage.UserNs, r.Usage.SystemNs}, r.Usage.CpuNs, cpuTime{r.PrevUserNs, r.PrevSystemNs}),
		masks: rights,
	}
	m.setComm(r)
	event.At, event.Task, event.StartNS = time.Duration(head.AtNs), head.Task, r.StartNs
	fill(&event.Process, r, &m, uint64(os.Getpagesize()))
	t.tell(&event.Process, &r.Usage, nil)
	event.Parent = k2i.Key{PID: r.Ppid, StartTicks: head.ParentStartNs / nsPerTick}
}

func takeExec(event *k2i.Event, b []byte, t *tally, shared sharedMasks) (cgroup uint64, whole bool) {
	var r ebpf.EventsExecRecord
	if !decode(&r, b) || uint64(len(b)-execBytes) < uint64(r.Length) {
		return 0, false
	}
	p := beginning(&r.Event.Process)
	p.Rights, p.Namespaces = ebpf.TasksRights(r.Rights), ebpf.TasksNamespaces(r.Namespaces)
	setProcess(event, &r.Event, &p, shared.of(&p), t)
	event.Process.Args = k2i.SplitArgs(b[execBytes : execBytes+int(r.Length)])
	return p.CgroupId, true
}

// takeExit reads how a process ended: code is as wait(2) has it.
func takeExit(event *k2i.Event, b []byte, t *tally) (cgroup uint64, whole bool) {
	var r ebpf.EventsExitRecord
	var counted ebpf.TasksTally
	if !decode(&r, b) || !decode(&counted, b[tallyAt:]) {
		return 0, false
	}
	cgroup, whole = takeProcess(event, b, t)
	p := &event.Process
	p.SetEnd(event.At, r.ExitCode)
	t.tell(p, (*ebpf.TasksUsage)(&r.Event.Process.Usage), &counted)
	p.PeakRSSBytes = k2i.Count(r.PeakRssPages * uint64(os.Getpagesize()))
	switch ebpf.EventsSender(r.Killer.Sender) {
	case ebpf.EventsSenderSENDER_PROCESS:
		p.KilledBy = k2i.KilledByProcess
		if r.Killer.Pid > 0 { // else it is outside of this namespace
			p.KillerPID = k2i.Count(r.Killer.Pid)
			p.KillerComm = string(cString(r.Killer.Comm[:]))
			p.KillerUser = strconv.FormatUint(uint64(r.Killer.Uid), 10)
		}
	case ebpf.EventsSenderSENDER_KERNEL:
		p.KilledBy = k2i.KilledByKernel
	case ebpf.EventsSenderSENDER_UNKNOWN:
	}
	return cgroup, whole
}

// takeFinal reads the CPU times, which are complete.
func takeFinal(event *k2i.Event, b []byte) bool {
	var r ebpf.EventsFinalRecord
	if !decode(&r, b) {
		return false
	}
	event.At, event.Task, event.StartNS = time.Duration(r.AtNs), r.Task, r.StartNs
	times := scale(cpuTime{r.UserNs, r.SystemNs}, r.CpuNs, cpuTime{})
	event.Process.CPUNS, event.Process.UserNS, event.Process.SystemNS = r.CpuNs, times.user, times.system
	return true
}

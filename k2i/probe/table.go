package probe

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"

	"ddcos/ebpf"
)

// readTable makes one pass of the table's iterator and folds the threads into
// their processes. It leaves p.records sorted by pid.
func (p *Probe) readTable() error {
	if p.came[1] == nil {
		p.came[1] = huge(make([]ebpf.TasksProcessRecord, 0, p.opts.Expected+p.opts.Expected/8)) // what is not used is not taken
	}
	p.came[0], p.came[1] = p.came[1], p.came[0]
	p.records, p.last = p.last[:0], p.records
	err := p.iterate()
	if err == nil && p.forgot {
		err = p.iterate()
	}
	if err == nil && p.forgot {
		err = errors.New("parts of records came whose rest nobody knows")
	}
	if err != nil {
		p.forgot = true
		return fmt.Errorf("process table: %w", err)
	}
	p.records = inOrder(p.records, p.came[0])
	slices.SortStableFunc(p.inner, byInnerPID)
	fold(p.records, p.threads)
	p.cgroups.forget(p.usedCgroups())
	return nil
}

// iterate reads what the iterator tells, in its order.
func (p *Probe) iterate() error {
	p.came[0], p.threads, p.tallies, p.inner, p.reading = p.came[0][:0], p.threads[:0], p.tallies[:0], p.inner[:0], 0
	if err := p.announce(); err != nil {
		return err
	}
	if p.closers == nil {
		return os.ErrClosed
	}
	if p.walk != nil {
		err := p.walk.each(p.take)
		if errors.Is(err, errNoWayOn) {
			p.forgot, err = true, nil
		}
		return err
	}
	iter, err := p.table.Open()
	if err != nil {
		return err
	}
	err = p.stream.each(iter, p.take)
	if closeErr := iter.Close(); err == nil {
		err = closeErr
	}
	return err
}

// take keeps one record. A pid of 0 is a task that ended while it was read.
func (p *Probe) take(kind ebpf.TasksRecordKind, record []byte) error {
	switch kind {
	case ebpf.TasksRecordKindRECORD_PROCESS:
		if r := p.more(); !decode(r, record) || r.Pid <= 0 {
			p.came[0] = p.came[0][:len(p.came[0])-1]
		}
	case ebpf.TasksRecordKindRECORD_NARROW:
		p.takeNarrow(record)
	case ebpf.TasksRecordKindRECORD_IDLE:
		p.takeIdle(record)
	case ebpf.TasksRecordKindRECORD_THREAD:
		var thread ebpf.TasksThreadRecord
		if decode(&thread, record) && thread.Pid > 0 {
			p.threads = append(p.threads, thread)
		}
	case ebpf.TasksRecordKindRECORD_TALLY:
		var counted ebpf.TasksTallyRecord
		if decode(&counted, record) && counted.Pid > 0 {
			p.tallies = append(p.tallies, counted)
		}
	case ebpf.TasksRecordKindRECORD_INNER_PIDS:
		p.takeInner(record)
	case ebpf.TasksRecordKindRECORD_CGROUP:
		var directory ebpf.TasksCgroupRecord
		if decode(&directory, record) {
			p.cgroups.add(&directory)
		}
	default:
		return fmt.Errorf("record of kind %d does not belong here", kind)
	}
	return nil
}

// fold adds each thread's usage to its process. A thread whose process was not
// seen, because it began or ended during the pass, is dropped.
func fold(records []*ebpf.TasksProcessRecord, threads []ebpf.TasksThreadRecord) {
	at := 0 // threads of a process mostly follow one another
	for i := range threads {
		t := &threads[i]
		if at >= len(records) || records[at].Pid != t.Pid {
			at = sort.Search(len(records), func(i int) bool { return records[i].Pid >= t.Pid })
			if at == len(records) || records[at].Pid != t.Pid {
				continue
			}
		}
		add(&records[at].Usage, &t.Usage)
		if records[at].Kind == unchanged { // it has begun a thread since
			records[at].Kind = uint32(ebpf.TasksRecordKindRECORD_NARROW)
		}
	}
}

// add sums usage. What the kernel does not count is all ones in every record.
func add(sum, u *ebpf.TasksUsage) {
	sum.CpuNs += u.CpuNs
	sum.UserNs += u.UserNs
	sum.SystemNs += u.SystemNs
	sum.MinFlt += u.MinFlt
	sum.MajFlt += u.MajFlt
	sum.VoluntarySwitches += u.VoluntarySwitches
	sum.InvoluntarySwitches += u.InvoluntarySwitches
	if u.ReadBytes != uncounted {
		sum.ReadBytes += u.ReadBytes
		sum.WriteBytes += u.WriteBytes
		sum.CancelledBytes += u.CancelledBytes
	}
	if u.ReadCalls != uncounted {
		sum.RcharBytes += u.RcharBytes
		sum.WcharBytes += u.WcharBytes
		sum.ReadCalls += u.ReadCalls
		sum.WriteCalls += u.WriteCalls
	}
	if u.RunDelayNs != uncounted {
		sum.RunDelayNs += u.RunDelayNs
	}
}

// usedCgroups are the ids that the pass at hand has seen.
func (p *Probe) usedCgroups() map[uint64]struct{} {
	if p.used == nil {
		p.used = map[uint64]struct{}{}
	}
	clear(p.used)
	last := uint64(0) // neighbours mostly share one
	for i := range p.records {
		if id := p.records[i].CgroupId; id != last || i == 0 {
			p.used[id], last = struct{}{}, id
		}
	}
	return p.used
}

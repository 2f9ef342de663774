package probe

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"

	"ddcos/ebpf"
)

// readTable makes one pass of the table's iterator and folds the threads into
// their processes. It leaves p.records sorted by pid.
func (p *Probe) readTable() error {
	if p.last == nil {
		p.last = make([]ebpf.TasksProcessRecord, 0, p.opts.Expected)
	}
	p.records, p.last = p.last, p.records
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
	p.records = sortByPID(p.records)
	slices.SortStableFunc(p.inner, byInnerPID)
	fold(p.records, p.threads)
	p.cgroups.forget(p.usedCgroups())
	return nil
}

// iterate reads what the iterator tells, in its order.
func (p *Probe) iterate() error {
	p.records, p.threads, p.tallies, p.inner, p.reading = p.records[:0], p.threads[:0], p.tallies[:0], p.inner[:0], 0
	if err := p.announce(); err != nil {
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
		p.records = append(p.records, ebpf.TasksProcessRecord{})
		if n := len(p.records) - 1; !decode(&p.records[n], record) || p.records[n].Pid <= 0 {
			p.records = p.records[:n]
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

// sortByPID puts records in order, which they nearly always are: the iterator
// walks pids upwards. Of two with one pid, as when a thread other than the
// leader calls exec meanwhile, the later one counts.
func sortByPID(records []ebpf.TasksProcessRecord) []ebpf.TasksProcessRecord {
	rising := true // a record is too large to be handed about where it need not be
	for i := 1; i < len(records) && rising; i++ {
		rising = records[i-1].Pid < records[i].Pid
	}
	if rising {
		return records
	}
	slices.SortStableFunc(records, func(a, b ebpf.TasksProcessRecord) int { return cmp.Compare(a.Pid, b.Pid) })
	unique := records[:0]
	for i := range records {
		if n := len(unique); n > 0 && unique[n-1].Pid == records[i].Pid {
			unique[n-1] = records[i]
			continue
		}
		unique = append(unique, records[i])
	}
	return unique
}

// fold adds each thread's usage to its process. A thread whose process was not
// seen, because it began or ended during the pass, is dropped.
func fold(records []ebpf.TasksProcessRecord, threads []ebpf.TasksThreadRecord) {
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

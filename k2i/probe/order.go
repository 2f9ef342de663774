package probe

import (
	"cmp"
	"slices"

	"ddcos/ebpf"
)

// inOrder are the records by pid, in the room of a list that is not needed any more: an
// iterator goes upwards, and a walk from the eldest on, so that there is little to do
// until numbers are given a second time. Records are large, and stay where they are. Of two
// with one pid, as when a thread other than the leader calls exec meanwhile, the later one
// counts.
func inOrder(room []*ebpf.TasksProcessRecord, records []ebpf.TasksProcessRecord) []*ebpf.TasksProcessRecord {
	list, rising := slices.Grow(room[:0], len(records)), true
	for i := range records {
		list = append(list, &records[i])
		rising = rising && (i == 0 || records[i-1].Pid < records[i].Pid)
	}
	if rising {
		return list
	}
	slices.SortStableFunc(list, func(a, b *ebpf.TasksProcessRecord) int { return cmp.Compare(a.Pid, b.Pid) })
	unique := list[:1]
	for _, r := range list[1:] {
		if last := len(unique) - 1; unique[last].Pid == r.Pid {
			unique[last] = r
		} else {
			unique = append(unique, r)
		}
	}
	return unique
}

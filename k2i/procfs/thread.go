package procfs

import (
	"bytes"
	"cmp"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// Threads are the process's threads, at most limit of them, the first thread first
// and the others by their ids, and how many there are in all: each the process, with what the thread has of its own.
// Rates need two samples, which threads do not have.
func (p *Pinned) Threads(process *k2i.Process, limit int) (threads []k2i.Process, count int, err error) {
	fd, err := unix.Openat(p.r.dir, "task", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, 0, readError(err)
	}
	dir := os.NewFile(uintptr(fd), "task")
	names, err := dir.Readdirnames(-1)
	_ = dir.Close() // it was only read
	if err != nil {
		return nil, 0, readError(err)
	}
	tids := make([]int, 0, len(names))
	for _, name := range names {
		if tid, err := strconv.Atoi(name); err == nil {
			tids = append(tids, tid)
		}
	}
	slices.SortFunc(tids, func(a, b int) int { // ids that are used again may be less than the first one's
		return cmp.Or(cmp.Compare(first(a, process), first(b, process)), cmp.Compare(a, b))
	})
	for _, tid := range tids[:min(len(tids), limit)] {
		t, err := p.thread(process, "task/"+strconv.Itoa(tid)+"/")
		if err == nil { // else it has ended
			threads = append(threads, t)
		}
	}
	return threads, len(tids), nil
}

// first is 0 for the thread that has the process's id, and 1 for others.
func first(tid int, process *k2i.Process) int {
	if tid == int(process.PID) {
		return 0
	}
	return 1
}

// thread reads one thread in its directory.
func (p *Pinned) thread(process *k2i.Process, dir string) (k2i.Process, error) {
	b, err := p.r.file(dir+"stat", MaxFile)
	if err != nil {
		return k2i.Process{}, err
	}
	s, err := ParseStat(b)
	if err != nil {
		return k2i.Process{}, err
	}
	t := asThread(*process, s)
	t.TID, t.Threads = k2i.Count(s.PID), 1
	t.RCPU, t.RCPUWithExited = k2i.NoRate(), k2i.NoRate()
	if b, err := p.r.file(dir+"schedstat", MaxFile); err == nil {
		if ran := ParseSchedstat(b); ran >= 0 {
			t.CPUNS = uint64(ran)
		}
	}
	return t, nil
}

// ParseSchedstat reads how many ns a thread has run from the text of
// /proc/PID/schedstat: RAN WAITED TIMES. It is Unread where that is none.
func ParseSchedstat(b []byte) k2i.Count {
	ran, _, found := bytes.Cut(b, []byte(" "))
	if !found {
		return k2i.Unread
	}
	return parseCount(ran)
}

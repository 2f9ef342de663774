//go:build !rows

package agent

import (
	"context"
	"slices"
	"sort"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/probe"
	"ddcos/k2i/procfs"
)

// recheck is how often the two roads' lists of processes are compared.
const recheck = 10 * time.Second

// bpfRoad takes processes from the iterator, and the host from /proc. Some
// kernels keep single processes from iterators that /proc shows: those few are
// read there.
type bpfRoad struct {
	fs     *procfs.FS
	probe  *probe.Probe
	unseen []int32 // shown by /proc alone
	next   time.Duration
	lost   uint64 // as of the last look
}

func (r *bpfRoad) mode() k2i.Mode { return k2i.ModeBPF }
func (r *bpfRoad) close() error   { return r.probe.Close() }

func (r *bpfRoad) lacks() []string    { return r.probe.Counted().Lacks() }
func (r *bpfRoad) uncountable() error { return r.probe.Uncountable() }
func (r *bpfRoad) uncounted() uint64 {
	if n, err := r.probe.Uncounted(); err == nil {
		r.lost = max(r.lost, n)
	}
	return r.lost
}

// spare leaves command lines as they are.
func (r *bpfRoad) spare(on bool) { r.probe.SpareArguments(on) }

func (r *bpfRoad) read(ctx context.Context, last *k2i.Sample) (*k2i.Sample, error) {
	sample, err := r.probe.ReadAfter(ctx, last)
	if err != nil {
		return nil, err
	}
	if sample.Host, sample.Visibility, err = r.fs.Host(ctx); err != nil {
		return nil, err
	}
	if sample.Mono >= r.next {
		r.next = sample.Mono + recheck
		if err := r.compare(sample); err != nil {
			return nil, err
		}
	}
	for _, pid := range r.unseen {
		if p, err := r.fs.Process(pid); err == nil { // else it has ended
			r.add(sample, &p)
		}
	}
	return sample, nil
}

// add puts a process into the sample, unless the iterator has it after all.
func (r *bpfRoad) add(sample *k2i.Sample, p *k2i.Process) {
	at, found := place(sample, p.PID)
	if !found {
		sample.Processes, sample.Shared = slices.Insert(sample.Processes, at, p), slices.Insert(sample.Shared, at, false)
	}
}

// place is where a pid is in a sample, or belongs.
func place(sample *k2i.Sample, pid int32) (at int, found bool) {
	list := sample.Processes
	at = sort.Search(len(list), func(i int) bool { return list[i].PID >= pid })
	return at, at < len(list) && list[at].PID == pid
}

// compare looks for processes that /proc shows, that began before the sample
// and that it does not have.
func (r *bpfRoad) compare(sample *k2i.Sample) error {
	pids, err := r.fs.PIDs()
	if err != nil {
		return err
	}
	r.unseen = r.unseen[:0]
	for _, pid := range pids {
		if _, found := place(sample, pid); found {
			continue
		}
		p, err := r.fs.Process(pid)
		if err == nil && time.Duration(p.StartNS) < sample.Mono-time.Second {
			r.unseen = append(r.unseen, pid)
		}
	}
	return nil
}

func openBPF(fs *procfs.FS, want Options) (road, error) {
	options := probe.DefaultOptions()
	options.CgroupController, options.Counting, options.Expected = fs.CgroupController(), want.Count, want.about
	p, err := probe.Open(options)
	if err != nil {
		return nil, err
	}
	return &bpfRoad{fs: fs, probe: p}, nil
}

func (r *bpfRoad) openEvents() (eventRoad, error) {
	events, err := r.probe.OpenEvents()
	if err != nil {
		return nil, err
	}
	return bpfEvents{events}, nil
}

// bpfEvents are the tracepoints'.
type bpfEvents struct{ events *probe.Events }

func (b bpfEvents) drain(events []k2i.Event, most int) ([]k2i.Event, bool, error) {
	return b.events.Drain(events, most)
}
func (b bpfEvents) close() error            { return b.events.Close() }
func (b bpfEvents) notify() <-chan struct{} { return b.events.Notify() }
func (b bpfEvents) lacks() []string         { return nil }
func (b bpfEvents) ran() (time.Duration, bool) {
	return b.events.RunTime(time.Now())
}

func (b bpfEvents) status() k2i.Events {
	return k2i.Events{Mode: k2i.EventsBPF, Seen: b.events.Read(), Lost: b.events.Lost()}
}

func openConnections() (connectionReader, error) {
	c, err := probe.OpenConnections()
	if err != nil {
		return nil, err
	}
	return c, nil
}

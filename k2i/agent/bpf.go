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
	lost   uint64       // as of the last look
	ahead  chan listing // of a single look: what is read while the programs are loaded
}

// listing is what /proc tells of the host, and who there is by it.
type listing struct {
	host       k2i.Host
	visibility k2i.Visibility
	pids       []int32
	err        error
}

// list reads it; the processes only where all is to be compared.
func (r *bpfRoad) list(ctx context.Context, all bool) (l listing) {
	if l.host, l.visibility, l.err = r.fs.Host(ctx); l.err == nil && all {
		l.pids, l.err = r.fs.PIDs()
	}
	return l
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
	var told listing
	due := sample.Mono >= r.next
	if r.ahead != nil {
		told, r.ahead = <-r.ahead, nil
	} else {
		told = r.list(ctx, due)
	}
	if told.err != nil {
		return nil, told.err
	}
	sample.Host, sample.Visibility = told.host, told.visibility
	if due {
		r.next = sample.Mono + recheck
		r.compare(sample, told.pids)
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
func (r *bpfRoad) compare(sample *k2i.Sample, pids []int32) {
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
}

func openBPF(fs *procfs.FS, want Options) (road, error) {
	options := probe.DefaultOptions()
	options.CgroupController, options.Counting, options.Expected = fs.CgroupController(), want.Count, want.about
	options.Once, options.Brief = want.once, !wantsDetail(want.Fields)
	r := &bpfRoad{fs: fs}
	if want.once {
		r.ahead = make(chan listing, 1)
		go func(to chan<- listing) { to <- r.list(context.Background(), true) }(r.ahead)
	}
	var err error
	if r.probe, err = probe.Open(options); err != nil {
		return nil, err
	}
	return r, nil
}

// wantsDetail tells whether any of these fields is one that a brief pass leaves out;
// nil are all.
func wantsDetail(fields []string) bool {
	return wantsContainers(fields) || slices.ContainsFunc(fields, func(name string) bool {
		f, _ := k2i.FieldByName(name)
		return name != "oom_score_adj" && (f.Group == "signals" || f.Group == "rights" || f.Group == "namespaces")
	})
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

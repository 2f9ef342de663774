package agent

import (
	"context"
	"slices"
	"sort"
	"time"

	"golang.org/x/sys/unix"

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
	unseen []int32 // shown by /proc alone; before that is known, the first process, which it mostly is
	next   time.Duration
	lost   uint64           // as of the last look
	ahead  chan hostReading // of a single look: the host is read while the programs are loaded
}

// hostReading is what /proc tells of the host.
type hostReading struct {
	host       k2i.Host
	visibility k2i.Visibility
	err        error
}

func (r *bpfRoad) readHost(ctx context.Context) (h hostReading) {
	h.host, h.visibility, h.err = r.fs.Host(ctx)
	return h
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
	var told hostReading
	if r.ahead != nil {
		told, r.ahead = <-r.ahead, nil
	} else {
		told = r.readHost(ctx)
	}
	if told.err != nil {
		return nil, told.err
	}
	sample.Host, sample.Visibility = told.host, told.visibility
	r.unseen = slices.DeleteFunc(r.unseen, func(pid int32) bool { return !r.add(sample, pid) })
	if sample.Mono < r.next {
		return sample, nil
	}
	r.next = sample.Mono + recheck
	return sample, r.compare(sample)
}

// add puts a process into the sample that it does not have, unless that began with it
// or has ended.
func (r *bpfRoad) add(sample *k2i.Sample, pid int32) bool {
	at, found := place(sample, pid)
	if found {
		return false
	}
	p, err := r.fs.Process(pid)
	if err != nil || time.Duration(p.StartNS) >= sample.Mono-time.Second {
		return false
	}
	sample.Processes, sample.Shared = slices.Insert(sample.Processes, at, &p), slices.Insert(sample.Shared, at, false)
	return true
}

// place is where a pid is in a sample, or belongs.
func place(sample *k2i.Sample, pid int32) (at int, found bool) {
	list := sample.Processes
	at = sort.Search(len(list), func(i int) bool { return list[i].PID >= pid })
	return at, at < len(list) && list[at].PID == pid
}

// compare adds processes that /proc shows and that the sample does not have. To list
// them takes as long as all else, so that is done where the kernel counts others than
// it has.
func (r *bpfRoad) compare(sample *k2i.Sample) error {
	if hasAll(sample) {
		return nil
	}
	pids, err := r.fs.PIDs()
	for _, pid := range pids {
		if r.add(sample, pid) {
			r.unseen = append(r.unseen, pid)
		}
	}
	return err
}

// hasAll tells whether there are as many threads on this host as in the sample, of which
// the kernel tells the lower 16 bits.
func hasAll(sample *k2i.Sample) bool {
	var host unix.Sysinfo_t
	threads := uint16(0)
	for _, p := range sample.Processes {
		threads += uint16(p.Threads)
	}
	return unix.Sysinfo(&host) == nil && host.Procs == threads
}

func openBPF(fs *procfs.FS, want Options) (road, error) {
	options := probe.DefaultOptions()
	options.CgroupController, options.Counting, options.Expected = fs.CgroupController(), want.Count, want.about
	options.Once, options.Brief = want.once, !wantsDetail(want.Fields)
	r := &bpfRoad{fs: fs, unseen: []int32{1}}
	if want.once {
		r.ahead = make(chan hostReading, 1)
		go func(to chan<- hostReading) { to <- r.readHost(context.Background()) }(r.ahead)
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

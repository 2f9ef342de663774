package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
	"ddcos/k2i/probe"
	"ddcos/k2i/procfs"
)

// road is a way from the kernel to a sample.
type road interface {
	// read gives a sample that shares rows with the last one, which may be nil, where
	// it knows how. What is shared is complete; everything else is not.
	read(ctx context.Context, last *k2i.Sample) (*k2i.Sample, error)
	mode() k2i.Mode
	close() error

	lacks() []string    // fields that it does not count, sorted
	uncountable() error // why something that was asked for is not counted
	uncounted() uint64  // what it could not count for want of room; only grows
}

// openRoad tries BPF unless it was told not to. refused says why it is not BPF.
func openRoad(fs *procfs.FS, want Options) (r road, refused string, err error) {
	switch want.Mode {
	case k2i.ModeProcfs:
		return newProcRoad(fs, want.Count), "", nil
	case ModeAuto, k2i.ModeBPF:
	default:
		return nil, "", fmt.Errorf("mode %q: want auto, bpf or procfs", want.Mode)
	}
	options := probe.DefaultOptions()
	options.CgroupController, options.Counting, options.Expected = fs.CgroupController(), want.Count, len(want.listed)
	p, err := probe.Open(options)
	switch {
	case err == nil:
		return &bpfRoad{fs: fs, probe: p, listed: want.listed}, "", nil
	case want.Mode == ModeAuto:
		return newProcRoad(fs, want.Count), err.Error(), nil
	}
	return nil, "", fmt.Errorf("%w; --mode procfs does without", err)
}

// openEvents opens the best road of events that the caller wants and that there
// is: an agent lives without any, and says so.
func openEvents(fs *procfs.FS, r road, want k2i.EventMode) (eventRoad, error) {
	refused := "it was not asked for"
	b, tracing := r.(*bpfRoad)
	switch want {
	case "", k2i.EventsBPF, k2i.EventsConnector:
	case k2i.EventsNone:
		return noEvents{refused}, nil
	default:
		return nil, fmt.Errorf("events %q: want auto, bpf, connector or none", want)
	}
	if want != k2i.EventsConnector && tracing {
		events, err := b.probe.OpenEvents()
		if err == nil {
			return bpfEvents{events}, nil
		}
		refused = err.Error()
	}
	if want == k2i.EventsBPF {
		return nil, fmt.Errorf("events by BPF: %s; it goes with mode bpf", refused)
	}
	connector, err := fs.OpenConnector()
	if err != nil {
		if want == k2i.EventsConnector {
			return nil, err
		}
		return noEvents{refused + "; " + err.Error()}, nil
	}
	return connectorEvents{connector, refused}, nil
}

// procRoad reads /proc file by file.
type procRoad struct {
	passes *procfs.Passes
	count  probe.Counting // what was asked for
}

func newProcRoad(fs *procfs.FS, count probe.Counting) procRoad {
	return procRoad{procfs.NewPasses(fs), count}
}

func (r procRoad) read(ctx context.Context, last *k2i.Sample) (*k2i.Sample, error) {
	return r.passes.Read(ctx, last)
}
func (r procRoad) mode() k2i.Mode    { return k2i.ModeProcfs }
func (r procRoad) close() error      { return nil }
func (r procRoad) lacks() []string   { return probe.Counting{}.Lacks() }
func (r procRoad) uncounted() uint64 { return 0 }
func (r procRoad) uncountable() error {
	if r.count == (probe.Counting{}) {
		return nil
	}
	return errors.New("only BPF counts sockets, waiting for a CPU, and requests to disks")
}

// recheck is how often the two roads' lists of processes are compared.
const recheck = 10 * time.Second

// bpfRoad takes processes from the iterator, and the host from /proc. Some
// kernels keep single processes from iterators that /proc shows: those few are
// read there.
type bpfRoad struct {
	fs     *procfs.FS
	probe  *probe.Probe
	unseen []int32 // shown by /proc alone
	listed []int32 // by /proc just before the first sample; nil where nobody looked
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

func sinceBoot() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("clock since boot: %w", err)
	}
	return time.Duration(ts.Nano()), nil
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
	pids := r.listed
	if r.listed = nil; pids == nil {
		var err error
		if pids, err = r.fs.PIDs(); err != nil {
			return err
		}
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

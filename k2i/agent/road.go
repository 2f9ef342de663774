package agent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
	"ddcos/k2i/probe"
	"ddcos/k2i/procfs"
)

// road is a way from the kernel to a sample.
type road interface {
	read(ctx context.Context) (*k2i.Sample, error)
	mode() k2i.Mode
	close() error
}

// openRoad tries BPF unless it was told not to. refused says why it is not BPF.
func openRoad(fs *procfs.FS, mode k2i.Mode) (r road, refused string, err error) {
	switch mode {
	case k2i.ModeProcfs:
		return procRoad{fs}, "", nil
	case ModeAuto, k2i.ModeBPF:
	default:
		return nil, "", fmt.Errorf("mode %q: want auto, bpf or procfs", mode)
	}
	options := probe.DefaultOptions()
	options.CgroupController = fs.CgroupController()
	p, err := probe.Open(options)
	switch {
	case err == nil:
		return &bpfRoad{fs: fs, probe: p}, "", nil
	case mode == ModeAuto:
		return procRoad{fs}, err.Error(), nil
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
type procRoad struct{ fs *procfs.FS }

func (r procRoad) read(ctx context.Context) (*k2i.Sample, error) { return r.fs.Read(ctx) }
func (r procRoad) mode() k2i.Mode                                { return k2i.ModeProcfs }
func (r procRoad) close() error                                  { return nil }

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
}

func (r *bpfRoad) mode() k2i.Mode { return k2i.ModeBPF }
func (r *bpfRoad) close() error   { return r.probe.Close() }

func (r *bpfRoad) read(ctx context.Context) (*k2i.Sample, error) {
	sample, err := r.probe.Read(ctx)
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
			r.add(sample, p)
		}
	}
	return sample, nil
}

// add puts a process into the sample, unless the iterator has it after all.
func (r *bpfRoad) add(sample *k2i.Sample, p k2i.Process) {
	at, found := slices.BinarySearchFunc(sample.Processes, p.PID, comparePID)
	if !found {
		sample.Processes = slices.Insert(sample.Processes, at, p)
	}
}

func sinceBoot() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("clock since boot: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}

func comparePID(p k2i.Process, pid int32) int { return int(p.PID) - int(pid) }

// compare looks for processes that /proc shows, that began before the sample
// and that it does not have.
func (r *bpfRoad) compare(sample *k2i.Sample) error {
	pids, err := r.fs.PIDs()
	if err != nil {
		return err
	}
	r.unseen = r.unseen[:0]
	for _, pid := range pids {
		if _, found := slices.BinarySearchFunc(sample.Processes, pid, comparePID); found {
			continue
		}
		p, err := r.fs.Process(pid)
		if err == nil && time.Duration(p.StartNS) < sample.Mono-time.Second {
			r.unseen = append(r.unseen, pid)
		}
	}
	return nil
}

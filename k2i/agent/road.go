package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
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

// tracer is a road that has tracepoints beside it.
type tracer interface{ openEvents() (eventRoad, error) }

// openRoad tries BPF unless it was told not to. refused says why it is not BPF.
func openRoad(fs *procfs.FS, want Options) (r road, refused string, err error) {
	switch want.Mode {
	case k2i.ModeProcfs:
		return openProc(fs, want), "", nil
	case ModeAuto, k2i.ModeBPF:
	default:
		return nil, "", fmt.Errorf("mode %q: want auto, bpf or procfs", want.Mode)
	}
	r, err = openBPF(fs, want)
	switch {
	case err == nil:
		return r, "", nil
	case want.Mode == ModeAuto:
		return openProc(fs, want), err.Error(), nil
	}
	return nil, "", fmt.Errorf("%w; --mode procfs does without", err)
}

// openEvents opens the best road of events that the caller wants and that there
// is: an agent lives without any, and says so.
func openEvents(fs *procfs.FS, r road, want k2i.EventMode) (eventRoad, error) {
	refused := "it was not asked for"
	b, tracing := r.(tracer)
	switch want {
	case "", k2i.EventsBPF, k2i.EventsConnector:
	case k2i.EventsNone:
		return noEvents{refused}, nil
	default:
		return nil, fmt.Errorf("events %q: want auto, bpf, connector or none", want)
	}
	if want != k2i.EventsConnector && tracing {
		events, err := b.openEvents()
		if err == nil {
			return events, nil
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

// openProc is the road by /proc, for one look or for many.
func openProc(fs *procfs.FS, want Options) road {
	road := newProcRoad(fs, want.Count)
	if want.once {
		return procOnce{road, fs, want.Fields}
	}
	return road
}

// procOnce reads /proc once, on all CPUs, and as far as the fields need.
type procOnce struct {
	procRoad
	fs     *procfs.FS
	fields []string
}

func (r procOnce) read(ctx context.Context, _ *k2i.Sample) (*k2i.Sample, error) {
	return r.fs.Look(ctx, r.fields)
}

// procRoad reads /proc file by file.
type procRoad struct {
	passes *procfs.Passes
	count  k2i.Counting // what was asked for
}

func newProcRoad(fs *procfs.FS, count k2i.Counting) procRoad {
	return procRoad{procfs.NewPasses(fs), count}
}

func (r procRoad) read(ctx context.Context, last *k2i.Sample) (*k2i.Sample, error) {
	return r.passes.Read(ctx, last)
}
func (r procRoad) mode() k2i.Mode    { return k2i.ModeProcfs }
func (r procRoad) close() error      { return nil }
func (r procRoad) lacks() []string   { return k2i.Counting{}.Lacks() }
func (r procRoad) uncounted() uint64 { return 0 }
func (r procRoad) uncountable() error {
	if r.count == (k2i.Counting{}) {
		return nil
	}
	return errors.New("only BPF counts sockets, waiting for a CPU, and requests to disks")
}

func sinceBoot() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("clock since boot: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}

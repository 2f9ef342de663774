// Package detail reads on demand what no sample holds: sums of memory maps, open
// files, limits, stacks. The kernel may take as long as it likes for any of
// these, and nothing can end a read that waits there: so each is done by a
// worker with a deadline, of which there are only so many.
package detail

import (
	"context"
	"slices"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// Options of a Reader.
type Options struct {
	Workers  int           // reads at the same time
	Stuck    int           // reads that have been given up and may wait for ever, beside them
	Deadline time.Duration // for one part of one process

	// MaxRSSBytes is how much resident memory is measured: the kernel holds a
	// process's address space for some 22 ms a GB meanwhile.
	MaxRSSBytes uint64
}

// DefaultOptions are those of an agent.
func DefaultOptions() Options {
	return Options{Workers: 4, Stuck: 16, Deadline: time.Second, MaxRSSBytes: 32 << 30}
}

// Reader reads details. It is safe for many goroutines.
type Reader struct {
	pool *pool
	pin  func(k2i.Key) (pinned, error)
	max  uint64
}

// pinned is a process as procfs.Pinned holds it.
type pinned interface {
	Rollup() (procfs.Rollup, error)
	FDs() ([]k2i.FD, int, error)
	FDCount() (int, error)
	Threads(process *k2i.Process, limit int) ([]k2i.Process, int, error)
	Limits() ([]k2i.Limit, error)
	Wchan() (string, error)
	Stack() ([]string, error)
	Lives() error
	Close()
}

// New makes a Reader of fs; fields of options left zero are those of DefaultOptions.
func New(fs *procfs.FS, options Options) *Reader {
	return newReader(func(key k2i.Key) (pinned, error) { return fs.Pin(key) }, options)
}

func newReader(pin func(k2i.Key) (pinned, error), options Options) *Reader {
	defaults := DefaultOptions()
	if options.Workers == 0 {
		options.Workers = defaults.Workers
	}
	if options.Stuck == 0 {
		options.Stuck = defaults.Stuck
	}
	if options.Deadline == 0 {
		options.Deadline = defaults.Deadline
	}
	if options.MaxRSSBytes == 0 {
		options.MaxRSSBytes = defaults.MaxRSSBytes
	}
	return &Reader{pool: newPool(options), pin: pin, max: options.MaxRSSBytes}
}

// Stats are the Reader's own counters.
func (r *Reader) Stats() Stats { return r.pool.stats() }

// Read reads parts of a process, all at the same time, and says of those that
// are missing why. A process that ended meanwhile has none: what its pid tells
// afterwards is another's.
func (r *Reader) Read(ctx context.Context, p *k2i.Process, parts []k2i.Part) *k2i.Detail {
	found := make(chan result, len(parts))
	for _, part := range parts {
		go func() { found <- r.part(ctx, p, part) }()
	}
	d := k2i.NoDetail()
	var all []result
	for range parts {
		all = append(all, <-found)
	}
	// In the order of the question, whichever was the first.
	slices.SortFunc(all, func(a, b result) int { return slices.Index(parts, a.part) - slices.Index(parts, b.part) })
	for _, f := range all {
		if f.reason != "" {
			d.Gaps = k2i.AddGap(d.Gaps, f.part, f.reason, 1)
			continue
		}
		f.fill(d)
	}
	return d
}

// result is one part, or why it is missing.
type result struct {
	part   k2i.Part
	reason k2i.GapReason
	fill   func(*k2i.Detail)

	threads []k2i.Process // of partThreads
}

// part reads one part.
func (r *Reader) part(ctx context.Context, p *k2i.Process, part k2i.Part) result {
	switch {
	case p.Ended():
		return result{part: part, reason: k2i.GapEnded}
	case p.Kernel && part == k2i.PartPSS:
		return result{part: part, reason: k2i.GapKernel}
	case p.RSSBytes > r.max && part == k2i.PartPSS:
		return result{part: part, reason: k2i.GapTooLarge}
	}
	key, got := p.Key(), make(chan result, 1)
	reason := r.pool.run(ctx, place{key, part}, func() {
		f, err := r.read(p, part)
		if err != nil {
			f = result{reason: procfs.Reason(err)}
		}
		f.part = part
		got <- f
	})
	if reason != "" {
		return result{part: part, reason: reason}
	}
	return <-got
}

// read is a worker's part of it: it may wait for ever.
func (r *Reader) read(process *k2i.Process, part k2i.Part) (found result, err error) {
	p, err := r.pin(process.Key())
	if err != nil {
		return found, err
	}
	defer p.Close()
	switch part {
	case k2i.PartPSS:
		m, err := p.Rollup()
		found.fill = func(d *k2i.Detail) { d.PSSBytes, d.USSBytes, d.SwapPSSBytes = m.PSSBytes, m.USSBytes, m.SwapPSSBytes }
		return found, lived(p, err)
	case k2i.PartFDs:
		list, n, err := p.FDs()
		found.fill = func(d *k2i.Detail) { d.FDs, d.FDCount = list, k2i.Count(n) }
		return found, lived(p, err)
	case partFDCount:
		n, err := p.FDCount()
		found.fill = func(d *k2i.Detail) { d.FDCount = k2i.Count(n) }
		return found, lived(p, err)
	case k2i.PartLimits:
		list, err := p.Limits()
		found.fill = func(d *k2i.Detail) { d.Limits = list }
		return found, lived(p, err)
	case k2i.PartWchan:
		wchan, err := p.Wchan()
		found.fill = func(d *k2i.Detail) { d.Wchan = wchan }
		return found, lived(p, err)
	case partThreads:
		found.threads, _, err = p.Threads(process, MaxThreads)
		return found, lived(p, err)
	default:
		stack, err := p.Stack()
		found.fill = func(d *k2i.Detail) { d.Stack = stack }
		return found, lived(p, err)
	}
}

// lived is err, or that the process has ended: what was read of it may be that
// of a process in its last moments.
func lived(p pinned, err error) error {
	if err != nil {
		return err
	}
	return p.Lives()
}

package detail

import (
	"context"
	"slices"
	"sync"
	"time"

	"ddcos/k2i"
)

// Limits of what is read of several processes for one question.
const (
	MaxFilled  = 1000            // processes whose fields are filled in
	MaxThreads = 1 << 14         // threads that are listed, each a whole row of a kilobyte
	fillTime   = 3 * time.Second // for all of them together
)

// Fields that Fill knows, and the part each belongs to.
const (
	partFDCount k2i.Part = "fd_count" // of FDs, without their names
	partThreads k2i.Part = "threads"
)

// partOf is the part that a field of the table belongs to, "" for those of samples.
func partOf(field string) k2i.Part {
	switch field {
	case "pss_bytes", "uss_bytes":
		return k2i.PartPSS
	case "fd_count":
		return partFDCount
	case "wchan":
		return k2i.PartWchan
	}
	return ""
}

// Fill reads fields of the table that no sample holds into rows, which are the
// caller's own, and says of which it could not and why. Only MaxFilled rows are
// read, in their order.
func (r *Reader) Fill(ctx context.Context, rows []*k2i.Process, fields []string) []k2i.Gap {
	var parts []k2i.Part
	for _, field := range fields {
		if part := partOf(field); part != "" && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	gaps := &gaps{}
	for _, part := range parts {
		gaps.add(part, k2i.GapTooMany, len(rows)-MaxFilled)
	}
	r.each(ctx, rows[:min(len(rows), MaxFilled)], func(ctx context.Context, p *k2i.Process) {
		d := k2i.NoDetail()
		for _, part := range parts {
			if f := r.part(ctx, p, part); f.reason != "" {
				gaps.add(part, f.reason, 1)
			} else {
				f.fill(d)
			}
		}
		p.PSSBytes, p.USSBytes, p.FDCount, p.Wchan = d.PSSBytes, d.USSBytes, d.FDCount, d.Wchan
	})
	return gaps.list
}

// Threads lists the threads of processes, and says of which it could not and why.
func (r *Reader) Threads(ctx context.Context, processes []*k2i.Process) ([]*k2i.Process, []k2i.Gap) {
	var mu sync.Mutex // guards all
	var all []*k2i.Process
	gaps := &gaps{}
	r.each(ctx, processes, func(ctx context.Context, p *k2i.Process) {
		f := r.part(ctx, p, partThreads)
		if f.reason != "" {
			gaps.add(partThreads, f.reason, 1)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for i := range f.threads {
			if len(all) == MaxThreads {
				gaps.add(partThreads, k2i.GapTooMany, 1)
				return
			}
			all = append(all, &f.threads[i])
		}
	})
	return all, gaps.list
}

// each calls work for all rows, as many at a time as there are workers.
func (r *Reader) each(ctx context.Context, rows []*k2i.Process, work func(context.Context, *k2i.Process)) {
	ctx, cancel := context.WithTimeout(ctx, fillTime)
	defer cancel()
	next := make(chan *k2i.Process)
	var group sync.WaitGroup
	for range min(len(rows), r.pool.options.Workers) {
		group.Go(func() {
			for p := range next {
				work(ctx, p)
			}
		})
	}
	for _, p := range rows {
		next <- p // work ends with ctx
	}
	close(next)
	group.Wait()
}

// gaps are counted by several goroutines.
type gaps struct {
	mu   sync.Mutex // guards list
	list []k2i.Gap
}

func (g *gaps) add(part k2i.Part, reason k2i.GapReason, count int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if count > 0 {
		g.list = k2i.AddGap(g.list, part, reason, count)
	}
}

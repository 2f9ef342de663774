package detail

import (
	"context"
	"sync"
	"sync/atomic"

	"ddcos/k2i"
)

// place is what a reader may be stuck at: one part of one process. Other work may
// have places of another type.
type place struct {
	key  k2i.Key
	part k2i.Part
}

// pool runs reads that may never return. Each has a goroutine, and a thread of
// the kernel while it waits there, which nothing can end; so there are at most
// Workers at a time, and Stuck more that have been given up.
type pool struct {
	options Options
	free    chan struct{} // holds one for each worker that may begin

	reads, deadlines, busy atomic.Uint64

	mu      sync.Mutex  // guards what follows
	stuck   map[any]int // by place
	waiting int         // the sum of stuck
}

func newPool(options Options) *pool {
	p := &pool{options: options, free: make(chan struct{}, options.Workers), stuck: map[any]int{}}
	for range options.Workers {
		p.free <- struct{}{}
	}
	return p
}

// run waits for a worker and then for work, at most for the deadline each, and
// tells why it did not get it; "" where it did. work shares nothing with its
// caller but what it returns through a channel of its own: it may go on after run
// has given it up. A place where a reader is stuck is not read again until it has
// come back.
func (p *pool) run(ctx context.Context, at any, work func()) k2i.GapReason {
	if p.isStuck(at) {
		return k2i.GapStuck
	}
	if !p.begin(ctx) {
		p.busy.Add(1)
		return k2i.GapBusy
	}
	p.reads.Add(1)
	job := &job{pool: p, at: at, done: make(chan struct{})}
	go job.run(work)
	ctx, cancel := context.WithTimeout(ctx, p.options.Deadline)
	defer cancel()
	select {
	case <-job.done:
		return ""
	case <-ctx.Done():
	}
	if job.giveUp() {
		p.deadlines.Add(1)
		return k2i.GapDeadline
	}
	return ""
}

// begin waits for a worker to be free.
func (p *pool) begin(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, p.options.Deadline)
	defer cancel()
	select {
	case <-p.free:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *pool) isStuck(at any) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stuck[at] > 0
}

// job is one piece of work and whether anybody still waits for it.
type job struct {
	pool *pool
	at   any
	done chan struct{}

	// Guarded by the pool's mu.
	ended, given bool
	keeps        bool // nobody has taken its place
}

func (j *job) run(work func()) {
	work()
	p := j.pool
	p.mu.Lock()
	j.ended = true
	frees := !j.given || j.keeps
	if j.given {
		p.waiting--
		if p.stuck[j.at]--; p.stuck[j.at] == 0 {
			delete(p.stuck, j.at)
		}
	}
	p.mu.Unlock()
	close(j.done)
	if frees {
		p.free <- struct{}{}
	}
}

// giveUp leaves a job to itself; false where it has just ended. Another worker
// takes its place unless too many are stuck already.
func (j *job) giveUp() bool {
	p := j.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if j.ended {
		return false
	}
	j.given = true
	p.stuck[j.at]++
	p.waiting++
	if j.keeps = p.waiting > p.options.Stuck; !j.keeps {
		p.free <- struct{}{} // there is room: its own was taken
	}
	return true
}

// Stats are a Reader's own counters, which only grow, but for Stuck.
type Stats struct {
	Reads     uint64 // that were begun
	Deadlines uint64 // that were given up
	Busy      uint64 // questions that found no reader free
	Stuck     int    // readers that wait now for a kernel that does not answer
}

func (p *pool) stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{Reads: p.reads.Load(), Deadlines: p.deadlines.Load(), Busy: p.busy.Load(), Stuck: p.waiting}
}

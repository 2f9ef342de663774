package broker

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// waits is how much of the loop's work stands before what comes for it at any moment, in µs
// of its thread's own time: for that a machine that does something else meanwhile makes no
// difference.
type waits struct {
	mu  sync.Mutex
	all []float64
}

// measure asks a millisecond at a time, until ctx ends.
func (w *waits) measure(ctx context.Context, b *Broker) {
	type look struct {
		thread int
		clock  time.Duration
	}
	last, seen := look{}, make(chan look, 1)
	work := func() { tid := unix.Gettid(); seen <- look{tid, threadClock(tid)} }
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		before := threadClock(last.thread)
		b.mailbox.post(work)
		var now look
		select {
		case <-ctx.Done():
			return
		case now = <-seen:
		}
		if now.thread == last.thread {
			w.mu.Lock()
			w.all = append(w.all, float64((now.clock-before).Nanoseconds())/1e3)
			w.mu.Unlock()
		}
		last = now
	}
}

// threadClock is how long a thread of this process has had a processor.
func threadClock(tid int) time.Duration {
	const ofThread = 6 // CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED
	var at unix.Timespec
	_ = unix.ClockGettime(int32(^tid<<3|ofThread), &at) // 0 of one that there is not
	return time.Duration(at.Nano())
}

// ServeHTTP gives those since it was asked last.
func (w *waits) ServeHTTP(rw http.ResponseWriter, _ *http.Request) {
	w.mu.Lock()
	all := w.all
	w.all = nil
	w.mu.Unlock()
	_ = json.NewEncoder(rw).Encode(all)
}

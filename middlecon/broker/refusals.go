package broker

import (
	"cmp"
	"log/slog"
	"sync"
	"time"
)

// refusals keeps strangers from filling the log: so many lines in a second at most, and
// then how many there would have been.
type refusals struct {
	mu     sync.Mutex // guards the fields below
	second time.Time  // when it began
	lines  int        // in it
	silent int        // since the latest line
	all    uint64
	most   int // lines in a second; 0: refusalLines
}

const refusalLines = 10

// log tells of one refusal.
func (r *refusals) log(to *slog.Logger, what string, about ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all++
	if now := time.Now(); now.Sub(r.second) >= time.Second {
		r.second, r.lines = now, 0
	}
	if r.lines++; r.lines > cmp.Or(r.most, refusalLines) {
		r.silent++
		return
	}
	if r.silent > 0 {
		about = append(about, "not_logged", r.silent)
		r.silent = 0
	}
	to.Warn(what, about...)
}

// count is how many there were.
func (r *refusals) count() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

package fleet

import (
	"math"
	"sync"
	"sync/atomic"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
)

// sieve drops rows as soon as they cannot be among the first of all hosts: five
// thousand hosts' first fifty rows would take 250 MB together, and fifty are wanted.
type sieve struct {
	q     query.Query
	asked choice
	rank  func(*k2i.Process) uint64
	most  atomic.Uint64 // the rank that a row may have

	mu    sync.Mutex // guards the rest
	order func(a, b query.Row) int
	best  []query.Row // of the rows so far at least the first Limit, by the keys alone
	worst query.Row   // the last of the first Limit
	full  bool        // there are so many
}

// newSieve is one for the answers to q; nil where every row is wanted.
func newSieve(q query.Query, asked choice) *sieve {
	if q.Limit <= 0 || q.By != "" {
		return nil
	}
	s := &sieve{q: q, asked: asked, rank: query.Rank(q.Sort), order: query.Order(q.Sort)}
	s.most.Store(math.MaxUint64)
	return s
}

// keeps tells most rows that are too many while their answer is still being read: by
// the first key alone. It is nil where all are kept.
func (s *sieve) keeps() func(*k2i.Process) bool {
	if s == nil {
		return nil
	}
	return func(p *k2i.Process) bool { return s.rank(p) <= s.most.Load() }
}

// take leaves a reply the rows that may be among the first. Those of a host that
// is not asked compete with nobody's. Rows that are equal by the keys stay: which
// host is first is known in the end.
func (s *sieve) take(r Reply) Reply {
	if s == nil || r.Status != StatusOK || r.Answer == nil || !s.asked.has(&r) {
		return r
	}
	host := newHost(&r).Queried()
	s.mu.Lock()
	defer s.mu.Unlock()
	if rows := r.Answer.Processes; s.full {
		var kept wire.Rows // a list of its own, so that the memory of the others is free
		for i := range rows {
			if s.order(query.Row{Host: host, Process: &rows[i]}, s.worst) <= 0 {
				kept = append(kept, rows[i])
			}
		}
		r.Answer.Processes = kept
	}
	for i := range r.Answer.Processes {
		s.best = append(s.best, query.Row{Host: host, Process: &r.Answer.Processes[i]})
	}
	// Afterwards they are put in order when they have doubled: each row pays for it once.
	if most := s.q.Limit; len(s.best) >= 2*most || !s.full && len(s.best) >= most {
		s.best = query.First(s.best, s.q.Limit, s.order)
		s.worst, s.full = s.best[s.q.Limit-1], true
		s.most.Store(s.rank(s.worst.Process))
	}
	return r
}

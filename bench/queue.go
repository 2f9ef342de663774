package bench

import (
	"context"
	"sync"
	"time"
)

// tryAgain is how long a session that was hung up on waits.
const tryAgain = 10 * time.Millisecond

// queue is sessions that ask a broker for more than it can open. Each is accepted when the broker
// has greeted it, and asks again where the broker has hung up on it.
type queue struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	mu     sync.Mutex // guards what follows
	in     []*bareCaller
	at     []time.Time // when each was greeted
	gone   int         // of in, those that have been closed
	hung   int         // how often a broker hung up
}

// newQueue asks for so many sessions.
func newQueue(ctx context.Context, s *subject, sessions int) *queue {
	ctx, cancel := context.WithCancel(ctx)
	q := &queue{cancel: cancel}
	for range sessions {
		q.done.Go(func() {
			for !q.ask(ctx, s) {
				if err := pause(ctx, time.Now().Add(tryAgain)); err != nil {
					return
				}
			}
		})
	}
	return q
}

// ask asks for one session, until it is granted or not.
func (q *queue) ask(ctx context.Context, s *subject) bool {
	c, err := dialBare(ctx, s.address, s.asker(), s.until, 0)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			q.hung++
		}
		return false
	}
	q.in, q.at = append(q.in, c), append(q.at, time.Now())
	return true
}

// accepted is how many have been greeted.
func (q *queue) accepted() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.in)
}

// hungUp is how often a broker hung up on one.
func (q *queue) hungUp() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.hung
}

// greeted is when the first and the last were that came after so many.
func (q *queue) greeted(after int) (first, last time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.at[after], q.at[len(q.at)-1]
}

// close ends the first n sessions.
func (q *queue) close(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for ; q.gone < n; q.gone++ {
		_ = q.in[q.gone].close()
	}
}

// leave ends all of them.
func (q *queue) leave() {
	q.cancel()
	q.done.Wait()
	q.close(q.accepted())
}

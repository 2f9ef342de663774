package broker

// queues is the memory of queues that are empty. Idle sessions, which most are,
// have none; who is sent something is lent what another has had.
type queues struct {
	empty  [][]queued
	frames int // that fit in all of empty
}

// framesKept bounds queues.frames: 3 MiB, enough for one frame to each of very
// many sessions.
const framesKept = 1 << 16

// enqueue lets a frame wait for a session.
func (b *Broker) enqueue(s *session, q queued) {
	if s.queue == nil {
		s.queue = b.queues.lend()
	}
	if s.is(postponed) {
		q.own()
	}
	s.queue = append(s.queue, q)
	s.bytes += len(q.frame)
}

func (q *queues) lend() []queued {
	n := len(q.empty)
	if n == 0 {
		return nil
	}
	one := q.empty[n-1]
	q.empty = q.empty[:n-1]
	q.frames -= cap(one)
	return one
}

// release takes a session's queue back if it is empty.
func (q *queues) release(s *session) {
	if len(s.queue) > 0 || s.queue == nil {
		return
	}
	if q.frames+cap(s.queue) <= framesKept {
		q.empty = append(q.empty, s.queue)
		q.frames += cap(s.queue)
	}
	s.queue = nil
}

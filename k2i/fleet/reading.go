package fleet

import (
	"runtime"
	"sync"
	"time"

	"ddcos/k2i/wire"
	"ddcos/middlecon"
)

// passed is what each leaves of a reply.
func passed(each func(Reply) Reply, r Reply) Reply {
	if each == nil {
		return r
	}
	return each(r)
}

// reading reads a call's outcomes while the call goes on, on all CPUs: an answer
// takes some 3 µs a row, and at the deadline the rest should be done.
type reading struct {
	broker *BrokerSource
	req    wire.Request
	each   func(Reply) Reply
	asked  time.Time

	outcomes chan middlecon.Outcome // to the workers; a full one holds up the call's account alone
	workers  sync.WaitGroup

	mu   sync.Mutex // guards done
	done map[string]Reply
}

func (b *BrokerSource) reading(req wire.Request, each func(Reply) Reply) *reading {
	n := runtime.GOMAXPROCS(0)
	r := &reading{broker: b, req: req, each: each, asked: time.Now(), outcomes: make(chan middlecon.Outcome, n), done: map[string]Reply{}}
	for range n {
		r.workers.Go(func() {
			for o := range r.outcomes {
				r.one(&o)
			}
		})
	}
	return r
}

// one reads a member's outcome; of those of one name, which a call has that was
// begun anew at another broker, the first.
func (r *reading) one(o *middlecon.Outcome) {
	r.mu.Lock()
	_, taken := r.done[o.Name]
	if !taken {
		r.done[o.Name] = Reply{}
	}
	r.mu.Unlock()
	if taken {
		return
	}
	reply := r.broker.reply(o, r.req)
	reply.Asked, reply.Took = r.asked, o.Latency
	reply = passed(r.each, reply)
	r.mu.Lock()
	r.done[o.Name] = reply
	r.mu.Unlock()
}

// read takes outcomes as the call tells of them.
func (r *reading) read(some []middlecon.Outcome) {
	for i := range some {
		r.outcomes <- some[i]
	}
}

// end waits for what was taken.
func (r *reading) end() {
	close(r.outcomes)
	r.workers.Wait()
}

// replies are those of a whole account, in its order.
func (r *reading) replies(account []middlecon.Outcome) []Reply {
	for i := range account {
		r.mu.Lock()
		_, told := r.done[account[i].Name]
		r.mu.Unlock()
		if !told {
			r.outcomes <- account[i]
		}
	}
	r.end()
	replies := make([]Reply, len(account))
	for i := range account {
		replies[i] = r.done[account[i].Name]
	}
	return replies
}

package faults

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// cut ends the connections of some members, wherever their frames are.
func (p *proxy) cut(r *rand.Rand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var kept []net.Conn
	for i := 0; i+1 < len(p.closing); i += 2 {
		if r.IntN(2) == 0 {
			kept = append(kept, p.closing[i], p.closing[i+1])
			continue
		}
		_, _ = p.closing[i].Close(), p.closing[i+1].Close()
	}
	p.closing = kept
}

// TestCutMembers: the TCP connections of members are cut in mid-call, over and over;
// they resume their sessions, and every call is answered by each of them, whose
// journals have it begun once. A process that is killed with them does not resume: it
// is lost after send when its window ends, and nobody is missing.
func TestCutMembers(t *testing.T) {
	w := begin(t, setup{flags: []string{"--resume-window", "8s"}})
	w.members(plan{Names: names("well", 3)})
	p := &proxy{t: t, to: w.broker.socket, seed: 7}
	road := p.serve()
	w.members(plan{Names: names("cut", 6), Address: road, Resume: time.Minute})
	w.sick("killed")
	killed := w.members(plan{Names: []string{"killed"}, Address: road, Resume: time.Minute})

	c := w.caller("c")
	stop := make(chan struct{})
	may := make(chan struct{}, 3) // cuts: some for each call, so that a slow machine comes to an end of it
	var cutting sync.WaitGroup
	cutting.Go(func() {
		r := rand.New(rand.NewPCG(p.seed, 1))
		for {
			select {
			case <-stop:
				return
			case <-may:
				<-time.After(time.Duration(10+r.IntN(60)) * time.Millisecond)
				p.cut(r)
			}
		}
	})
	var orders []string
	for _, name := range names("cut", 6) {
		orders = append(orders, name+"=late:5ms")
	}
	calls := sized(40, 400)
	for i := range calls {
		for range cap(may) {
			select {
			case may <- struct{}{}:
			default:
			}
		}
		a := c.must(ask{orders: orders, deadline: time.Minute})
		if n := a.Counts()[protocol.OK]; n != 10 {
			t.Fatalf("call %d: %v", i, a.Counts())
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		a := c.must(ask{orders: []string{"killed=late:1h"}, deadline: time.Minute})
		if n := a.Counts(); n[protocol.OK] != 9 || n[protocol.LostAfterSend] != 1 {
			t.Errorf("one was killed: %v", n)
		}
	}()
	w.awaitSteps(Began, 10*calls+10)
	killed.signal(t, unix.SIGKILL)
	<-done
	close(stop)
	cutting.Wait()
	w.awaitSize(9)
	w.finish()
	s := w.h.Samples[len(w.h.Samples)-1].Stats
	t.Logf("%d connections for 7 sessions; %d resumes", p.links, s.Resumed)
	if s.Resumed < 7 || s.Expired != 1 {
		t.Errorf("%d sessions resumed, %d expired", s.Resumed, s.Expired)
	}
}

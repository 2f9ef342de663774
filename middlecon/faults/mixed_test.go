package faults

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// mixed does so many random things to a broker and its members, while three
// callers call: members are killed and come again, stop and go on, refuse,
// fail, panic, are slow and long-winded. The seed is all that is random of it
// but time.
func (w *world) mixed(steps int, seed uint64) {
	w.Helper()
	w.Logf("mixed faults: %d steps of seed %d", steps, seed)
	r := rand.New(rand.NewPCG(seed, 2))
	const well, sick = 4, 3
	w.members(plan{Names: names("well", well)})
	var lives atomic.Int64 // whose members have all joined: callers may kill them
	fresh := func() *process {
		next := lives.Load() + 1
		all := names(fmt.Sprintf("sick%d-", next), sick)
		w.sick(all...)
		p := w.members(plan{Names: all})
		lives.Store(next)
		return p
	}
	procs := []*process{fresh(), fresh(), fresh()}
	ending := make(chan struct{})
	var callers sync.WaitGroup
	for i := range 3 {
		c, r := w.caller(fmt.Sprintf("c%d", i)), rand.New(rand.NewPCG(seed, uint64(10+i)))
		callers.Go(func() {
			for {
				select {
				case <-ending:
					return
				default:
					c.must(anything(r, int(lives.Load())))
				}
			}
		})
	}
	four := middlecon.CallOptions{Need: protocol.Rule{Kind: protocol.RuleAtLeast, N: well}}
	between := w.caller("between")
	for range steps {
		i := r.IntN(len(procs))
		if !procs[i].alive() { // as one was ordered
			procs[i] = fresh()
		}
		switch r.IntN(4) {
		case 0:
			procs[i].end()
			procs[i] = fresh()
		case 1:
			_ = procs[i].cmd.Process.Signal(unix.SIGSTOP)
			between.must(ask{options: four})
			_ = procs[i].cmd.Process.Signal(unix.SIGCONT)
		}
		between.must(ask{})
		w.sample(false)
	}
	close(ending)
	callers.Wait()
}

// anything is a call that orders something of members that are or were there.
func anything(r *rand.Rand, lives int) ask {
	what := []string{"refuse", "fail", "panic", "sleep:20ms", "late:30ms", "big:200000", "kill:began", "kill:effect", "kill:replied"}
	var a ask
	for range r.IntN(4) {
		action := what[r.IntN(len(what)-3*min(1, r.IntN(10)))] // one kill in thirty
		a.orders = append(a.orders, fmt.Sprintf("sick%d-%d=%s", max(1, lives-r.IntN(4)), r.IntN(3), action))
	}
	a.fill = r.IntN(2000)
	if r.IntN(100) == 0 {
		a.deadline = 5 * time.Second
		a.orders = append(a.orders, fmt.Sprintf("sick%d-0=late:5200ms", lives))
	}
	return a
}

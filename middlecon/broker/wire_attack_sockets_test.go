package broker

import (
	"sync"
	"time"

	"ddcos/protocol"
)

// several does work for so many numbers at once, a few at a time.
func (a *attacker) several(n, atOnce int, work func(i int)) {
	var all sync.WaitGroup
	next := make(chan int)
	for range atOnce {
		all.Go(func() {
			for i := range next {
				work(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
}

// hold opens so many connections, each with the bytes that it begins with, and
// waits for the end of every one.
func (a *attacker) hold(n int, welcomed bool, begin func(i int) []byte) []*foe {
	all := make([]*foe, n)
	a.several(n, 16, func(i int) {
		if all[i] = a.open([]string{"unix", "tcp"}[i%2], welcomed); all[i] != nil {
			all[i].put(begin(i))
		}
	})
	return all
}

// endAll waits for the last word to each.
func (a *attacker) endAll(all []*foe) {
	for _, f := range all {
		if f != nil {
			f.end()
		}
	}
}

// attackBySlowHellos sends a hello byte by byte, one a second, on very many
// sockets, and nothing at all on some.
func attackBySlowHellos(a *attacker) {
	began := time.Now()
	all := a.hold(a.Scale, false, func(int) []byte { return nil })
	a.figure("connected_s", time.Since(began).Seconds())
	dripping := make(chan struct{})
	var drips sync.WaitGroup
	drips.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for at, hello := 0, helloFrame(); ; at++ {
			for i, f := range all {
				if f != nil && i%8 != 0 {
					_, _ = f.c.Write(hello[at : at+1])
				}
			}
			select {
			case <-dripping:
				return
			case <-tick.C:
			}
		}
	})
	a.endAll(all)
	close(dripping)
	drips.Wait()
	a.figure("ended_s", time.Since(began).Seconds())
}

// attackByHeldHellos sends all of the largest first frame but its last byte, on
// very many sockets, and holds it there.
func attackByHeldHellos(a *attacker) {
	h := protocol.Header{Version: protocol.Version, Kind: protocol.KindHello, Length: protocol.MaxFirst - protocol.HeaderSize}
	most := append(protocol.AppendHeader(nil, h), make([]byte, h.Length-1)...)
	a.endAll(a.hold(a.Scale, false, func(int) []byte { return most }))
}

// attackByHeldFrames does the same with frames after the welcome, and then
// goes: nothing else ends a session that has begun a frame over a Unix socket.
func attackByHeldFrames(a *attacker) {
	h := protocol.Header{Version: protocol.Version, Kind: protocol.KindPing, Sequence: 5, Length: protocol.MaxBody}
	most := append(protocol.AppendHeader(nil, h), make([]byte, h.Length-1)...)
	all := a.hold(a.Scale, true, func(int) []byte { return most })
	for _, f := range all {
		if f == nil {
			continue
		}
		f.put([]byte{0}) // the frame is whole, and was one
		if pong, err := f.read(); err != nil || pong.Kind != protocol.KindPong {
			a.wrong("a %v frame (%v), %v", pong.Kind, pong.Code, err)
		}
		f.leave()
	}
}

// attackByConnecting lets as many sessions as fit connect at once, as after a
// restart, and measures how long each waited for its welcome.
func attackByConnecting(a *attacker) {
	var mu sync.Mutex
	var held []*foe
	longest := time.Duration(0)
	began := time.Now()
	a.several(a.Scale, 256, func(i int) {
		at := time.Now()
		f := a.open([]string{"unix", "tcp"}[i%2], true)
		took := time.Since(at)
		mu.Lock()
		defer mu.Unlock()
		longest = max(longest, took)
		if f != nil {
			held = append(held, f)
		}
	})
	a.figure("welcomed_s", time.Since(began).Seconds())
	a.figure("longest_ms", float64(longest.Milliseconds()))
	for _, f := range held {
		f.leave()
	}
}

// attackByFiles opens connections until the broker has no place left, and more:
// those beyond are refused with a word, or wait until others have gone.
func attackByFiles(a *attacker) {
	var held []*foe
	var mu sync.Mutex
	a.several(a.Scale, 64, func(i int) {
		if f := a.open([]string{"unix", "tcp"}[i%2], false); f != nil {
			mu.Lock()
			held = append(held, f)
			mu.Unlock()
		}
	})
	a.endAll(held)
}

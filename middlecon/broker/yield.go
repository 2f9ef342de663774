package broker

import (
	"runtime"
	"time"
)

// A loop that has work for long lets Go's scheduler have a look at it every yieldEvery, and
// between writes looks at the clock after yieldLook of them. From a goroutine that has run for
// 10 ms the runtime's monitor takes the processor in the middle of a system call, and then looks
// every 20 µs whether it has to again: that was a twentieth of the time of a call to very many.
const (
	yieldEvery = 4 * time.Millisecond
	yieldLook  = 128
)

// yield lets other goroutines run, where that is due.
func (b *Broker) yield(now time.Duration) {
	if now-b.yielded >= yieldEvery {
		b.yielded = now
		runtime.Gosched()
	}
}

package faults

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// TestStoppedBroker (fault 5): the broker is stopped while members reply, and
// goes on after the deadline. The replies that had come by then count; who sent
// none is timeout; the call ends once, and the next ones are as ever.
func TestStoppedBroker(t *testing.T) {
	w := begin(t, setup{})
	w.members(plan{Names: names("well", 40)})
	silent := names("silent", 3)
	w.sick(silent...)
	w.members(plan{Names: silent})
	c := w.caller("c")
	done := make(chan struct{})
	go func() {
		defer close(done)
		a := c.must(ask{deadline: time.Second, orders: []string{"*=sleep:400ms", "silent0=sleep:1m", "silent1=sleep:1m", "silent2=sleep:1m"}})
		if n := a.Counts(); n[protocol.OK] != 40 || n[protocol.Timeout] != 3 {
			t.Errorf("a broker that was stopped: %v", n)
		}
	}()
	w.awaitSteps(Began, 43)
	w.broker.stopped(t)
	w.awaitSteps(Effect, 40)
	<-time.After(1200 * time.Millisecond)
	w.broker.signal(t, unix.SIGCONT)
	<-done
	w.finish()
}

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
	w.members(plan{Names: names("well", 300)})
	silent := names("silent", 3)
	w.sick(silent...)
	w.members(plan{Names: silent})
	c := w.caller("c")
	begun, done := time.Now(), make(chan struct{})
	go func() {
		defer close(done)
		a := c.must(ask{deadline: 6 * time.Second, orders: []string{"*=sleep:1s", "silent0=late:8s", "silent1=late:8s", "silent2=late:8s"}})
		if n := a.Counts(); n[protocol.OK] != 300 || n[protocol.Timeout] != 3 {
			t.Errorf("a broker that was stopped: %v", n)
		}
	}()
	w.awaitSteps(Began, 303)
	w.broker.stopped(t)
	w.awaitSteps(Effect, 300)
	<-time.After(time.Until(begun.Add(6200 * time.Millisecond))) // its deadline has passed
	w.broker.signal(t, unix.SIGCONT)
	<-done
	w.finish()
}

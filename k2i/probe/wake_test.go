package probe

import (
	"os/exec"
	"testing"
	"time"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// awaitWake waits for the ring's reader to be woken.
func awaitWake(t *testing.T, ready <-chan struct{}) {
	t.Helper()
	select {
	case <-ready:
	case <-time.After(patience):
		t.Fatal("nobody was woken")
	}
}

// Whoever asked is told of an event, also of one that came before, and each time
// that the ring has been emptied in between.
func TestNotify(t *testing.T) {
	e := openEvents(t, uint32(ebpf.TasksLimitLIMIT_RING))
	var events []k2i.Event
	for range 20 {
		early := exec.CommandContext(t.Context(), "true")
		if err := early.Run(); err != nil {
			t.Fatal(err)
		}
		awaitWake(t, e.Notify()) // it is in the ring already
		for e.reader.AvailableBytes() > 0 {
			var err error
			if events, _, err = e.Drain(events[:0], everything); err != nil {
				t.Fatal(err)
			}
		}
		ready := e.Notify()
		late := exec.CommandContext(t.Context(), "true")
		if err := late.Run(); err != nil {
			t.Fatal(err)
		}
		awaitWake(t, ready)
		awaitEvent(t, e, nil, "exit of what ran", func(ev *k2i.Event) bool {
			return ev.Kind == k2i.EventExit && int(ev.Task) == late.Process.Pid
		})
	}
}

// Asked often, told once; and closing does not wait for an event.
func TestNotifyOnce(t *testing.T) {
	filled := make(chan bool)
	w := &waker{asked: make(chan struct{}, 1), ready: make(chan struct{}, 1), done: make(chan struct{})}
	go w.watch(rawConn(func(f func(uintptr) bool) {
		for !f(0) {
		}
	}), func() bool { return <-filled })
	ready := w.notify()
	filled <- false // looked at, and empty
	w.notify()      // a second request waits its turn
	w.notify()
	filled <- true
	awaitWake(t, ready)
	filled <- true // the second request's
	awaitWake(t, ready)
	close(w.asked)
	<-w.done
	select {
	case <-ready:
		t.Error("told of something that nobody asked for")
	default:
	}
}

// rawConn is a descriptor that is waited for by calling again.
type rawConn func(f func(uintptr) bool)

func (c rawConn) Control(func(uintptr)) error     { return nil }
func (c rawConn) Write(func(uintptr) bool) error  { return nil }
func (c rawConn) Read(f func(uintptr) bool) error { c(f); return nil }

package faults

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// TestKilledMember (fault 1): a member is killed before it read a message, when
// it began, after its effect and after its reply. Its outcome is ok or
// lost_after_send, as it was; the others are ok; nobody is missing.
func TestKilledMember(t *testing.T) {
	w := begin(t, setup{})
	w.members(plan{Names: names("well", 3)})
	c := w.caller("c")
	for step, want := range map[string][]protocol.Outcome{
		"began": {protocol.LostAfterSend}, "effect": {protocol.LostAfterSend},
		"replied": {protocol.OK, protocol.LostAfterSend}, // its runtime may not have written yet
	} {
		name := "killed-" + step
		w.sick(name)
		w.members(plan{Names: []string{name}})
		a := c.must(ask{orders: []string{name + "=kill:" + step}})
		for _, o := range a.Outcomes {
			if o.Name == name && !slices.Contains(want, o.Outcome) {
				t.Errorf("killed when it %s: %v, want %v", step, o.Outcome, want)
			}
		}
		w.awaitSize(3)
	}
	unread := w.members(plan{Names: []string{"unread"}})
	w.sick("unread")
	unread.stopped(t)
	before := w.sample(false).Outcomes[protocol.OK]
	done := make(chan struct{})
	go func() {
		defer close(done)
		a := c.must(ask{})
		if n := a.Counts()[protocol.LostAfterSend]; n != 1 {
			t.Errorf("killed before it read: %v", a.Counts())
		}
	}()
	await(t, "all but one have replied", func() bool { return w.sample(false).Outcomes[protocol.OK] == before+3 })
	unread.signal(t, unix.SIGKILL)
	<-done
	w.finish()
}

// TestStoppedMembers (fault 2): stopped members cost nobody else anything. They
// are no_receipt at the deadline, and what they did not read in time they do
// not begin later.
func TestStoppedMembers(t *testing.T) {
	w := begin(t, setup{})
	w.baseline()
	w.members(plan{Names: names("well", 5)})
	stopped := names("stopped", 5)
	w.sick(stopped...)
	proc := w.members(plan{Names: stopped})
	c := w.caller("c")
	proc.stopped(t)
	for range 3 {
		a := c.must(ask{deadline: 3 * time.Second})
		if n := a.Counts(); n[protocol.OK] != 5 || n[protocol.NoReceipt] != 5 {
			t.Errorf("stopped: %v", n)
		}
	}
	proc.signal(t, unix.SIGCONT)
	if a := c.must(ask{}); a.Counts()[protocol.OK] != 10 {
		t.Errorf("going on: %v", a.Counts())
	}
	w.finish()
}

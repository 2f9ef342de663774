package procfs

import (
	"errors"
	"os/exec"
	"testing"
	"time"

	"ddcos/k2i"
)

// hearsOfAnEnd is false where its event is missing, and something was lost meanwhile.
func hearsOfAnEnd(t *testing.T, c *Connector) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "true")
	told := c.Notify()
	_, before := c.Counts()
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.After(time.Minute); ; {
		_, lost := c.Counts()
		select {
		case <-told:
		case <-deadline:
			if lost == before {
				t.Fatal("nobody was told")
			}
			return false
		}
		events, _, err := c.Drain(nil, maxWaiting)
		_, now := c.Counts()
		if err != nil || len(events) == 0 && now == lost {
			t.Fatalf("told, and there are %d events, %v", len(events), err)
		}
		for _, e := range events {
			if e.Kind == k2i.EventExit && int(e.Task) == cmd.Process.Pid {
				return true
			}
		}
		if again := c.Notify(); again != told {
			t.Error("another channel")
		}
	}
}

// Whoever asks is told once when something happens, and nobody has to look before.
func TestConnectorTells(t *testing.T) {
	fs, err := New(t.Context(), DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	c, err := fs.OpenConnector()
	if errors.Is(err, ErrNoConnector) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	tries := 1
	for !hearsOfAnEnd(t, c) { // others' processes may be so many that something is lost
		if tries++; tries > 20 {
			t.Fatal("something was lost each time")
		}
	}
	c.mu.Lock()
	c.waiting, c.asked = append(c.waiting, k2i.Event{}), false
	for len(c.told) > 0 {
		<-c.told
	}
	c.tell()
	unasked := len(c.told)
	c.mu.Unlock()
	if unasked != 0 {
		t.Error("told without being asked")
	}
	c.Notify()
	if len(c.told) != 1 {
		t.Error("what waits already is not told")
	}
}

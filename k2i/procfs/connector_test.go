package procfs

import (
	"errors"
	"os/exec"
	"testing"
	"time"

	"ddcos/k2i"
)

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
	cmd := exec.CommandContext(t.Context(), "true")
	told := c.Notify()
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	ended := false
	for deadline := time.After(20 * time.Second); !ended; {
		select {
		case <-told:
		case <-deadline:
			t.Fatal("nobody was told")
		}
		events, _, err := c.Drain(nil, maxWaiting)
		if err != nil || len(events) == 0 {
			t.Fatalf("told, and there are %d events, %v", len(events), err)
		}
		for _, e := range events {
			ended = ended || e.Kind == k2i.EventExit && int(e.Task) == cmd.Process.Pid
		}
		if again := c.Notify(); again != told {
			t.Error("another channel")
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

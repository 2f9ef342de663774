package probe

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// TestEventsInNamespace hears from inside a fresh PID namespace, by hearInside,
// what happens there and nothing else, though outside something happens too.
func TestEventsInNamespace(t *testing.T) {
	openProbe(t) // where there is none, there is nothing to hear
	ctx, cancel := context.WithCancel(t.Context())
	outside := make(chan struct{})
	go func() {
		defer close(outside)
		for ctx.Err() == nil {
			_ = exec.CommandContext(ctx, "true").Run() // the last one is cancelled
		}
	}()
	cmd := childOf("hear", "")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID, Pdeathsig: unix.SIGKILL}
	out, err := cmd.CombinedOutput()
	cancel()
	<-outside
	if err != nil || strings.TrimSpace(string(out)) != "heard as it is" {
		t.Errorf("%v\n%s", err, out)
	}
}

// hearInside is the first process of a PID namespace.
func hearInside(string) error {
	if err := exec.Command("true").Run(); err != nil { // the first one has Go try what the kernel can, in a process
		return err
	}
	p, err := Open(DefaultOptions())
	if err != nil {
		return err
	}
	e, err := p.OpenEvents()
	if err != nil {
		return err
	}
	var pids []int32
	for range 3 {
		cmd := exec.Command("sh", "-c", "kill -9 $$")
		_ = cmd.Run() // it is killed
		pids = append(pids, int32(cmd.Process.Pid))
	}
	var ended []int32
	for deadline := time.Now().Add(patience); len(ended) < len(pids) && time.Now().Before(deadline); {
		events, _, err := e.Drain(nil, everything)
		if err != nil {
			return err
		}
		for i := range events {
			if err := inside(&events[i], pids); err != nil {
				return err
			}
			if events[i].Kind == k2i.EventExit {
				ended = append(ended, events[i].Process.PID)
			}
		}
	}
	if !slices.Equal(ended, pids) {
		return fmt.Errorf("ended %v, started %v", ended, pids)
	}
	fmt.Println("heard as it is")
	os.Exit(0)
	return nil
}

// inside holds an event to the namespace. Who is outside has no number in it;
// finals come of everybody, by their number outside.
func inside(e *k2i.Event, pids []int32) error {
	p := &e.Process
	switch e.Kind {
	case k2i.EventFork, k2i.EventExec, k2i.EventExit:
		if !slices.Contains(pids, p.PID) || p.PPID != 1 || e.Parent.PID != 1 || e.Task == p.PID {
			return fmt.Errorf("%s of %d, child of %d, known outside as %d; started %v", e.Kind, p.PID, p.PPID, e.Task, pids)
		}
		if e.Kind == k2i.EventExit && (p.KillerPID != k2i.Count(p.PID) || p.EndSignal != 9) {
			return fmt.Errorf("%d killed by %d with %d", p.PID, p.KillerPID, p.EndSignal)
		}
	case k2i.EventFinal, k2i.EventVictim:
	}
	return nil
}

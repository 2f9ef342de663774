package hosts

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestLaunch(t *testing.T) {
	d := start(t, DefaultOptions())
	plain, err := StartPlain(t.Context(), DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plain.Close() })
	for name, h := range map[string]*Host{"namespaced": d.Hosts[0], "plain": plain.Hosts[0]} {
		t.Run(name, func(t *testing.T) { launch(t, h) })
	}
}

func launch(t *testing.T, h *Host) {
	p, err := h.Launch(t.Context(), Command{
		Name: "work", Argv: []string{"sh", "-c", `echo "$GREETING" from $$; exec sleep 1000`}, Env: []string{"GREETING=hello"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "hello from " + strconv.Itoa(p.PID)
	eventually(t, "its log says "+want, func() bool {
		log, _ := h.Log("work")
		return strings.TrimSpace(string(log)) == want
	})
	stat := strings.Fields(output(t, h, "cat", "/proc/"+strconv.Itoa(p.PID)+"/stat"))
	init := "1"
	if h.plain {
		init = strconv.Itoa(h.PID())
	}
	if stat[3] != init {
		t.Errorf("parent is %s, want the first process, %s", stat[3], init)
	}
	state := func() string {
		return strings.Fields(output(t, h, "cat", "/proc/"+strconv.Itoa(p.PID)+"/stat"))[2]
	}
	for _, step := range []struct {
		signal syscall.Signal
		want   string
	}{{syscall.SIGSTOP, "T"}, {syscall.SIGCONT, "S"}} {
		if err := p.Signal(t.Context(), step.signal); err != nil {
			t.Fatal(err)
		}
		eventually(t, "state "+step.want, func() bool { return state() == step.want })
	}
	if p.Status() != 0 {
		t.Errorf("status %v of a running process", p.Status())
	}
	if err := p.Signal(t.Context(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if s := p.Status(); !s.Signaled() || s.Signal() != syscall.SIGTERM {
		t.Errorf("status %v, want terminated", s)
	}
	if err := p.Signal(t.Context(), syscall.SIGTERM); err == nil {
		t.Error("signalled a process that has ended")
	}
}

func TestExitStatus(t *testing.T) {
	h := start(t, DefaultOptions()).Hub
	p, err := h.Launch(t.Context(), Command{Name: "seven", Argv: []string{"sh", "-c", "exit 7"}})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if got := p.Status().ExitStatus(); got != 7 {
		t.Errorf("exit status %d, want 7", got)
	}
}

func TestLaunchRefuses(t *testing.T) {
	h := start(t, DefaultOptions()).Hub
	for name, tc := range map[string]struct {
		command Command
		want    string
	}{
		"a program that is not there": {Command{Name: "x", Argv: []string{"no-such-program"}}, "no-such-program"},
		"nothing":                     {Command{Name: "x"}, "no program"},
		"a directory":                 {Command{Name: "x", Argv: []string{"/proc"}}, "/proc"},
		"a huge command":              {Command{Name: "x", Argv: []string{strings.Repeat("x", maxMessage)}}, "too long"},
	} {
		_, err := h.Launch(t.Context(), tc.command)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want it to say %q", name, err, tc.want)
		}
	}
	// The host has survived them all.
	if got := output(t, h, "echo", "well"); got != "well" {
		t.Errorf("after the refusals: %q", got)
	}
}

func TestOrphansAreReaped(t *testing.T) {
	h := start(t, DefaultOptions()).Hosts[0]
	// The middle shell ends at once: the sleeps are orphans, which end under the first process.
	p, err := h.Launch(t.Context(), Command{
		Name: "orphans", Argv: []string{"sh", "-c", "for i in 1 2 3 4 5; do sh -c 'sleep 0.01 & exit 0'; done"},
	})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	eventually(t, "only the first process is left", func() bool {
		return output(t, h, "sh", "-c", "cat /proc/[0-9]*/comm | grep -c sleep; true") == "0"
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	h := start(t, DefaultOptions()).Hosts[0]
	ctx, cancel := context.WithCancel(t.Context())
	cmd := h.Command(ctx, "sh", "-c", "echo started; sleep 1000 & wait")
	started, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	ended := make(chan error, 1)
	go func() {
		ended <- h.Run(cmd)
		_ = w.Close() // a command that never started must not leave us reading
	}()
	if _, err := started.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("a cancelled command reports success")
	}
	if _, err := h.Output(ctx, "true"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want canceled", err)
	}
	if _, err := h.Launch(ctx, Command{Name: "x", Argv: []string{"true"}}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("launch: %v", err)
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// terminal is a real one, of tmux, in which the real binary runs.
type terminal struct {
	t      *testing.T
	socket string
}

func (term *terminal) tmux(args ...string) string {
	term.t.Helper()
	out, err := exec.CommandContext(term.t.Context(), "tmux", append([]string{"-S", term.socket, "-f", "/dev/null"}, args...)...).CombinedOutput()
	if err != nil {
		term.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// shows waits until the screen holds every text; it tells the screen when the
// time is over.
func (term *terminal) shows(texts ...string) string {
	term.t.Helper()
	return term.until(strings.Join(texts, " and "), func(screen string) bool {
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return false
			}
		}
		return true
	})
}

func (term *terminal) until(what string, holds func(screen string) bool) string {
	term.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	over := time.After(2 * time.Minute)
	for {
		screen := term.tmux("capture-pane", "-p", "-t", "dtop")
		if holds(screen) {
			return screen
		}
		select {
		case <-tick.C:
		case <-over:
			term.t.Fatalf("the screen never showed %s:\n%s", what, screen)
		}
	}
}

// start runs the binary in a terminal of 120 by 24; after it ends the pane says so.
func start(t *testing.T, args string) *terminal {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "dtop")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	term := &terminal{t: t, socket: filepath.Join(dir, "tmux")}
	term.tmux("new-session", "-d", "-s", "dtop", "-x", "120", "-y", "24", bin+" "+args+"; echo ended with $?; exec cat")
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", term.socket, "kill-server").Run() // its programs end with it
	})
	return term
}

func TestOnATerminal(t *testing.T) {
	term := start(t, "--interval 200ms")
	term.shows("dtop ", "1 host", "HOST", "RCPU%", "by cpu, down")
	term.until("a rate", func(screen string) bool { return !strings.Contains(screen, "- of") })
	term.tmux("send-keys", "-t", "dtop", "N")
	term.until("process 1 first, by pid, up", func(screen string) bool { // it may be half a frame
		return strings.Contains(screen, "by pid, up") && strings.Contains(strings.Split(screen, "\n")[2], " 1 ")
	})
	term.tmux("send-keys", "-t", "dtop", "r")
	term.shows("by pid, down")
	term.tmux("send-keys", "-t", "dtop", "?")
	term.shows("Its keys:", "sort by memory")
	term.tmux("send-keys", "-t", "dtop", "?")
	term.shows("by pid, down")
	term.tmux("send-keys", "-t", "dtop", "Space")
	term.shows("PAUSED")
	term.tmux("resize-window", "-t", "dtop", "-x", "60", "-y", "10")
	term.until("a small screen", func(screen string) bool {
		return strings.Count(strings.TrimRight(screen, "\n"), "\n") == 9 && strings.Contains(screen, "by pid")
	})
	term.tmux("send-keys", "-t", "dtop", "q")
	term.shows("ended with 0")
}

// What a host's name could do to a terminal it does not do, and an unreachable
// agent is told of while dtop runs on.
func TestOnATerminalWithoutHosts(t *testing.T) {
	term := start(t, "--interval 200ms --agents http://127.0.0.1:1")
	term.shows("0 hosts, 1 failed", "http://127.0.0.1:1: unreachable: connect: connection refused")
	term.tmux("send-keys", "-t", "dtop", "C-c")
	term.shows("ended with 0")
}

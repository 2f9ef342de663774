package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// How long what a command left behind may hold its files, and how much of its
// standard error is kept to explain a failure.
const (
	heldFor    = 100 * time.Millisecond
	stderrKept = protocol.MaxErrorText
)

// answers runs one command for each message.
type answers struct {
	command string
	verb    string     // what the command finds in MIDDLECON_VERB
	streams bool       // what it prints is the reply as it prints it
	running sync.Mutex // held while the command runs
}

// end returns when the command runs no more, and none will begin: without it
// this process could be gone before it has killed what it started. The
// messages' contexts must have ended.
func (a *answers) end() { a.running.Lock() }

// answer runs the command with the message on its standard input.
func (a *answers) answer(ctx context.Context, m *middlecon.Message) ([]byte, error) {
	a.running.Lock()
	defer a.running.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := &bounded{limit: protocol.MaxReply, over: cancel}
	if a.streams {
		out.to = m
	}
	failed := &tail{limit: stderrKept}
	cmd := exec.CommandContext(ctx, "sh", "-c", a.command)
	cmd.Stdin = bytes.NewReader(m.Payload)
	verb, of := a.verb, ""
	switch {
	case m.Will != nil:
		verb, of = "will", m.Will.Name
	case m.NoReply:
		verb = "publish"
	}
	cmd.Env = append(os.Environ(), "MIDDLECON_WILL_OF="+of, "MIDDLECON_VERB="+verb, "MIDDLECON_ROOM="+m.Room, "MIDDLECON_CALLER_HOST="+m.Host, fmt.Sprintf("MIDDLECON_CALLER_PID=%d", m.PID))
	// A group of its own, so that what the shell started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err := runInto(cmd, out, failed, heldFor)
	switch text := strings.TrimSpace(string(failed.kept)); {
	case out.full:
		return nil, fmt.Errorf("the command printed more than %d bytes", out.limit)
	case err == nil:
		return out.kept, nil
	case text != "":
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	return nil, err
}

// bounded keeps what a command prints, or passes it on, up to a limit at which it calls over.
// It has no other method than Write, lest a copy go around the limit.
type bounded struct {
	kept  []byte
	to    io.Writer // nil: it is kept
	size  int
	limit int
	over  func()
	full  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.size+len(p) > b.limit {
		b.full = true
		b.over()
		return 0, io.ErrShortWrite
	}
	b.size += len(p)
	if b.to != nil {
		return b.to.Write(p)
	}
	b.kept = append(b.kept, p...)
	return len(p), nil
}

// tail keeps the last bytes written to it.
type tail struct {
	kept  []byte
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

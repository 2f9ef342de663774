package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// How long a command that was told to end may take, and how much of its
// standard error is kept to explain a failure.
const (
	killAfter  = 100 * time.Millisecond
	stderrKept = protocol.MaxErrorText
)

// execHandler answers each message by a command.
func execHandler(command string) middlecon.Handler {
	return func(ctx context.Context, m *middlecon.Message) ([]byte, error) {
		cmd := exec.CommandContext(ctx, "sh", "-c", command)
		cmd.Stdin = bytes.NewReader(m.Payload)
		out := &bounded{limit: protocol.MaxReply}
		failed := &tail{limit: stderrKept}
		cmd.Stdout, cmd.Stderr = out, failed
		cmd.Env = append(os.Environ(), "MIDDLECON_ROOM="+m.Room, "MIDDLECON_CALLER_HOST="+m.Host, fmt.Sprintf("MIDDLECON_CALLER_PID=%d", m.PID))
		// A group of its own, so that what the shell started ends with it.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		cmd.WaitDelay = killAfter
		err := cmd.Run()
		if err == nil || errors.Is(err, exec.ErrWaitDelay) {
			return out.Bytes(), nil
		}
		if text := strings.TrimSpace(string(failed.kept)); text != "" {
			return nil, fmt.Errorf("%w: %s", err, text)
		}
		return nil, err
	}
}

// bounded keeps what a command prints, up to a limit at which it fails.
type bounded struct {
	bytes.Buffer
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		return 0, fmt.Errorf("the command printed more than %d bytes", b.limit)
	}
	return b.Buffer.Write(p)
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

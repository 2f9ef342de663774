package via

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	_ "embed" // the script
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ddcos/k2i/fleet"
	"ddcos/k2i/wire"
)

// Limits of what a host may say.
const (
	maxNoise  = 64 << 10               // bytes before the shell's first word, such as a greeting
	maxErrors = 4 << 10                // bytes of standard error that are kept, the last ones
	killDelay = 500 * time.Millisecond // between SIGTERM and SIGKILL for the command
)

// script is what the shell over there reads first. It is one compound command,
// so that the shell has read all of it when it says its first word: what comes
// after that is for its children.
//
//go:embed script.sh
var script string

// conversation is what became of one host.
type conversation struct {
	reply   fleet.Reply
	reached bool // a shell has answered there
	err     error
}

// converse runs the command and speaks with the shell that it starts. Every byte
// that comes back may be an attacker's.
func converse(ctx context.Context, command string, programs *Programs, req wire.Request) (c conversation) {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = killDelay
	said := &tail{limit: maxErrors}
	cmd.Stderr = said
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return conversation{err: err}
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return conversation{err: err}
	}
	if err := cmd.Start(); err != nil {
		return conversation{err: err}
	}
	// Who inherited the pipes may outlive the command.
	unheard := context.AfterFunc(ctx, func() { _, _ = stdin.Close(), stdout.Close() })
	c = speak(stdin, stdout, programs, req)
	unheard()
	_ = stdin.Close() // the shell ends with it, if it has not
	if c.err != nil {
		_ = cmd.Cancel()
	}
	ended := cmd.Wait()
	if c.err != nil {
		c.err = reason(ctx, c.err, ended, said.line())
	}
	return c
}

// reason is the one line that says most about a failure: what the other side
// said, how it ended, or else what was missing here.
func reason(ctx context.Context, err, ended error, said string) error {
	var refused *refusalError
	switch {
	case errors.As(err, &refused):
		return err
	case ctx.Err() != nil && said != "":
		return fmt.Errorf("no answer in time; it said: %s", said)
	case ctx.Err() != nil:
		return errors.New("no answer in time")
	case said != "":
		return errors.New(said)
	case ended != nil:
		return fmt.Errorf("%w: %w", err, ended)
	}
	return err
}

// refusalError is what this side has against the host, whatever the host says.
type refusalError struct{ text string }

func (e *refusalError) Error() string { return e.text }

func refuse(format string, args ...any) error {
	return &refusalError{fmt.Sprintf(format, args...)}
}

// speak is the conversation: our script, its first word with the machine's kind,
// our question and program, its answer.
func speak(stdin io.WriteCloser, stdout io.Reader, programs *Programs, req wire.Request) (c conversation) {
	nonce := "k2i-" + rand.Text()
	if _, err := io.WriteString(stdin, strings.ReplaceAll(script, "@NONCE@", nonce)); err != nil {
		return conversation{err: err}
	}
	r := bufio.NewReader(stdout)
	system, machine, err := firstWord(r, nonce)
	if err != nil {
		return conversation{err: err}
	}
	c.reached = true
	program, err := programs.compressed(system, machine, req)
	if err != nil {
		c.err = err
		return c
	}
	question := base64.URLEncoding.EncodeToString(wire.EncodeRequest(req)) + "\n"
	for _, part := range [][]byte{[]byte(question), program} {
		if _, c.err = stdin.Write(part); c.err != nil {
			return c
		}
	}
	_ = stdin.Close() // the program ends there; what becomes of it is told by the answer
	c.reply, c.err = readAnswer(r, req)
	return c
}

// firstWord skips what a login may print before the shell's own line, which
// begins with the nonce: a terminal's echo of the script does not.
func firstWord(r *bufio.Reader, nonce string) (system, machine string, err error) {
	limited := bufio.NewReader(io.LimitReader(r, maxNoise))
	for {
		line, err := limited.ReadString('\n')
		if words := strings.Fields(line); len(words) == 3 && words[0] == nonce {
			return words[1], words[2], nil
		}
		if err != nil {
			return "", "", errors.New("no shell answered")
		}
	}
}

// readAnswer reads a line with the answer's length, and the answer.
func readAnswer(r *bufio.Reader, req wire.Request) (fleet.Reply, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return fleet.Reply{}, errors.New("the program that was carried over gave no answer")
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(line)))
	if err != nil || n < 0 || n > wire.MaxAnswer {
		return fleet.Reply{}, refuse("an answer of %.64q bytes, want 0 to %d", line, wire.MaxAnswer)
	}
	// The buffer grows with what comes, not with what was claimed.
	var body bytes.Buffer
	if _, err := io.Copy(&body, io.LimitReader(r, int64(n))); err != nil || body.Len() != n {
		return fleet.Reply{}, fmt.Errorf("the answer ended after %d of %d bytes", body.Len(), n)
	}
	reply, err := fleet.Read(body.Bytes(), req)
	if err != nil {
		return fleet.Reply{}, refuse("%v", err)
	}
	return reply, nil
}

// tail keeps the last bytes that are written to it.
type tail struct {
	limit int
	kept  []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.kept = append(t.kept, b...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(b), nil
}

// line is the last one that is not empty.
func (t *tail) line() string {
	text := strings.TrimSpace(string(t.kept))
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}

package via

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"ddcos/k2i/fleet"
	"ddcos/k2i/wire"
)

// Limits of what a host may say.
const (
	maxNoise  = 64 << 10               // bytes before the shell's first word, such as a greeting
	maxErrors = 4 << 10                // bytes of standard error that are kept, the last ones
	killDelay = 500 * time.Millisecond // between SIGTERM and SIGKILL for the command
)

// conversation is what became of one host.
type conversation struct {
	reply   fleet.Reply
	reached bool // a shell has answered there
	err     error
}

// converse runs the command and speaks with the shell that it starts. Every byte
// that comes back may be an attacker's.
func converse(ctx context.Context, command, host string, of errand) (c conversation) {
	cmd := started(ctx, command)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = killDelay
	last, err := overhear(cmd)
	if err != nil {
		return conversation{err: err}
	}
	defer last()
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
	c = speak(ctx, stdin, stdout, host, of)
	unheard()
	_ = stdin.Close() // the shell ends with it, if it has not
	if c.err != nil {
		_ = cmd.Cancel()
	}
	ended := cmd.Wait()
	if c.err != nil {
		c.err = reason(ctx, c.err, ended, last())
	}
	return c
}

// started is the command as a shell would run it. Words that are nothing but words are
// run without one: a shell for each of many hosts is a hundredth of what ssh takes.
func started(ctx context.Context, command string) *exec.Cmd {
	means := func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune(" -_./:@,+%", c)
	}
	if words := strings.Fields(command); len(words) > 0 && !strings.ContainsFunc(command, means) {
		if program, err := exec.LookPath(words[0]); err == nil {
			return exec.CommandContext(ctx, program, words[1:]...)
		}
	}
	return exec.CommandContext(ctx, "sh", "-c", command)
}

// reason is the one line that says most about a failure: what the other side
// said, how it ended, or else what was missing here.
func reason(ctx context.Context, err, ended error, said string) error {
	var refused *refusalError
	switch {
	case errors.As(err, &refused):
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return errors.New("interrupted")
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

// speak is the conversation: our script with the question, its first word with the
// machine's kind, what it lacks of our program, its answer.
func speak(ctx context.Context, stdin io.WriteCloser, stdout io.Reader, host string, of errand) (c conversation) {
	nonce := "k2i-" + rand.Text()
	if _, err := io.WriteString(stdin, atOnce(strings.Replace(of.script, "@NONCE@", nonce, 1))); err != nil && !errors.Is(err, syscall.EPIPE) { // who does not listen may say why
		return conversation{err: err}
	}
	r := bufio.NewReaderSize(stdout, maxNoise)
	system, machine, err := firstWord(r, nonce)
	if err != nil {
		return conversation{err: err}
	}
	c.reached = true
	if system != "Linux" {
		c.err = refuse("its system is %.64q: k2i knows Linux only", system)
		return c
	}
	program, err := of.send(machine)
	if err != nil {
		c.err = err
		return c
	}
	if _, c.err = stdin.Write(program); c.err != nil {
		return c
	}
	_ = stdin.Close() // the program ends there; what becomes of it is told by the answer
	c.reply, c.err = of.read(ctx, host, r)
	return c
}

// firstWord skips what a login may print before the shell's own line, which
// begins with the nonce: a terminal's echo of the script does not.
func firstWord(r *bufio.Reader, nonce string) (system, machine string, err error) {
	said := ""
	for heard := 0; heard <= maxNoise; {
		line, err := r.ReadSlice('\n') // no more: what follows is the answer
		if words := strings.Fields(string(line)); len(words) == 3 && words[0] == nonce {
			return words[1], words[2], nil
		} else if len(words) > 0 {
			said = fmt.Sprintf(": the last that was said is %.200q", bytes.TrimSpace(line))
		}
		if err != nil {
			break
		}
		heard += len(line)
	}
	return "", "", errors.New("no shell answered" + said)
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

// overhear keeps what a command says on standard error. Once that has ended, the
// function gives the last line of what it had said by then: whoever inherited the pipe
// may keep it open, so this side writes the end into it, which nobody else can guess.
func overhear(cmd *exec.Cmd) (last func() string, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = w
	said, end, heard := &tail{limit: maxErrors}, []byte(rand.Text()), make(chan struct{})
	go func() {
		defer close(heard)
		block := make([]byte, maxErrors/2) // the end is kept, wherever a block begins
		for !bytes.Contains(said.kept, end) {
			n, err := r.Read(block)
			_, _ = said.Write(block[:n]) // it never fails
			if err != nil {
				return
			}
		}
	}()
	return sync.OnceValue(func() string {
		_, _ = w.Write(end) // it is read, or this side has closed it
		<-heard
		_, _ = r.Close(), w.Close()
		said.kept, _, _ = bytes.Cut(said.kept, end)
		return said.line()
	}), nil
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

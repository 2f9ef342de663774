package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	stopWithin = 10 * time.Second // a program may take so long to end by itself
	tailBytes  = 4 << 10          // of its standard error are remembered
)

// program is a process of a measurement. It ends with this process, however that ends.
type program struct {
	name string
	cmd  *exec.Cmd
	said *tail
	done chan struct{} // closed when it has ended, with err set
	err  error
}

// launch starts the program at path, with env added to its environment; its standard output goes
// to stdout, which may be nil.
func launch(stdout io.Writer, env []string, path string, args ...string) (*program, error) {
	return launchWith(nil, stdout, env, path, args...)
}

// launchWith is launch of a program that reads its standard input.
func launchWith(stdin io.Reader, stdout io.Writer, env []string, path string, args ...string) (*program, error) {
	name := strings.Join(append([]string{filepath.Base(path)}, args[:min(1, len(args))]...), " ")
	p := &program{name: name, cmd: exec.Command(path, args...), said: &tail{}, done: make(chan struct{})}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = stdin, stdout, p.said, append(os.Environ(), env...)
	// A group of its own: an interrupt from the terminal is ours to pass on, in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error, 1)
	go func() {
		// The kernel sends Pdeathsig when the thread that started the program ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	return p, nil
}

// ended is nil while the program runs, and then why it does not any more.
func (p *program) ended() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	why := "exit status 0"
	if p.err != nil {
		why = p.err.Error()
	}
	if last := p.said.lastLine(); last != "" {
		why += ": " + last
	}
	return fmt.Errorf("%s has ended: %s", p.name, why)
}

// lately is ended, of a program that may be about to end.
func (p *program) lately(ctx context.Context) error {
	soon := time.NewTimer(time.Second)
	defer soon.Stop()
	select {
	case <-p.done:
	case <-soon.C:
	case <-ctx.Done():
	}
	return p.ended()
}

// stop asks the program to end, insists after a while, and waits for it.
func (p *program) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		<-p.done // it has ended already
		return nil
	}
	patience := time.NewTimer(stopWithin)
	defer patience.Stop()
	select {
	case <-p.done:
		return nil
	case <-patience.C:
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not end within %v and was killed", p.name, stopWithin)
	}
}

// await looks again and again whether ready is met, until it is, the program or the context ends.
func (p *program) await(ctx context.Context, ready func() error) error {
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			return p.ended()
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s is not ready", p.name), err)
		}
	}
}

// tail remembers the end of what is written to it.
type tail struct {
	mu   sync.Mutex // guards text
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - tailBytes; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(b), nil
}

func (t *tail) lastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := strings.TrimSpace(string(t.text))
	return all[strings.LastIndexByte(all, '\n')+1:]
}

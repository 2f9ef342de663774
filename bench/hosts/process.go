package hosts

import (
	"bytes"
	"context"
	"fmt"
	"syscall"
)

// Command is a program that a host's first process starts, in a session of its own and with its
// outputs in a log of the host ([Host.Log]).
type Command struct {
	// Name is for the starter: it names the log.
	Name string `json:"name"`
	// Argv is the program, looked up in the host's PATH, and its arguments.
	Argv []string `json:"argv"`
	// Env is added to the environment of the starter.
	Env []string `json:"env,omitempty"`
}

// Process is a launched command.
type Process struct {
	Name string
	PID  int // as its host numbers it

	host   *Host
	done   chan struct{}
	status syscall.WaitStatus // written before done is closed
}

// Launch starts a command as a child of the host's first process and returns when it runs.
func (h *Host) Launch(ctx context.Context, c Command) (*Process, error) {
	p := &Process{Name: c.Name, host: h, done: make(chan struct{})}
	if _, err := h.do(ctx, request{Start: &c}, p); err != nil {
		return nil, fmt.Errorf("launch %s on %s: %w", c.Name, h.Name, err)
	}
	return p, nil
}

// Signal sends a signal to the process; its parent does that, so no other process of the same
// number can be hit. It is an error if the process has ended.
func (p *Process) Signal(ctx context.Context, s syscall.Signal) error {
	if _, err := p.host.do(ctx, request{Signal: &kill{PID: p.PID, Signal: s}}, nil); err != nil {
		return fmt.Errorf("signal %s on %s: %w", p.Name, p.host.Name, err)
	}
	return nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Status is how the process ended; it is meaningful once Done is closed.
func (p *Process) Status() syscall.WaitStatus {
	select {
	case <-p.done:
		return p.status
	default:
		return 0
	}
}

func (p *Process) end(status syscall.WaitStatus) {
	p.status = status
	close(p.done)
}

// Complaint says how an ended process ended and what it wrote last, in one line.
func (p *Process) Complaint() string {
	how := fmt.Sprintf("ended with status %d", p.Status().ExitStatus())
	if s := p.Status(); s.Signaled() {
		how = fmt.Sprintf("was ended by %v", s.Signal())
	}
	text := fmt.Sprintf("%s on %s %s", p.Name, p.host.Name, how)
	if log, err := p.host.Log(p.Name); err == nil && len(bytes.TrimSpace(log)) > 0 {
		written := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
		text += fmt.Sprintf(": %s", written[len(written)-1])
	}
	return text
}

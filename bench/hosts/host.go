package hosts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// endTime is how long a first process may take to go before it is killed.
const endTime = 5 * time.Second

// maxLog is how much of the end of a command's log [Host.Log] returns, in bytes.
const maxLog = 64 << 10

// ErrGone: the host's first process has ended, and with it the host.
var ErrGone = errors.New("the host is gone")

// Host is one set of namespaces and the first process that holds it.
type Host struct {
	Name   string
	Addr   netip.Addr // on the common network; 127.0.0.1 for a plain host
	RunDir string     // its directory for sockets and other short-lived files, as its processes see it

	plain bool
	bin   string
	cmd   *exec.Cmd
	pidfd int
	gone  chan struct{} // closed once the first process is reaped
	exit  error         // how that ended; written before gone is closed

	mu       sync.Mutex // guards what follows
	control  *os.File   // requests go here; its end of file ends the host
	lastID   int
	waiting  map[int]*pending
	running  map[int]*Process
	closeFDs sync.Once
}

// startHost starts a first process and sets it up.
func startHost(ctx context.Context, s setup) (*Host, error) {
	requests, control, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	reports, out, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, requests.Close(), control.Close())
	}
	h := &Host{
		Name: s.Hostname, plain: s.Plain, pidfd: -1, control: control, gone: make(chan struct{}),
		waiting: make(map[int]*pending), running: make(map[int]*Process),
	}
	h.cmd = &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{"init", initArg}, Dir: "/",
		Stdin: requests, Stderr: os.Stderr, ExtraFiles: []*os.File{out},
		// A session of its own keeps the terminal's Ctrl-C away: only the starter decides the end.
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, PidFD: &h.pidfd},
	}
	if !s.Plain {
		// Killing the first process ends all the others of its PID namespace. A plain one must
		// outlive us for a moment, to do that itself: it ends at the end of its input.
		h.cmd.SysProcAttr.Cloneflags = namespaces
		h.cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	ended, err := spawn(h.cmd, nil)
	_, _ = requests.Close(), out.Close() // the child has its own
	if err != nil {
		return nil, errors.Join(err, control.Close(), reports.Close())
	}
	go h.readReports(reports)
	go func() {
		h.exit = <-ended
		close(h.gone)
	}()
	ready, err := h.do(ctx, request{Setup: &s}, nil)
	if err != nil {
		return nil, errors.Join(err, h.end())
	}
	h.Name, h.RunDir, h.bin = ready.Hostname, ready.Dir, ready.Bin
	return h, nil
}

// PID is that of the host's first process, as the caller's namespace numbers it.
func (h *Host) PID() int { return h.cmd.Process.Pid }

// Root is the path under which the caller sees the host's own file tree.
func (h *Host) Root() string { return fmt.Sprintf("/proc/%d/root", h.PID()) }

// Gone is closed when the host has ended.
func (h *Host) Gone() <-chan struct{} { return h.gone }

// Kill ends the host at once, as a power failure would: every process in it gets SIGKILL.
func (h *Host) Kill() error {
	err := h.cmd.Process.Kill()
	<-h.gone
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Command prepares a program that [Host.Run] starts inside the host. A name without a slash is
// looked up in the host's own PATH.
func (h *Host) Command(ctx context.Context, argv ...string) *exec.Cmd {
	// env(1) resolves the name where it runs, inside the host's mounts.
	cmd := exec.CommandContext(ctx, "/usr/bin/env", argv...)
	cmd.Env = append(os.Environ(), "PATH="+hostPath(h.bin))
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second // a grandchild that keeps the output open must not keep us
	return cmd
}

// Run runs a command inside the host's namespaces to its end, or to the caller's. Its parent is the
// caller, so that inside the host its parent's pid reads 0; [Host.Launch] starts children of the
// host's own.
func (h *Host) Run(cmd *exec.Cmd) error {
	inside := h
	// A process group of its own keeps the terminal's Ctrl-C away: the context ends it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if h.plain {
		inside = nil
		// In a namespaced host it ends with the first process; there, os/exec would take a parent
		// that reads 0 for a dead one and kill it.
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	ended, err := spawn(cmd, inside)
	if err != nil {
		return fmt.Errorf("run on %s: %w", h.Name, err)
	}
	return <-ended
}

// Output runs a command inside the host and returns its standard output; the error of a command
// that fails carries its standard error (*exec.ExitError).
func (h *Host) Output(ctx context.Context, argv ...string) ([]byte, error) {
	var out, complaint capture
	cmd := h.Command(ctx, argv...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := h.Run(cmd)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		exit.Stderr = complaint.data
	}
	return out.data, err
}

// Log returns the last 64 KiB of what a launched command wrote to its outputs.
func (h *Host) Log(command string) ([]byte, error) {
	path := filepath.Join(h.Root(), h.RunDir, "log", filepath.Base(command)+".log")
	if h.plain {
		path = filepath.Join(h.RunDir, "log", filepath.Base(command)+".log")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-maxLog), maxLog))
}

// end asks the first process to go, waits for that, and kills it if it does not.
func (h *Host) end() error {
	h.askToEnd()
	timer := time.NewTimer(endTime)
	defer timer.Stop()
	var err error
	select {
	case <-h.gone:
	case <-timer.C:
		err = fmt.Errorf("host %s did not end in %v: killed", h.Name, endTime)
		err = errors.Join(err, h.Kill())
	}
	h.closeFDs.Do(func() { _ = unix.Close(h.pidfd) })
	return err
}

// askToEnd closes the control pipe.
func (h *Host) askToEnd() {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.control.Close() // a second time it is closed already
}

package sshd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	serverConfig = "sshd_config"
	listening    = "Server listening" // what a server says once it does
	maxSaid      = 4 << 10            // bytes of what it says that are kept, the last ones
	tick         = 10 * time.Millisecond
)

// server is one host: its sshd is the first process of a PID namespace.
type server struct {
	name      string
	processes int       // that it has beside
	cmd       *exec.Cmd // unshare, which waits for sshd
	said      *spoken
	done      chan struct{} // closed when all of it has ended
	pid       int           // of sshd, once it listens
}

// script makes the host what it is and becomes its sshd, which wants an empty directory in /run:
// the machine's own stays as it is. What this machine's user has bash do before any command is
// left out: it is no part of what is measured, and may take the longest.
const script = `hostname "$1" && mount -t tmpfs -o mode=755 sshd /run && mkdir -m 755 /run/sshd &&
if [ -e "$HOME/.bashrc" ]; then mount --bind /dev/null "$HOME/.bashrc"; fi &&
for i in $(seq "$2"); do sleep infinity & done && shift 2 && exec "$@"`

// serve starts a server at a port that is free.
func serve(dir, name, port string, processes int) (*server, error) {
	s := &server{name: name, processes: processes, said: &spoken{listens: make(chan struct{})}, done: make(chan struct{})}
	s.cmd = exec.Command("unshare", "--pid", "--fork", "--kill-child", "--uts", "--mount-proc", "sh", "-c", script, "sh", name, strconv.Itoa(processes),
		sshd, "-D", "-e", "-f", filepath.Join(dir, serverConfig), "-o", "ListenAddress="+loopback+":"+port)
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	// A group of its own: an interrupt from the terminal is for who made it.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error, 1)
	go func() {
		// The kernel sends Pdeathsig when the thread that started the program ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := s.cmd.Start()
		started <- err
		if err == nil {
			_ = s.cmd.Wait() // what it says tells more than its status
			close(s.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// listens waits until it does.
func (s *server) listens(ctx context.Context) error {
	select {
	case <-s.said.listens:
	case <-s.done:
		return fmt.Errorf("%s has ended: %s", s.name, s.said.last())
	case <-ctx.Done():
		return fmt.Errorf("%s does not listen: %w: %s", s.name, context.Cause(ctx), s.said.last())
	}
	pids, err := children(s.cmd.Process.Pid)
	if err != nil || len(pids) == 0 {
		return errors.Join(fmt.Errorf("%s: its sshd is not found", s.name), err)
	}
	s.pid = pids[0]
	return nil
}

// rests waits until sshd has no child but those that sleep: orphans are its children, too.
func (s *server) rests(ctx context.Context) error {
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		pids, err := children(s.pid)
		if err != nil || len(pids) <= s.processes {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// used is the CPU time of sshd and of all that it has waited for.
func (s *server) used() (sum time.Duration, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 15 {
		return 0, fmt.Errorf("its stat is %q", stat)
	}
	for _, field := range fields[11:15] { // utime, stime and those of children
		ticks, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ticks) * tick
	}
	return sum, nil
}

// stop ends sshd, with which the kernel ends all of its namespace, and then unshare ends.
func (s *server) stop() {
	select {
	case <-s.done: // its number may be another's by now
		return
	default:
	}
	pids, err := children(s.cmd.Process.Pid)
	if err != nil || len(pids) == 0 {
		_ = s.cmd.Process.Kill() // it has no child yet
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-s.done
}

// children are those of a process's first thread.
func children(pid int) (pids []int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	for field := range strings.FieldsSeq(string(text)) {
		child, bad := strconv.Atoi(field)
		pids, err = append(pids, child), errors.Join(err, bad)
	}
	return pids, err
}

// spoken is what a server says.
type spoken struct {
	listens chan struct{} // closed when it says so

	mu    sync.Mutex // guards both
	text  []byte     // the last of it
	heard bool       // that it listens
}

func (s *spoken) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, b...)
	if !s.heard && bytes.Contains(s.text, []byte(listening)) {
		s.heard = true
		close(s.listens)
	}
	if over := len(s.text) - maxSaid; over > 0 {
		s.text = append(s.text[:0], s.text[over:]...)
	}
	return len(b), nil
}

// last is the last line.
func (s *spoken) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := strings.TrimSpace(string(s.text))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

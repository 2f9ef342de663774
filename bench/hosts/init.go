package hosts

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// initArg is the only argument of a first process.
const initArg = "ddcos-host-init"

// MaxCommands limits the launched commands that run at once on a host.
const MaxCommands = 4096

// Main is the other half of [Start]: where this process was started to be the first process of a
// host it does that work and never returns, otherwise it returns at once. A program that starts
// hosts calls it first thing in main, a test in TestMain.
func Main() {
	if len(os.Args) != 2 || os.Args[1] != initArg {
		return
	}
	in := &initProcess{out: os.NewFile(3, "reports"), commands: make(map[int]string)}
	syscall.CloseOnExec(3)
	in.run()
	in.cleanUp()
	os.Exit(0)
}

// initProcess is the first process of a host. One goroutine starts, signals and reaps, so that a
// pid it knows is a child not yet reaped, and never somebody else.
type initProcess struct {
	out      *os.File
	commands map[int]string // running commands by pid
	plain    bool
	dir      string // for logs and sockets
}

func (in *initProcess) run() {
	// As the first process of a PID namespace it gets no signal that it has no handler for.
	children, term := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	signal.Notify(term, syscall.SIGTERM)
	requests := make(chan request)
	go readRequests(requests)
	ending := false
	for !ending || len(in.commands) > 0 {
		select {
		case r, ok := <-requests:
			if !ok {
				return // who started us is gone
			}
			answer, err := in.serve(r)
			answer.ID = r.ID
			if err != nil {
				answer.Error = err.Error()
			}
			in.report(answer)
		case <-children:
			in.reap()
		case <-term:
			ending = true
			for pid := range in.commands {
				_ = syscall.Kill(pid, syscall.SIGTERM) // not yet reaped, so it is ours
			}
		}
	}
}

func readRequests(to chan<- request) {
	defer close(to)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, maxMessage)
	for lines.Scan() {
		var r request
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			return
		}
		to <- r
	}
}

func (in *initProcess) serve(r request) (report, error) {
	switch {
	case r.Setup != nil:
		return in.setUp(*r.Setup)
	case r.Start != nil:
		pid, err := in.start(*r.Start)
		return report{PID: pid}, err
	case r.Signal != nil:
		if _, ok := in.commands[r.Signal.PID]; !ok {
			return report{}, fmt.Errorf("process %d has ended", r.Signal.PID)
		}
		return report{}, syscall.Kill(r.Signal.PID, r.Signal.Signal)
	}
	return report{}, errors.New("empty request")
}

func (in *initProcess) setUp(s setup) (report, error) {
	in.plain = s.Plain
	var err error
	if s.Plain {
		in.dir, err = setUpPlain()
	} else {
		in.dir, s.Bin, err = "/run", mountedBin(s.Bin), setUpMounts(s.Bin)
	}
	if err != nil {
		return report{}, err
	}
	if !s.Plain {
		if err := unix.Sethostname([]byte(s.Hostname)); err != nil {
			return report{}, fmt.Errorf("set the host name: %w", err)
		}
	}
	if err := os.MkdirAll(filepath.Join(in.dir, "log"), 0o755); err != nil {
		return report{}, err
	}
	if err := os.WriteFile("/proc/self/comm", []byte("init"), 0); err != nil {
		return report{}, err
	}
	if err := os.Setenv("PATH", hostPath(s.Bin)); err != nil {
		return report{}, err
	}
	name, err := os.Hostname()
	return report{Hostname: name, Dir: in.dir, Bin: s.Bin}, err
}

func (in *initProcess) start(c Command) (int, error) {
	if len(in.commands) >= MaxCommands {
		return 0, fmt.Errorf("%d commands run already: end some first", MaxCommands)
	}
	if len(c.Argv) == 0 {
		return 0, errors.New("no program given")
	}
	path, err := exec.LookPath(c.Argv[0])
	if err != nil {
		return 0, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer func() { _ = null.Close() }()
	log := filepath.Join(in.dir, "log", filepath.Base(c.Name)+".log")
	output, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return 0, err
	}
	defer func() { _ = output.Close() }()
	// Not os/exec: its Wait and our reaping would take each other's children.
	pid, err := syscall.ForkExec(path, c.Argv, &syscall.ProcAttr{
		Dir:   "/",
		Env:   append(os.Environ(), c.Env...),
		Files: []uintptr{null.Fd(), output.Fd(), output.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	in.commands[pid] = c.Name
	return pid, nil
}

// reap collects every ended child: commands, and orphans that the kernel handed to us.
func (in *initProcess) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if _, ok := in.commands[pid]; ok {
			delete(in.commands, pid)
			in.report(report{PID: pid, Status: status})
		}
	}
}

// report tells the starter; where it is gone there is nobody to tell, and the end of our input
// says so.
func (in *initProcess) report(r report) { _ = writeLine(in.out, r) }

// cleanUp: a namespace is cleaned up by the kernel, a plain host by us.
func (in *initProcess) cleanUp() {
	if in.plain {
		killDescendants()
		_ = os.RemoveAll(in.dir) // all that could still write there is dead
	}
}

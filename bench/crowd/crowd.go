// Package crowd makes very many processes that cost next to nothing, to measure
// those that look at them: sleepers with as many threads as are wanted, and
// processes that begin and end at a rate.
package crowd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Limits of a crowd.
const (
	MaxProcesses = 50_000
	MaxThreads   = 1000 // of each process
	endWithin    = 20 * time.Second
)

// keeperArg is the first argument of a crowd's keeper, readyLine what it says
// when all are there.
const (
	keeperArg = "ddcos-crowd"
	readyLine = "ready"
)

// ErrCrowd is a crowd that cannot be made.
var ErrCrowd = errors.New("no such crowd")

// Crowd are processes that sleep. They end with Close, and with the process that
// made them, however that ends.
type Crowd struct {
	keeper *exec.Cmd
	hold   io.Closer // the keeper lives until this is closed
	dir    string
}

// Start makes so many processes, each with so many threads, and returns when all
// are there. Where the caller may, they are in a PID namespace of their own, which
// the caller sees into and which the kernel ends as a whole. Their keeper, its
// first process, is this program once more: see [Main].
func Start(ctx context.Context, processes, threads int) (*Crowd, error) {
	switch {
	case runtime.GOARCH != "amd64":
		return nil, fmt.Errorf("%w: its program is for amd64, this is %s", ErrCrowd, runtime.GOARCH)
	case processes < 1 || processes > MaxProcesses || threads < 1 || threads > MaxThreads:
		return nil, fmt.Errorf("%w: %d processes with %d threads; 1 to %d with 1 to %d are possible", ErrCrowd, processes, threads, MaxProcesses, MaxThreads)
	}
	dir, err := os.MkdirTemp("", "crowd-")
	if err != nil {
		return nil, err
	}
	c := &Crowd{dir: dir}
	path, err := Sleeper(uint32(threads-1)).Install(dir, "sleeper")
	if err == nil {
		err = c.start(ctx, path, processes)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// start starts the keeper and waits for its word.
func (c *Crowd) start(ctx context.Context, program string, processes int) error {
	cmd := exec.Command("/proc/self/exe", keeperArg, program, strconv.Itoa(processes))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID
	}
	hold, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.keeper, c.hold = cmd, hold
	heard := make(chan error, 1)
	go func() {
		line, err := bufio.NewReader(said).ReadString('\n')
		if line != readyLine+"\n" {
			err = fmt.Errorf("%w: its keeper says %q, %w", ErrCrowd, line, err)
		}
		heard <- err
	}()
	select {
	case err := <-heard:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends all of them and waits until the kernel has forgotten them.
func (c *Crowd) Close() error {
	var err error
	if c.keeper != nil {
		_ = c.hold.Close() // the keeper sees it, or has ended
		insist := time.AfterFunc(endWithin, func() { _ = c.keeper.Process.Kill() })
		_ = c.keeper.Wait() // its status is that of having been told to end
		if !insist.Stop() {
			err = fmt.Errorf("%w: its keeper had to be killed after %v", ErrCrowd, endWithin)
		}
		c.keeper = nil
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}

// Main is the other half of [Start]: where this process was started to keep a
// crowd it does that and never returns, else it returns at once. A program that
// makes crowds calls it first thing in main, a test in TestMain.
func Main() {
	if len(os.Args) != 4 || os.Args[1] != keeperArg {
		return
	}
	if err := keep(os.Args[2], os.Args[3]); err != nil {
		fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
		os.Exit(1)
	}
	os.Exit(0)
}

// keep makes the processes and waits for the end of its input.
func keep(program, number string) error {
	runtime.LockOSThread() // the children die with this thread
	processes, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	pids := make([]int, 0, processes)
	defer func() {
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		for _, pid := range pids {
			_, _ = syscall.Wait4(pid, nil, 0, nil)
		}
	}()
	for i := range processes {
		pid, err := syscall.ForkExec(program, arguments(i), &syscall.ProcAttr{
			Dir: "/", Files: []uintptr{null.Fd(), null.Fd(), null.Fd()}, Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
		})
		if err != nil {
			return fmt.Errorf("process %d of %d: %w", i+1, processes, err)
		}
		pids = append(pids, pid)
	}
	fmt.Println(readyLine)
	_, _ = io.Copy(io.Discard, os.Stdin) // until whoever wanted the crowd closes it, or is gone
	return nil
}

// arguments are those of one sleeper, as long as a service's are.
func arguments(i int) []string {
	return []string{
		"/usr/lib/crowd/sleeper", fmt.Sprintf("--name=worker-%05d", i), fmt.Sprintf("--listen=10.%d.%d.%d:8080", i>>16&255, i>>8&255, i&255),
		"--config=/etc/crowd/worker.conf", "--zone", "b", "--log-level=info",
	}
}

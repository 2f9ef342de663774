package probe

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// childMode is the environment variable by which this test program, started
// once more, knows which process to be; childWith is what it needs for that.
const (
	childMode = "DDCOS_CHILD"
	childWith = "DDCOS_CHILD_WITH"
)

// modes are the processes that this program can be. Each prepares itself, and
// is stopped then; those that return nothing have ended.
var modes = map[string]func(with string) error{
	"idle":      func(string) error { return nil },
	"comm":      func(comm string) error { return os.WriteFile("/proc/self/comm", []byte(comm), 0) },
	"ids":       changeIDs,
	"threads":   manyThreads,
	"busy":      useCPU,
	"title":     overwriteArguments,
	"io":        useDisk,
	"front":     bringToFront,
	"vfork":     waitInVfork,
	"zombie":    func(string) error { busyThreads(2, 30); os.Exit(3); return nil },
	"headless":  endLeader,
	"rights":    giveUpRights,
	"open":      openAndTell,
	"namespace": lookAround,
	"hear":      hearInside,
	"talk":      talkByThreads,
	"hold":      holdSockets,
	"delay":     waitForCPU,
	"disk":      readDisk,
	"second":    readAside,
	"next":      readInTurn,
}

func TestMain(m *testing.M) {
	mode, ok := modes[os.Getenv(childMode)]
	if !ok {
		os.Exit(m.Run())
	}
	runtime.LockOSThread() // the main goroutine begins on the thread that leads the process
	if err := mode(os.Getenv(childWith)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_ = unix.Kill(os.Getpid(), unix.SIGSTOP) // continued by nobody
	for {                                    // it may stop later; a namespace's first process is only stopped from outside
		_ = unix.Pause()
	}
}

func changeIDs(string) error {
	for _, err := range []error{
		syscall.Setresgid(1001, 1002, 1003), syscall.Setfsgid(1004),
		syscall.Setresuid(2001, 2002, 2003), syscall.Setfsuid(2003),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// spin computes until the calling thread has used so much CPU time in user mode.
func spin(milliseconds int64) {
	var u unix.Rusage
	for x := 1; unix.Getrusage(unix.RUSAGE_THREAD, &u) == nil && u.Utime.Nano() < milliseconds*1e6; {
		for range 100_000 {
			x = x*31 + 7
		}
		runtime.KeepAlive(x)
	}
}

// busyThreads are threads that use CPU time and end. They are the only ones of
// the process that do.
func busyThreads(n int, milliseconds int64) {
	done := make(chan struct{})
	for range n {
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			spin(milliseconds)
			done <- struct{}{}
		}()
	}
	for range n {
		<-done
	}
}

// sleepers are threads that stay and wait for ever in the kernel.
func sleepers(n int) {
	started := make(chan struct{})
	for range n {
		go func() {
			runtime.LockOSThread()
			spin(5)
			started <- struct{}{}
			for {
				_ = unix.Pause()
			}
		}()
	}
	for range n {
		<-started
	}
}

func manyThreads(string) error {
	busyThreads(4, 20)
	sleepers(12)
	return nil
}

// readAside has another thread than the leader read whatever comes.
func readAside(string) error {
	go func() {
		runtime.LockOSThread()
		for b := make([]byte, 1); ; {
			if n, err := unix.Read(unix.Stdin, b); n == 0 && err == nil {
				os.Exit(0)
			}
		}
	}()
	for {
		_ = unix.Pause()
	}
}

// readInTurn is readAside that has each byte read by a thread of its own, which ends then:
// there are always as many.
func readInTurn(string) error {
	var readOne func()
	readOne = func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for b := make([]byte, 1); ; {
			n, err := unix.Read(unix.Stdin, b)
			if n == 1 {
				go readOne()
				return
			}
			if err == nil {
				os.Exit(0)
			}
		}
	}
	go readOne()
	for {
		_ = unix.Pause()
	}
}

// useCPU uses some in user mode and some in the kernel, by threads that stay
// and by threads that end.
func useCPU(string) error {
	busyThreads(2, 60)
	sleepers(2)
	zero, err := os.Open("/dev/zero")
	if err != nil {
		return err
	}
	buf := make([]byte, 1<<20)
	var u unix.Rusage
	for unix.Getrusage(unix.RUSAGE_THREAD, &u) == nil && u.Stime.Nano() < 120e6 {
		if _, err := zero.Read(buf); err != nil {
			return err
		}
	}
	return zero.Close()
}

// overwriteArguments gives the process a title in place of its arguments, as
// setproctitle does, as long as WITH says: "short" leaves them their last NUL,
// "long" runs on into the environment, "whole" fills both.
func overwriteArguments(with string) error {
	start, end, env, err := argumentArea()
	if err != nil {
		return err
	}
	text := map[string]string{
		"short": "a title" + strings.Repeat("\x00", int(end-start)-len("a title")),
		"long":  strings.Repeat("t", int(end-start)) + "ail\x00",
		"whole": strings.Repeat("w", int(env-start)),
	}[with]
	memory, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = memory.WriteAt([]byte(text), start)
	return err
}

// argumentArea is where arguments begin and end, and where the environment ends.
func argumentArea() (start, end, env int64, err error) {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, 0, 0, err
	}
	fields := strings.Fields(string(b[strings.LastIndex(string(b), ")"):])) // from field 2 on
	for i, to := range map[int]*int64{48: &start, 49: &end, 51: &env} {
		if *to, err = strconv.ParseInt(fields[i-2], 10, 64); err != nil {
			return 0, 0, 0, err
		}
	}
	return start, end, env, nil
}

func useDisk(dir string) error {
	f, err := os.CreateTemp(dir, "")
	if err != nil {
		return err
	}
	if _, err := f.Write(make([]byte, 1<<20)); err != nil {
		return err
	}
	return f.Sync()
}

// bringToFront starts a process that has the terminal instead of this one.
func bringToFront(string) error {
	_, err := start(childOf("idle", ""), &syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: 0})
	return err
}

// waitInVfork starts a program whose file somebody else has a lease on: until
// that is given back, which takes 45 s at most, the new process waits in exec,
// and this one for it.
func waitInVfork(file string) error {
	cmd := exec.Command(file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	return cmd.Run()
}

// endLeader ends the thread that leads the process; the others stay.
func endLeader(string) error {
	sleepers(3)
	if unix.Gettid() != os.Getpid() {
		return fmt.Errorf("the main goroutine is on thread %d of %d", unix.Gettid(), os.Getpid())
	}
	_, _, _ = unix.Syscall(unix.SYS_EXIT, 0, 0, 0) // not RawSyscall, which would keep the others from the runtime's processor
	return nil
}

// openAndTell opens a probe in a process that has not yet, and tells how many
// nanoseconds that took, or why it was refused.
func openAndTell(string) error {
	began := time.Now()
	if _, err := Open(DefaultOptions()); err != nil {
		fmt.Println(err)
	} else {
		fmt.Println(time.Since(began).Nanoseconds())
	}
	os.Exit(0)
	return nil
}

// childOf is this program as another process.
func childOf(mode, with string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"probe.test", mode}
	cmd.Env = append(os.Environ(), childMode+"="+mode, childWith+"="+with)
	cmd.Stdin = os.Stdin
	return cmd
}

// start starts a process of this kind and waits until it is stopped.
func start(cmd *exec.Cmd, attr *syscall.SysProcAttr) (pid int, err error) {
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	if attr != nil && attr.Cloneflags&unix.CLONE_NEWPID != 0 {
		_ = unix.Kill(cmd.Process.Pid, unix.SIGSTOP) // it cannot stop itself; awaitStop tells
	}
	return cmd.Process.Pid, awaitStop(cmd.Process.Pid)
}

// awaitStop waits until all threads of a child are stopped and have left their CPUs: a
// thread that is told to be stopped may still run, and be preempted before it no longer does.
func awaitStop(pid int) error {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, unix.WUNTRACED, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case status.Stopped():
			for deadline := time.Now().Add(patience); !offCPU(pid); runtime.Gosched() {
				if time.Now().After(deadline) {
					return fmt.Errorf("child %d is stopped, and threads of it stay on a CPU", pid)
				}
			}
			return nil
		default:
			return fmt.Errorf("child %d did not stop: exit status %d, signal %v", pid, status.ExitStatus(), status.Signal())
		}
	}
}

// offCPU tells whether no thread of a process is on a CPU, or about to be: the kernel
// waits for that before it tells what call a thread is in.
func offCPU(pid int) bool {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	for _, task := range tasks {
		if said, err := os.ReadFile(task); err != nil || bytes.HasPrefix(said, []byte("running")) {
			return false
		}
	}
	return len(tasks) > 0
}

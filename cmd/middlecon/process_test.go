package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// processes are those that one script started, by name.
type processes struct {
	env *testscript.Env
	all map[string]*process
}

type processesKey struct{}

type process struct {
	cmd   *exec.Cmd
	stdin *os.File
	done  chan struct{} // closed when it has ended, with ended set
	ended *os.ProcessState
}

func of(ts *testscript.TestScript) *processes { return ts.Value(processesKey{}).(*processes) }

func (p *processes) named(ts *testscript.TestScript, name string) *process {
	found := p.all[name]
	if found == nil {
		ts.Fatalf("nothing was started as %s", name)
	}
	return found
}

func (p *processes) killAll() {
	for _, one := range p.all {
		_ = one.cmd.Process.Kill() // it may have ended
		<-one.done
	}
}

// start NAME ARGS... runs the command aside; what it prints goes to NAME.out
// and NAME.err. A broker is ready when start returns.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME ARGS...")
	}
	p := of(ts)
	cmd := exec.Command("middlecon", args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "DDCOS_BROKER="+ts.Getenv("DDCOS_BROKER"), "WORK="+ts.Getenv("WORK"), "GORACE="+ts.Getenv("GORACE"))
	out, err := os.Create(ts.MkAbs(args[0] + ".out"))
	ts.Check(err)
	defer func() { _ = out.Close() }()
	errs, err := os.Create(ts.MkAbs(args[0] + ".err"))
	ts.Check(err)
	defer func() { _ = errs.Close() }()
	cmd.Stdout, cmd.Stderr = out, errs
	in, write, err := os.Pipe() // whose end does not come before the process's
	ts.Check(err)
	defer func() { _ = in.Close() }()
	cmd.Stdin = in
	ts.Check(cmd.Start())
	one := &process{cmd: cmd, stdin: write, done: make(chan struct{})}
	go func() {
		defer close(one.done)
		one.ended, _ = cmd.Process.Wait()
		_ = write.Close()
	}()
	if p.all == nil {
		p.all = map[string]*process{}
	}
	p.all[args[0]] = one
	if args[1] == "serve" || args[1] == "up" {
		poll(ts, args[0]+" serves", func() bool {
			return strings.Contains(ts.ReadFile(args[0]+".err"), "msg=serving")
		})
	}
}

// drains NAME: the process has read what it is given on its standard input.
func drains(ts *testscript.TestScript, _ bool, args []string) {
	one := of(ts).named(ts, args[0])
	_, err := one.stdin.WriteString("x")
	ts.Check(err)
	poll(ts, args[0]+" reads", func() bool {
		left, err := unix.IoctlGetInt(int(one.stdin.Fd()), unix.TIOCINQ)
		return err == nil && left == 0
	})
}

// says NAME LINE: the process is given a line on its standard input.
func says(ts *testscript.TestScript, _ bool, args []string) {
	_, err := of(ts).named(ts, args[0]).stdin.WriteString(args[1] + "\n")
	ts.Check(err)
}

// flood NAME N: the process is given the lines n=1 to n=N.
func flood(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	for i := range n {
		says(ts, false, []string{args[0], "n=" + strconv.Itoa(i+1)})
	}
}

// signal NAME SIGNAL sends one.
func signalTo(ts *testscript.TestScript, _ bool, args []string) {
	known := map[string]syscall.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT}
	sig, ok := known[args[1]]
	if !ok {
		ts.Fatalf("unknown signal %s", args[1])
	}
	one := of(ts).named(ts, args[0])
	ts.Check(one.cmd.Process.Signal(sig))
	if sig == syscall.SIGSTOP { // a thread may go on for a while after another has taken the signal
		poll(ts, args[0]+" is stopped", func() bool { return stopped(one.cmd.Process.Pid) })
	}
}

// stopped tells whether every thread of a process is.
func stopped(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, path := range threads {
		stat, err := os.ReadFile(path)
		if _, state, ok := strings.Cut(string(stat), ") "); err != nil || !ok || state[0] != 'T' {
			return false
		}
	}
	return err == nil && len(threads) > 0
}

// ends NAME STATUS waits for the end of what start began; -1 is by a signal.
func ends(ts *testscript.TestScript, _ bool, args []string) {
	one := of(ts).named(ts, args[0])
	select {
	case <-one.done:
	case <-time.After(patience):
		ts.Fatalf("%s does not end", args[0])
	}
	if got := strconv.Itoa(one.ended.ExitCode()); got != args[1] {
		ts.Fatalf("%s ended with %s, want %s: %s", args[0], got, args[1], ts.ReadFile(args[0]+".err"))
	}
}

// await ROOM N: the room has N members. The room's own views tell: nothing is polled.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await ROOM N")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := middlecon.Dial(ctx, ts.Getenv("DDCOS_BROKER"), middlecon.Options{Software: "test"})
	ts.Check(err)
	defer func() { _ = conn.Close() }()
	w, err := conn.Watch(args[0])
	ts.Check(err)
	for {
		view, err := w.Next(ctx)
		ts.Check(err)
		if view.Size == want {
			return
		}
	}
}

// flying N: so many calls are in flight, soon.
func flying(ts *testscript.TestScript, _ bool, args []string) {
	counted(ts, args, "calls in flight", func(s *protocol.Stats) uint64 { return s.InFlight })
}

// written N: so many lines of the account log are counted, soon: after they can be read.
func written(ts *testscript.TestScript, _ bool, args []string) {
	counted(ts, args, "lines of the account log", func(s *protocol.Stats) uint64 { return s.Logged })
}

// counted waits until the broker counts so many.
func counted(ts *testscript.TestScript, args []string, what string, count func(*protocol.Stats) uint64) {
	want, err := strconv.ParseUint(args[0], 10, 64)
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := middlecon.Dial(ctx, ts.Getenv("DDCOS_BROKER"), middlecon.Options{Software: "test"})
	ts.Check(err)
	defer func() { _ = conn.Close() }()
	poll(ts, args[0]+" "+what, func() bool {
		s, err := conn.Status(ctx)
		ts.Check(err)
		return count(s) == want
	})
}

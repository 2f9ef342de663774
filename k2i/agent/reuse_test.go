package agent

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
	"ddcos/k2i/probe"
)

// reuseAs is the environment variable by which this program, started once more,
// is the first process of a PID namespace, or the process whose pid is given away.
const reuseAs = "DDCOS_REUSE_AS"

// reuseMain is that process.
func reuseMain() {
	as := os.Getenv(reuseAs)
	var err error
	switch as {
	case "":
		return
	case "first":
		err = beFirst()
	default:
		mode, events, _ := strings.Cut(as, " ")
		err = tellApart(k2i.Mode(mode), k2i.EventMode(events))
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// TestReusedPID gives a pid that an agent has seen to another process, in a PID
// namespace where nobody else takes it, by each road.
func TestReusedPID(t *testing.T) {
	for _, road := range []string{"bpf bpf", "bpf none", "procfs none"} {
		t.Run(road, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
			cmd.Env = append(os.Environ(), reuseAs+"="+road)
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), "told apart") {
				t.Errorf("%v\n%s", err, out)
			}
			t.Log(string(out))
		})
	}
}

// firstSent is what the first process sends by a Unix socket.
const firstSent = 5000

// beFirst uses CPU time and a socket, and waits to be killed.
func beFirst() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if _, err := unix.Write(pair[0], make([]byte, firstSent)); err != nil {
		return err
	}
	var used unix.Rusage
	for unix.Getrusage(unix.RUSAGE_SELF, &used) == nil && used.Utime.Nano()+used.Stime.Nano() < 100e6 {
		_ = unix.Getppid()
	}
	_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
	for { // another thread may be the one that the signal stops first
		_ = unix.Pause()
	}
}

// tellApart is the first process of a PID namespace.
func tellApart(mode k2i.Mode, events k2i.EventMode) error {
	err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("proc", "/proc", "proc", 0, ""))
	if err != nil {
		return err
	}
	options := DefaultOptions()
	options.Mode, options.Events, options.Count = mode, events, probe.Counting{Sockets: mode == k2i.ModeBPF}
	ctx := context.Background()
	a, err := New(ctx, options)
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }() // the namespace ends with this process
	if err := a.Pass(ctx); err != nil {
		return err
	}
	contained := 0
	for round := 0; round < 4; round++ {
		r := reused{Agent: a, mode: mode, between: round%2 == 1}
		switch err := r.round(ctx); {
		case errors.Is(err, errTaken):
			round-- // with another pid
			continue
		case err != nil:
			return fmt.Errorf("round %d: %w", round, err)
		}
		if r.contained {
			contained++
		}
	}
	fmt.Printf("told apart, %d of them out of a container", contained)
	return nil
}

// reused is one pid that two processes have.
type reused struct {
	*Agent
	mode      k2i.Mode
	between   bool // there is a pass when the first has ended and the second not begun
	contained bool // the first is in a cgroup that looks like a container's
	id        string
}

func (r *reused) round(ctx context.Context) error {
	first := exec.CommandContext(ctx, "/proc/self/exe", "the first", "--and", "its arguments")
	first.Env = append(os.Environ(), reuseAs+"=first")
	if err := first.Start(); err != nil {
		return err
	}
	pid := first.Process.Pid
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, unix.WUNTRACED, nil); err != nil {
		return fmt.Errorf("waiting for the first: %w", err)
	}
	if !status.Stopped() {
		return fmt.Errorf("the first ended with status %#x", status)
	}
	leave := r.enter(pid)
	if err := r.Pass(ctx); err != nil {
		return err
	}
	was := r.Snapshot().Find(int32(pid))
	switch {
	case was == nil || !slices.Equal(was.Args, first.Args) || was.CPUNS < 90e6:
		return fmt.Errorf("the first: %+v", was)
	case r.mode == k2i.ModeBPF && was.UnixTxBytes != firstSent:
		return fmt.Errorf("the first sent %d bytes", was.UnixTxBytes)
	case r.contained && was.ContainerID != r.id:
		return fmt.Errorf("the first is in %s, container %q", was.Cgroup, was.ContainerID)
	}
	_ = first.Process.Kill()
	_ = first.Wait() // it was killed
	leave()
	if r.between {
		if err := r.Pass(ctx); err != nil {
			return err
		}
	}
	second, err := takePID(ctx, pid)
	if err != nil {
		return err
	}
	defer func() { _ = second.Process.Kill(); _ = second.Wait() }()
	before := r.Snapshot().Host.UptimeNS
	if err := r.Pass(ctx); err != nil {
		return err
	}
	if err := r.compare(was, second, before); err != nil {
		return err
	}
	// Its last event, with what its last threads used, comes when the kernel lets it go.
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := r.remembered(was)
		if err == nil || r.Pass(ctx) != nil {
			return err
		}
	}
}

// compare looks for anything that the second has of the first.
func (r *reused) compare(was *k2i.Process, second *exec.Cmd, before int64) error {
	snap := r.Snapshot()
	is := snap.Find(was.PID)
	elapsed := float64(snap.Host.UptimeNS - before)
	switch {
	case is == nil || is.Key() == was.Key() || is.Comm != "sleep" || !slices.Equal(is.Args, second.Args) || is.Exe == was.Exe:
		return fmt.Errorf("the second is %+v", is)
	case is.CPUNS >= was.CPUNS || is.UnixTxBytes > 0 || is.NetTxBytes > 0:
		return fmt.Errorf("the second has counters of the first: %+v", is)
	case !is.RCPU.Known() || float64(is.RCPU)*elapsed > float64(is.CPUNS)*1.5+20e6:
		return fmt.Errorf("the second used %d ns and its rate is %v over %v ns", is.CPUNS, is.RCPU, elapsed)
	case is.ContainerID != "" || is.Ended() || is.ExitCode != k2i.Unread || is.EndSignal != k2i.Unread:
		return fmt.Errorf("the second is in a container, or has ended: %+v", is)
	}
	return nil
}

// remembered is nil when the first is among those that ended, with all it had.
func (r *reused) remembered(was *k2i.Process) error {
	snap := r.Snapshot()
	at := slices.IndexFunc(snap.Exited, func(p *k2i.Process) bool { return p.Key() == was.Key() })
	if at < 0 {
		return fmt.Errorf("the first is not remembered among %d", len(snap.Exited))
	}
	if p := snap.Exited[at]; !slices.Equal(p.Args, was.Args) || p.CPUNS < was.CPUNS || p.ContainerID != was.ContainerID ||
		r.mode == k2i.ModeBPF && p.UnixTxBytes != was.UnixTxBytes {
		return fmt.Errorf("the first is remembered with %q, %d ns, container %q, %d bytes sent; it had %q, %d ns, %q, %d bytes",
			p.Args, p.CPUNS, p.ContainerID, p.UnixTxBytes, was.Args, was.CPUNS, was.ContainerID, was.UnixTxBytes)
	}
	return nil
}

// errTaken is told where a thread of this process has the pid, and keeps it.
var errTaken = errors.New("a thread took it")

// takePID starts a process that has a pid. Threads of this one take pids as well.
func takePID(ctx context.Context, pid int) (*exec.Cmd, error) {
	for range 100 {
		if _, err := os.Stat(fmt.Sprint("/proc/self/task/", pid)); err == nil {
			return nil, errTaken
		}
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, "sleep", "1000")
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		if cmd.Process.Pid == pid {
			// Start does not wait for a program's arguments; this does.
			_ = cmd.Process.Signal(unix.SIGSTOP)
			_, err := unix.Wait4(pid, nil, unix.WUNTRACED, nil)
			return cmd, err
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}
	return nil, fmt.Errorf("nobody got pid %d again", pid)
}

// enter puts a process into a cgroup as docker names them, where that is possible.
func (r *reused) enter(pid int) (leave func()) {
	id := make([]byte, 32)
	for i := range id {
		id[i] = byte(os.Getppid() + pid + i*7)
	}
	r.id = hex.EncodeToString(id)
	root := "/sys/fs/cgroup"
	if controller := r.fs.CgroupController(); controller != "" {
		root = filepath.Join(root, controller)
	} else if _, err := os.Stat(root + "/unified"); err == nil {
		root += "/unified"
	}
	dir := filepath.Join(root, "ddcos-reuse", "docker", r.id)
	if os.MkdirAll(dir, 0o755) != nil {
		return func() {}
	}
	r.contained = os.WriteFile(dir+"/cgroup.procs", []byte(strconv.Itoa(pid)), 0) == nil
	return func() {
		for range 3 {
			_ = os.Remove(dir)
			dir = filepath.Dir(dir)
		}
	}
}

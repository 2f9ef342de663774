package probe

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// TestInNamespace looks at a fresh PID namespace from its inside, by lookAround.
func TestInNamespace(t *testing.T) {
	openProbe(t) // where there is none, there is nothing to see
	cmd := childOf("namespace", "")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "seen as it is" {
		t.Errorf("%v\n%s", err, out)
	}
}

// lookAround is the first process of a PID namespace. It ends with what it
// found, and the namespace with it.
func lookAround(string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	pids := map[string]int{"self": os.Getpid()}
	for name, attr := range map[string]*syscall.SysProcAttr{"plain": nil, "group": {Setpgid: true}, "session": {Setsid: true}, "inner": {Cloneflags: unix.CLONE_NEWPID}} {
		pid, err := start(childOf("idle", ""), attr)
		if err != nil {
			return err
		}
		pids[name] = pid
	}
	if err := seenFromInside(context.Background(), pids); err != nil {
		return err
	}
	fmt.Println("seen as it is")
	os.Exit(0)
	return nil
}

// seenFromInside compares both roads with what was started.
func seenFromInside(ctx context.Context, pids map[string]int) error {
	fs, err := procfs.New(ctx, procfs.DefaultRoot)
	if err != nil {
		return err
	}
	opts := DefaultOptions()
	opts.CgroupController, opts.Iterate = fs.CgroupController(), iterating()
	p, err := Open(opts)
	if err != nil {
		return err
	}
	bpf, err := p.Read(ctx)
	if err != nil {
		return err
	}
	proc, err := fs.Read(ctx)
	if err != nil {
		return err
	}
	seldom := procfs.NewSeldom(fs)
	seldom.Fill(bpf)
	seldom.Fill(proc)
	if proc.Visibility != k2i.VisibilityNamespace {
		return fmt.Errorf("visibility %s", proc.Visibility)
	}
	for i := range proc.Processes {
		if row := proc.Processes[i]; row.PID != int32(os.Getpid()) {
			if i >= len(bpf.Processes) {
				return fmt.Errorf("BPF has %d processes, procfs %d", len(bpf.Processes), len(proc.Processes))
			}
			if d := differences(*bpf.Processes[i], *row); len(d) > 0 {
				return fmt.Errorf("process %d: %s", row.PID, strings.Join(d, "; "))
			}
		}
	}
	for _, sample := range []*k2i.Sample{bpf, proc} {
		if err := asStarted(sample, pids); err != nil {
			return fmt.Errorf("by %s: %w", sample.Mode, err)
		}
	}
	return nil
}

// asStarted tells whether a sample has the processes that were started, with
// the numbers of their namespace, and no others.
func asStarted(sample *k2i.Sample, pids map[string]int) error {
	if len(sample.Processes) != len(pids) {
		return fmt.Errorf("%d processes, want %d: %+v", len(sample.Processes), len(pids), sample.Processes)
	}
	for name, pid := range pids {
		found := false
		for _, p := range sample.Processes {
			if int(p.PID) != pid {
				continue
			}
			found = true
			// What is outside of the namespace has no number in it.
			ppid, pgid, sid := int32(1), int32(0), int32(0)
			switch name {
			case "self":
				ppid = 0
			case "group":
				pgid = p.PID
			case "session":
				pgid, sid = p.PID, p.PID
			}
			if p.PID > 100 || p.PPID != ppid || p.PGID != pgid || p.SID != sid {
				return fmt.Errorf("%s is pid %d, ppid %d, pgid %d, sid %d; want ppid %d, pgid %d, sid %d", name, p.PID, p.PPID, p.PGID, p.SID, ppid, pgid, sid)
			}
		}
		if !found {
			return fmt.Errorf("no process %d (%s)", pid, name)
		}
	}
	return nil
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/bench/crowd"
	"ddcos/k2i"
)

const (
	chargeEach  = 20         // short-lived processes of each kind
	chargeLoops = 60_000_000 // some 20 ms of a CPU
)

// spent is a process that has ended, and the CPU time that wait(2) told of it.
type spent struct {
	pid int
	cpu time.Duration
}

// charge compares the CPU times of processes that lived for some milliseconds.
func (o K2iOptions) charge(ctx context.Context) (figures []Figure, err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // programs of a hundred bytes
	programs := map[string]crowd.Code{"short": crowd.Burner(chargeLoops, 5), "daemon": crowd.Daemon(chargeLoops, 5)}
	err = o.withAgent(ctx, nil, func(a *k2iAgent) error {
		for _, kind := range []string{"short", "daemon"} {
			path, err := programs[kind].Install(dir, kind)
			if err != nil {
				return err
			}
			g := newGathered()
			var all []spent
			for range chargeEach {
				some, err := spend(path, kind == "daemon")
				if err != nil {
					return err
				}
				all = append(all, some...)
				if err := g.gather(ctx, a); err != nil {
					return err
				}
			}
			if err := pause(ctx, time.Now().Add(gatherSlack)); err != nil { // its whole time is told after a while
				return err
			}
			if err := g.gather(ctx, a); err != nil {
				return err
			}
			figures = append(figures, chargeFigures(kind, all, g)...)
		}
		return nil
	})
	return figures, err
}

// spend runs a program, and takes what it leaves behind.
func spend(path string, daemon bool) (all []spent, err error) {
	if daemon {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)) }()
	}
	group, err := syscall.ForkExec(path, []string{path}, &syscall.ProcAttr{Dir: "/", Sys: &syscall.SysProcAttr{Setpgid: true}})
	if err != nil {
		return nil, err
	}
	for {
		var used syscall.Rusage
		pid, err := syscall.Wait4(-group, nil, 0, &used)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.ECHILD):
			return all, nil
		case err != nil:
			return nil, err
		default:
			all = append(all, spent{pid, time.Duration(used.Utime.Nano() + used.Stime.Nano())})
		}
	}
}

// chargeFigures compares them one by one; of the parents of daemons, which take
// next to nothing, it only looks that they are there.
func chargeFigures(kind string, all []spent, g *gathered) []Figure {
	byPID := map[int]*k2i.Process{}
	for _, p := range g.rows {
		if p.Comm == kind {
			byPID[int(p.PID)] = p
		}
	}
	missing, worst := 0, 0.0
	for _, s := range all {
		p := byPID[s.pid]
		if p == nil {
			missing++
			continue
		}
		if s.cpu > time.Millisecond {
			worst = max(worst, 100*math.Abs(float64(p.CPUNS)/float64(s.cpu)-1))
		}
	}
	note := fmt.Sprintf("%s: %d processes", kind, len(all))
	return []Figure{
		{Name: "k2i-charge-" + kind + "-missing", Unit: "processes", Value: float64(missing), Note: note},
		{Name: "k2i-charge-" + kind + "-off", Unit: "%", Value: worst, Note: note + ", the one whose CPU time is farthest from what wait(2) told"},
	}
}

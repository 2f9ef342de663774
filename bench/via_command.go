package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ddcos/bench/sshd"
)

// viaCommand is one of the two, and what its turns took.
type viaCommand struct {
	name string
	argv []string

	out  bytes.Buffer // what it printed last
	said tail         // on standard error

	took []float64     // of each turn, ms
	cpu  time.Duration // of all turns, here and on the hosts
}

// run runs it to its end.
func (c *viaCommand) run(ctx context.Context) error {
	// The kernel sends Pdeathsig when the thread that started the command ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	c.out.Reset()
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), "DDCOS_BROKER=", "DDCOS_AGENTS=", "DDCOS_CONFIG=/dev/null"), &c.out, &c.said
	// The whole group is ended: a shell lets what it runs beside itself ignore an interrupt.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = stopWithin
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s: %w: %s", ErrWrong, c.name, err, c.said.lastLine())
	}
	return nil
}

// turn is a run that is measured. What the servers wait for when it has ended is no part of its
// time, and is a part of its CPU time.
func (c *viaCommand) turn(ctx context.Context, hosts *sshd.Hosts) error {
	there, err := hosts.Used()
	if err != nil {
		return err
	}
	here, err := usedHere()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := c.run(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	hereThen, err := usedHere()
	if err := errors.Join(err, hosts.Rest(ctx)); err != nil {
		return err
	}
	thereThen, err := hosts.Used()
	c.took = append(c.took, milliseconds(took.Nanoseconds()))
	c.cpu += hereThen - here + thereThen - there
	return err
}

// usedHere is the CPU time of this process and of all that it has waited for.
func usedHere() (sum time.Duration, err error) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var used syscall.Rusage
		if err := syscall.Getrusage(who, &used); err != nil {
			return 0, err
		}
		sum += time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	return sum, nil
}

// tableByMemory finds what keeps dps's text from being one table of the hosts, each with so many
// processes at least, that has those first that take most memory.
func tableByMemory(text string, hosts []string, processes int) error {
	head, rest, _ := strings.Cut(text, "\n")
	titles := strings.Fields(head)
	rss := slices.Index(titles, "RSS")
	if len(titles) == 0 || titles[0] != "HOST" || rss < 0 {
		return fmt.Errorf("%w: a table that begins with HOST and has RSS, not %.200q", ErrWrong, head)
	}
	rows, before := map[string]int{}, int64(-1)
	for line := range strings.Lines(rest) {
		fields := strings.Fields(line)
		if len(fields) <= rss || !slices.Contains(hosts, fields[0]) {
			return fmt.Errorf("%w: no row of any of the hosts: %.200q", ErrWrong, line)
		}
		now, err := strconv.ParseInt(fields[rss], 10, 64)
		if err != nil {
			return fmt.Errorf("%w: no memory in %.200q: %w", ErrWrong, line, err)
		}
		if before >= 0 && now > before {
			return fmt.Errorf("%w: below a row with %d of memory stands %.200q", ErrWrong, before, line)
		}
		rows[fields[0]], before = rows[fields[0]]+1, now
	}
	for _, host := range hosts {
		if least := max(processes, 1); rows[host] < least {
			return fmt.Errorf("%w: the table has %d processes of %s, which has %d at least", ErrWrong, rows[host], host, least)
		}
	}
	return nil
}

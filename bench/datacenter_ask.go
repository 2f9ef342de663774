package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// asked is what one run of dps printed, and took.
type asked struct {
	rows         []string // host and pid
	said         string   // on standard error
	status       int
	first, whole time.Duration
	resident     int64 // bytes, at most
}

// listing is what dps is asked for: the processes that use most CPU.
func (d *datacenter) listing() []string {
	return []string{"--sort=-rcpu", "--limit", fmt.Sprint(d.o.Limit), "-eo", "host=,pid="}
}

// dps asks all hosts.
func (d *datacenter) dps(ctx context.Context, options ...string) (*asked, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	options = append([]string{"--broker", d.subject.address.String(), "--deadline", d.o.Deadline.String()}, options...)
	cmd := exec.CommandContext(ctx, filepath.Join(d.o.Bin, "dps"), options...) //nolint:gosec // ours
	cmd.Env = append(os.Environ(), "DDCOS_CONFIG=")
	began := time.Now()
	out := &stopwatch{began: began}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &said
	err := cmd.Run()
	a := &asked{whole: time.Since(began), first: out.first, said: said.String()}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("dps: %w", err)
	}
	a.status = cmd.ProcessState.ExitCode()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		a.resident = usage.Maxrss << 10
	}
	for line := range strings.Lines(out.text.String()) {
		a.rows = append(a.rows, strings.Join(strings.Fields(line), " "))
	}
	return a, nil
}

// stopwatch notes when the first byte was written to it.
type stopwatch struct {
	began time.Time
	first time.Duration
	text  bytes.Buffer
}

func (s *stopwatch) Write(b []byte) (int, error) {
	if s.text.Len() == 0 {
		s.first = time.Since(s.began)
	}
	return s.text.Write(b)
}

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	k2ifleet "ddcos/k2i/fleet"
	"ddcos/k2i/query"
	k2iwire "ddcos/k2i/wire"
)

const (
	programSyscall = "31" // BPF_PROG_TYPE_SYSCALL, of the kernel

	agentTimeout = 30 * time.Second // until an agent has its first sample
	maxMetrics   = 16 << 20         // bytes of an answer to a scrape
)

// k2iAgent is the program k2i, as anybody starts it.
type k2iAgent struct {
	*program
	http   *http.Client
	source k2ifleet.Source
}

// withAgent starts an agent, lets with use it, and ends it.
func (o K2iOptions) withAgent(ctx context.Context, args []string, with func(a *k2iAgent) error) (err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	a, err := o.startAgent(ctx, filepath.Join(dir, "k2i.sock"), args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.stop()) }()
	if err := with(a); err != nil {
		return errors.Join(err, a.ended())
	}
	return nil
}

func (o K2iOptions) startAgent(ctx context.Context, socket string, args []string) (*k2iAgent, error) {
	path := filepath.Join(o.Bin, "k2i")
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%s: %w: run 'make build'", path, os.ErrNotExist)
	}
	source, err := k2ifleet.Agents([]string{"unix://" + socket}, nil)
	if err != nil {
		return nil, err
	}
	p, err := launch(nil, []string{"DDCOS_BROKER="}, path, append([]string{"serve", "--listen", "unix://" + socket, "--name", "bench"}, args...)...)
	if err != nil {
		return nil, err
	}
	a := &k2iAgent{program: p, source: source, http: &http.Client{Timeout: agentTimeout, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}}
	ctx, cancel := context.WithTimeout(ctx, agentTimeout)
	defer cancel()
	if err := p.await(ctx, func() error { _, err := a.get(ctx, "/healthz"); return err }); err != nil {
		return nil, errors.Join(err, a.stop())
	}
	return a, nil
}

// get is the body of a path's answer; an error where it is not 200.
func (a *k2iAgent) get(ctx context.Context, path string) ([]byte, error) {
	return fetch(ctx, a.http, "http://localhost"+path)
}

// fetch reads one answer over HTTP.
func fetch(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxMetrics))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s says %s: %.200s", url, response.Status, body)
	}
	return body, err
}

// ask puts a question to the agent as dps does.
func (a *k2iAgent) ask(ctx context.Context, q query.Query) (*k2iwire.Answer, error) {
	replies, err := a.source.Ask(ctx, k2iwire.Request{Query: q})
	if err != nil {
		return nil, err
	}
	if replies[0].Status != k2ifleet.StatusOK {
		return nil, fmt.Errorf("k2i is %s: %s", replies[0].Status, replies[0].Err)
	}
	return replies[0].Answer, nil
}

// cpuTime is what all threads of a process have used, dead ones too, exact to the nanosecond.
func (p *program) cpuTime() (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED: the clock that runs while it is on a CPU
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^p.cmd.Process.Pid)<<3|scheduler, &ts); err != nil {
		return 0, fmt.Errorf("CPU time of %s: %w", p.name, errors.Join(err, p.ended()))
	}
	return time.Duration(ts.Nano()), nil
}

// tracing is how long the BPF programs of a process have run in other processes, as the
// kernel counts it while it is told to: those that are neither iterators nor system calls,
// whose time is their caller's.
func (p *program) tracing() (time.Duration, error) {
	dir := fmt.Sprintf("/proc/%d/fdinfo", p.cmd.Process.Pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	ran, iterators := map[string]time.Duration{}, map[string]bool{}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			continue // it was a connection's
		}
		id := fdinfo(text, "prog_id")
		switch {
		case id == "", fdinfo(text, "prog_type") == programSyscall:
		case fdinfo(text, "link_type") == "iter":
			iterators[id] = true
		case fdinfo(text, "run_time_ns") != "":
			ns, err := strconv.ParseInt(fdinfo(text, "run_time_ns"), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", dir, err)
			}
			ran[id] = time.Duration(ns)
		}
	}
	var sum time.Duration
	for id, d := range ran {
		if !iterators[id] {
			sum += d
		}
	}
	return sum, nil
}

// fdinfo is the value of a line of a descriptor's file in /proc.
func fdinfo(text []byte, name string) string {
	for line := range bytes.Lines(text) {
		if key, value, found := bytes.Cut(line, []byte(":")); found && string(key) == name {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

// countBPF has the kernel measure BPF programs, until the returned function is called.
// That costs each run of one some tens of nanoseconds more.
func countBPF() (restore func(), err error) {
	const file = "/proc/sys/kernel/bpf_stats_enabled"
	before, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte("1"), 0)
	}
	if err != nil {
		return func() {}, err
	}
	return func() { _ = os.WriteFile(file, before, 0) }, nil
}

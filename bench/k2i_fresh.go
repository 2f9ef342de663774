package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"time"

	"ddcos/bench/crowd"
)

// freshAge is how long an exec may take to be seen at most; more is an error of the measurement.
const freshAge = 10 * time.Second

// freshness measures how long a program that is started takes until its row can be read.
func (o K2iOptions) freshness(ctx context.Context) (figures []Figure, err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a program of a hundred bytes
	program, err := crowd.Sleeper(0).Install(dir, "fresh")
	if err != nil {
		return nil, err
	}
	var ms []float64
	err = o.among(ctx, o.Processes, 1, func() error {
		return o.withAgent(ctx, nil, func(a *k2iAgent) error {
			for range o.Execs {
				// The agent looks at a beat of its own, which must not be met.
				if err := pause(ctx, time.Now().Add(rand.N(60*time.Millisecond))); err != nil {
					return err
				}
				took, err := a.sees(ctx, program)
				if err != nil {
					return err
				}
				ms = append(ms, milliseconds(took.Nanoseconds()))
			}
			return nil
		})
	})
	note := fmt.Sprintf("%d execs among %d processes, from before the fork until GET /v1/proc/{pid} has the new name", len(ms), o.Processes)
	return []Figure{
		{Name: "k2i-fresh-p50", Unit: "ms", Value: quantile(ms, 0.5), Note: note},
		{Name: "k2i-fresh-p99", Unit: "ms", Value: quantile(ms, 0.99), Note: note},
	}, err
}

// sees starts a program and asks until its row is there.
func (a *k2iAgent) sees(ctx context.Context, program string) (time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, freshAge, fmt.Errorf("a program was not seen within %v", freshAge))
	defer cancel()
	began := time.Now()
	pid, err := syscall.ForkExec(program, []string{program, "--of", "bench"}, &syscall.ProcAttr{Dir: "/", Sys: &syscall.SysProcAttr{Setpgid: true}})
	if err != nil {
		return 0, err
	}
	defer func() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = syscall.Wait4(pid, nil, 0, nil)
	}()
	for {
		var row struct{ Process struct{ Comm string } }
		body, err := a.get(ctx, fmt.Sprintf("/v1/proc/%d", pid))
		if err == nil {
			err = json.Unmarshal(body, &row)
		}
		if err == nil && row.Process.Comm == "fresh" {
			return time.Since(began), nil
		}
		if pause(ctx, time.Now().Add(500*time.Microsecond)) != nil {
			return 0, context.Cause(ctx)
		}
	}
}

// quantile is the smallest value that so many of them do not exceed; 0 of none.
func quantile(of []float64, share float64) float64 {
	if len(of) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(of))
	return s[max(0, int(math.Ceil(share*float64(len(s))))-1)]
}

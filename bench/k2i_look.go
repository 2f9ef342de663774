package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"ddcos/k2i"
	k2iagent "ddcos/k2i/agent"
)

// LookOptions say how [Look] looks.
type LookOptions struct {
	Mode string    // bpf or procfs
	In   io.Reader // a pass for each line of it
	Out  io.Writer // and a line of what it took
}

// Look makes a pass of the agent, from the kernel to the published snapshot, for each line that it
// reads, and answers with the processes, the nanoseconds and the allocations of it.
func Look(ctx context.Context, o LookOptions) (err error) {
	options := k2iagent.DefaultOptions()
	options.Mode = k2i.Mode(o.Mode)
	a, err := k2iagent.New(ctx, options)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	defer func() { _ = a.Close() }() // nothing is read any more
	var before, after runtime.MemStats
	for asked := bufio.NewScanner(o.In); asked.Scan(); {
		runtime.ReadMemStats(&before)
		began := time.Now()
		if err := a.Pass(ctx); err != nil {
			return err
		}
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		if _, err := fmt.Fprintln(o.Out, len(a.Snapshot().Processes), took.Nanoseconds(), after.Mallocs-before.Mallocs); err != nil {
			return err
		}
	}
	return nil
}

// Command bench shows ddcos at work and measures it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"ddcos/bench/crowd"
	"ddcos/bench/hosts"
)

// Exit statuses, as --help tells them.
const (
	exitFailure = 1
	exitMisuse  = 2
)

func main() {
	hosts.Main() // never returns where this process is a host's first
	crowd.Main() // nor where it keeps a crowd
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second interrupt ends at once: the kernel cleans up
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the whole command but for the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintf(stderr, "bench: %s\n", oneLine(err))
	return statusOf(err)
}

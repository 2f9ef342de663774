// Command dps shows the processes of many hosts as ps shows those of one.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"ddcos/dps"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the whole command but for the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	status := dps.ExitOK
	root := newRoot(&status)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var misused *dps.UsageError
	switch {
	case err == nil:
		return status
	case errors.As(err, &misused):
		fmt.Fprintln(stderr, err)
		return misused.Status()
	}
	fmt.Fprintf(stderr, "dps: %v\n", err)
	return dps.ExitFailed
}

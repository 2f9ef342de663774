// Command middlecon runs a broker and speaks to one: join, call, members, watch.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Exit statuses, as --help tells them.
const (
	exitNotMet      = 1 // the rule is not met, or something failed
	exitMisuse      = 2
	exitUnreachable = 3 // no broker answers
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends at once
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the whole command but for the process around it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot(stdin, stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var silent statusError
	if errors.As(err, &silent) {
		return int(silent)
	}
	_, _ = fmt.Fprintf(stderr, "middlecon: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	return statusOf(err)
}

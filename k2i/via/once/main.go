// Command k2i-once answers one question about this host and ends. It is what
// dps --via carries over, so it is small: no server, no flags. The question is a
// wire.Request in the environment; standard output has a line with the answer's
// length in bytes, and the answer.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"ddcos/k2i/wire"
)

// patience is how long a look may take: whoever asked may be gone without a word.
const patience = time.Minute

// heap is what a look at a host of some ten thousand processes takes; below it no
// garbage is collected.
const heap = 128 << 20 // bytes

func main() {
	if os.Getenv(wire.RequestVariable) != "" {
		_ = os.Remove(os.Args[0]) // else the shell that started it does
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(heap)
	if err := run(ctx, os.Getenv(wire.RequestVariable), os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "k2i-once: %v\n", err)
		os.Exit(1)
	}
}

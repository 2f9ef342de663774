package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// ErrWorker: there is no worker of that name.
var ErrWorker = errors.New("no such worker: have web, db")

// What the db worker costs: busy for so long once a period, so 1 % of a core, and so much memory.
const (
	dbPeriod = 200 * time.Millisecond
	dbBusy   = 2 * time.Millisecond
	dbMemory = 24 << 20 // bytes
)

// Worker is something for the process table to show: "web" listens on an address and waits, "db"
// holds some memory and uses a little of a CPU. It runs until the context ends.
func Worker(ctx context.Context, name, listen string) error {
	work := map[string]func() error{
		"web": func() error { return serveWeb(ctx, listen) },
		"db":  func() error { return serveDB(ctx) },
	}[name]
	if work == nil {
		return fmt.Errorf("%w: not %q", ErrWorker, name)
	}
	// A process may name itself; this is what the table's COMMAND shows.
	if err := os.WriteFile("/proc/self/comm", []byte(name), 0); err != nil {
		return err
	}
	return work()
}

func serveWeb(ctx context.Context, listen string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", listen, err)
	}
	server := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: 2 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func serveDB(ctx context.Context) error {
	table := make([]byte, dbMemory)
	tick := time.NewTicker(dbPeriod)
	defer tick.Stop()
	for turn := byte(1); ; turn++ {
		for start := time.Now(); time.Since(start) < dbBusy; {
			for i := 0; i < len(table); i += os.Getpagesize() { // every page, so that it is resident
				table[i] = turn
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

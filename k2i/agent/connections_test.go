package agent

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"ddcos/k2i"
)

// By either road an agent finds both ends of a connection of this process.
func TestConnections(t *testing.T) {
	x, _ := connected(t)
	for _, mode := range []k2i.Mode{k2i.ModeBPF, k2i.ModeProcfs} {
		options := DefaultOptions()
		options.Mode, options.Events = mode, k2i.EventsNone
		a, err := New(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		look := func() (*k2i.Connections, error) {
			return a.Connections(t.Context(), k2i.ConnectionFilter{PIDs: []int32{int32(os.Getpid())}, States: []string{"established"}})
		}
		c, err := look()
		for deadline := time.Now().Add(patience); errors.Is(err, context.DeadlineExceeded) && time.Now().Before(deadline); {
			c, err = look() // a busy kernel takes longer than a look may to check the first one's programs
		}
		if err != nil || c.Mode != mode || c.Truncated || c.TookNS <= 0 {
			t.Fatalf("%+v, %v", c, err)
		}
		ends := 0
		for _, row := range c.Rows {
			if row.LocalAddr+" "+row.RemoteAddr == "127.0.0.1 127.0.0.1" && row.StartTicks > 0 && row.Comm != "" {
				ends++
			}
		}
		if ends < 2 {
			t.Errorf("%s: %s is not found with both ends: %+v", mode, x.LocalAddr(), c.Rows)
		}
		testTurns(t, a)
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

// testTurns looks while somebody else has the turn, and when that one is done.
func testTurns(t *testing.T, a *Agent) {
	t.Helper()
	a.looks.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Connections(ctx, k2i.ConnectionFilter{}); !errors.Is(err, context.Canceled) {
		t.Errorf("out of turn: %v", err)
	}
	<-a.looks.turn
	if c, err := a.Connections(t.Context(), k2i.ConnectionFilter{Limit: 1}); err != nil || len(c.Rows) != 1 || !c.Truncated {
		t.Errorf("in turn: %+v, %v", c, err)
	}
}

// A single look that samples twice knows what this process does meanwhile.
func TestTwice(t *testing.T) {
	done := make(chan struct{})
	defer close(done)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
		}
	}()
	for _, mode := range []k2i.Mode{k2i.ModeBPF, k2i.ModeProcfs} {
		options := DefaultOptions()
		options.Mode = mode
		snap, err := Twice(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range snap.Processes {
			if p.PID == int32(os.Getpid()) && (!p.RCPU.Known() || p.RCPU <= 0) {
				t.Errorf("%s: this process uses %v CPUs", mode, p.RCPU)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Twice(ctx, DefaultOptions()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Package started runs brokers for tests to talk to.
package started

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"ddcos/middlecon/broker"
	"ddcos/protocol"
)

// Broker is one that serves until Stop, or else the end of the test.
type Broker struct {
	*broker.Broker
	Ended chan struct{} // closed when Serve has returned
	Stop  func()        // returns when it has; once more it does nothing
}

// With serves with these options. An error of Serve is the test's.
func With(t testing.TB, options broker.Options) *Broker {
	t.Helper()
	b, err := broker.New(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	run := &Broker{Broker: b, Ended: make(chan struct{})}
	go func() {
		defer close(run.Ended)
		if err := b.Serve(ctx); err != nil {
			t.Errorf("Serve: %v", err)
		}
	}()
	run.Stop = sync.OnceFunc(func() { cancel(); <-run.Ended })
	t.Cleanup(run.Stop)
	return run
}

// At serves as by default, at these addresses.
func At(t testing.TB, listen ...protocol.Address) *Broker {
	t.Helper()
	options := broker.DefaultOptions()
	options.Listen = listen
	return With(t, options)
}

// Unix serves on a socket of its own.
func Unix(t testing.TB) (b *Broker, address string) {
	t.Helper()
	b = At(t, protocol.Address{Network: "unix", Where: filepath.Join(t.TempDir(), "m.sock")})
	return b, b.Addresses()[0].String()
}

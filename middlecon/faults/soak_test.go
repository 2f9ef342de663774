package faults

import (
	"cmp"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"ddcos/middlecon"
)

// progress is told on stderr: a soak takes a while.
func (w *world) progress(format string, args ...any) {
	if soaking() {
		fmt.Fprintf(os.Stderr, w.Name()+": "+format+"\n", args...)
	}
}

// TestMixed (fault 34): everything at random, over real processes. FAULTS_SEED=N
// begins with that seed; each round is another world.
func TestMixed(t *testing.T) {
	var seed uint64
	if _, err := fmt.Sscan(cmp.Or(os.Getenv("FAULTS_SEED"), fmt.Sprint(time.Now().Unix())), &seed); err != nil {
		t.Fatalf("FAULTS_SEED: %v", err)
	}
	for i := range uint64(sized(1, 6)) {
		t.Run(fmt.Sprintf("FAULTS_SEED=%d", seed+i), func(t *testing.T) {
			w := begin(t, setup{})
			w.baseline()
			w.mixed(sized(15, 600), seed+i)
			w.finish()
			w.progress("%d calls, %d lines of journals", len(w.h.Calls), len(w.h.Lines))
		})
	}
}

// TestNothingIsLeft (fault 33): many requests and many sessions leave no
// goroutine, no file and no memory behind.
func TestNothingIsLeft(t *testing.T) {
	w := begin(t, setup{env: []string{"GOGC=50"}})
	w.baseline()
	requests, connects := sized(2_000, 100_000), sized(500, 10_000)
	w.load(requests/10, connects/10)
	before := w.heap()
	w.load(requests, connects)
	after := w.heap()
	w.progress("%d requests and %d connects: the heap had %d KiB before and %d after", requests, connects, before>>10, after>>10)
	if after > before+before/2+8<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
	w.sample(false)
	w.quiet()
	for _, f := range Check(&History{Samples: w.h.Samples, Idle: w.h.Idle}) {
		t.Error(f)
	}
}

// load makes so many calls of four callers, and so many sessions that join and
// leave another room or end without a word. None of the calls is kept.
func (w *world) load(requests, connects int) {
	w.Helper()
	var work sync.WaitGroup
	for range 4 {
		conn, err := middlecon.Dial(w.Context(), w.broker.socket, middlecon.Options{Timeout: patience})
		if err != nil {
			w.Fatal(err)
		}
		work.Go(func() {
			defer func() { _ = conn.Close() }()
			for n := range requests / 4 {
				if _, err := conn.Call(w.Context(), "other", []byte("x"), middlecon.CallOptions{Deadline: patience}); err != nil {
					w.Errorf("call %d: %v", n, err)
					return
				}
				if n%10_000 == 9_999 {
					w.progress("%d calls of one caller", n+1)
				}
			}
		})
	}
	for i := range 2 {
		work.Go(func() {
			for n := range connects / 2 {
				if err := w.visit(fmt.Sprintf("visitor%d-%d", i, n%50), n%2 == 0); err != nil {
					w.Errorf("visit %d: %v", n, err)
					return
				}
			}
		})
	}
	work.Wait()
}

// visit is one short session.
func (w *world) visit(name string, leave bool) error {
	conn, err := middlecon.Dial(w.Context(), w.broker.socket, middlecon.Options{Timeout: patience})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	m := &member{name: name}
	in, err := conn.Join(w.Context(), "other", middlecon.Member{Name: name}, m.echo)
	if err != nil || !leave {
		return onlyTaken(err) // the one before is being lost
	}
	return in.Leave(w.Context())
}

// heap is what the broker's heap holds, the least of several looks: a collector
// comes by in between.
func (w *world) heap() (least int) {
	w.Helper()
	for range 10 {
		w.load(200, 20)
		now := int(w.broker.metrics(w)["go_memstats_heap_alloc_bytes"])
		if least == 0 || now < least {
			least = now
		}
	}
	return least
}

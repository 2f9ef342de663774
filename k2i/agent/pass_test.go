package agent

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"ddcos/k2i"
)

// heldRoad hands a sample over when it is told to, long after it looked.
type heldRoad struct {
	road
	looked, let chan struct{}
}

func (r *heldRoad) read(ctx context.Context, last *k2i.Sample) (*k2i.Sample, error) {
	sample, err := r.road.read(ctx, last)
	r.looked <- struct{}{}
	<-r.let
	return sample, err
}

// What happens while a sample is being taken is told at once, and still stands
// when the sample, which does not have it, is there.
func TestEventsDoNotWaitForAPass(t *testing.T) {
	options := DefaultOptions()
	options.Interval = 50 * time.Millisecond
	a, err := New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	held := &heldRoad{road: a.road, looked: make(chan struct{}, 16), let: make(chan struct{}, 16)}
	a.road = held
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	defer func() {
		cancel()
		close(held.let)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	held.let <- struct{}{} // the first
	<-held.looked
	<-held.looked // the second is being taken, and has been read
	before := until(t, a, "a first snapshot", func(*k2i.Snapshot) bool { return true }).At
	lives, ends := exec.CommandContext(t.Context(), "sleep", "600"), exec.CommandContext(t.Context(), "true")
	for _, cmd := range []*exec.Cmd{lives, ends} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		_ = lives.Process.Kill()
		_ = lives.Wait() // it was killed
	}()
	if err := ends.Wait(); err != nil {
		t.Fatal(err)
	}
	both := func(s *k2i.Snapshot) bool {
		p, q := s.Find(int32(lives.Process.Pid)), s.Find(int32(ends.Process.Pid))
		return p != nil && p.Comm == "sleep" && q != nil && q.Ended()
	}
	if s := until(t, a, "both of them", both); !s.At.Equal(before) {
		t.Errorf("a sample of %v has come, and nobody let it", s.At)
	}
	held.let <- struct{}{}
	if s := until(t, a, "the second sample", func(s *k2i.Snapshot) bool { return s.At.After(before) }); !both(s) {
		t.Error("the sample has taken back what was told before")
	}
}

// A sample that fails leaves nothing behind of what was kept for it.
func TestEventsOfAFailedPass(t *testing.T) {
	a, err := New(t.Context(), DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	a.pass(t.Context())
	failing := &failingRoad{road: a.road, err: context.DeadlineExceeded}
	a.road = failing
	a.pass(t.Context())
	failing.err = nil
	if a.taking != nil || a.live.Room() < k2i.MaxRecent || a.Stats().Failures != 1 {
		t.Errorf("%+v", a.Stats())
	}
	a.pass(t.Context())
	if a.Stats().Passes != 2 {
		t.Errorf("%+v", a.Stats())
	}
}

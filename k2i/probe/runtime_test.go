package probe

import (
	"errors"
	"io"
	"os/exec"
	"testing"
	"time"
)

type closerFunc func() error

func (f closerFunc) Close() error { return f() }

// TestSpotCheck: what was measured for five seconds counts for the half minute after them too.
func TestSpotCheck(t *testing.T) {
	var ran time.Duration
	open := 0
	s := &spotCheck{
		begin: func() (io.Closer, error) {
			open++
			return closerFunc(func() error { open--; return nil }), nil
		},
		sum: func() (time.Duration, error) { return ran, nil },
	}
	at := time.Unix(1000, 0)
	look := func(after time.Duration) (time.Duration, bool) {
		at = at.Add(after)
		return s.look(at)
	}
	if total, known := look(0); total != 0 || known || open != 1 {
		t.Errorf("at first %v, %v, %d open", total, known, open)
	}
	ran = 50 * time.Millisecond // in 5 s: a hundredth of the time
	if total, known := look(5 * time.Second); total != 0 || !known || open != 0 {
		t.Errorf("after a check %v, %v, %d open", total, known, open)
	}
	ran = time.Hour // nobody measures
	if total, _ := look(20 * time.Second); total != 200*time.Millisecond || open != 0 {
		t.Errorf("later %v, %d open", total, open)
	}
	if total, _ := look(10 * time.Second); total != 300*time.Millisecond || open != 1 {
		t.Errorf("when it is due again %v, %d open", total, open)
	}
	s.close()
	s.close()
	if open != 0 {
		t.Errorf("%d stay open", open)
	}
}

func TestSpotCheckRefused(t *testing.T) {
	asked := 0
	s := &spotCheck{begin: func() (io.Closer, error) { asked++; return nil, errors.New("refused") }}
	for i := range 4 {
		if _, known := s.look(time.Unix(int64(1000+20*i), 0)); known {
			t.Error("something is known")
		}
	}
	if asked != 2 { // at 0 and at 40 s
		t.Errorf("asked %d times in a minute", asked)
	}
}

// TestRunTime has the kernel measure real programs.
func TestRunTime(t *testing.T) {
	p := openProbe(t)
	events, err := p.OpenEvents()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = events.Close() }()
	now := time.Now()
	events.RunTime(now)
	for range 20 {
		if err := exec.CommandContext(t.Context(), "true").Run(); err != nil {
			t.Fatal(err)
		}
	}
	if _, known := events.RunTime(now.Add(time.Second)); !known {
		t.Skip("the kernel does not measure BPF programs")
	}
	total, _ := events.RunTime(now.Add(2 * time.Second))
	if total <= 0 || total > time.Second {
		t.Errorf("%v in a second", total)
	}
	events.RunTime(now.Add(time.Minute)) // another check, which Close ends
}

package dtop

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/wire"
)

// counting is a fleet of one host that counts its questions and how many are
// under way at a time.
type counting struct {
	asked, now, most atomic.Int32
	hold             chan struct{} // nil for an answer at once
	err              error
}

func (c *counting) Ask(ctx context.Context, req wire.Request) ([]fleet.Reply, error) {
	c.asked.Add(1)
	c.most.Store(max(c.most.Load(), c.now.Add(1)))
	defer c.now.Add(-1)
	if c.hold != nil {
		select {
		case <-c.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	snap := &k2i.Snapshot{
		Host: k2i.Host{ID: "id", Name: "one", CPUs: 2, MemTotalBytes: 1 << 30}, At: at, BusyCPUs: k2i.NoRate(),
		Processes: k2i.Pointers([]k2i.Process{process(1, 1, "root", "init", k2i.NoRate(), 1, 1)}),
	}
	answer, err := wire.Respond(snap, req, at)
	if err != nil {
		return nil, err
	}
	return []fleet.Reply{{Host: "one", Status: fleet.StatusOK, Answer: answer}}, c.err
}

func TestBatch(t *testing.T) {
	var out bytes.Buffer
	source := &counting{}
	o := Options{Source: source, Interval: MinInterval, Deadline: time.Second, Frames: 3, Output: &out}
	if err := Batch(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "HOST   PID"); n != 3 || source.asked.Load() != 3 {
		t.Errorf("%d frames of %d questions, want 3\n%s", n, source.asked.Load(), &out)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("styles in a plain frame: %q", &out)
	}
}

func TestBatchEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := Options{Source: &counting{}, Interval: time.Hour, Deadline: time.Second, Output: &bytes.Buffer{}}
	if err := Batch(ctx, o); err != nil {
		t.Errorf("an end that was asked for is an error: %v", err)
	}
	gone := errors.New("gone")
	o.Source = &counting{err: gone}
	if err := Batch(t.Context(), o); !errors.Is(err, gone) {
		t.Errorf("%v, want %v", err, gone)
	}
}

func TestOptions(t *testing.T) {
	if err := DefaultOptions().Check(); err != nil {
		t.Error(err)
	}
	for _, o := range []Options{{}, {Interval: time.Millisecond, Deadline: 1}, {Interval: time.Second}, {Interval: time.Second, Deadline: 1, Frames: -1}, {Interval: 2 * MaxInterval, Deadline: 1}} {
		if o.Check() == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// key is what bubbletea sends for a letter.
func key(letter rune) tea.KeyPressMsg { return tea.KeyPressMsg{Code: letter, Text: string(letter)} }

// One question is under way at a time, whatever keys are pressed; a key that asks
// for other rows is heeded when the answer has come.
func TestQuestionsDoNotOverlap(t *testing.T) {
	source := &counting{hold: make(chan struct{}, 10)}
	o := DefaultOptions()
	o.Source = source
	p := &program{ctx: t.Context(), options: o, state: NewState(80, 24, o.Interval)}
	first := p.Init()
	for _, letter := range "MTNHP" {
		if _, cmd := p.Update(key(letter)); cmd != nil {
			t.Errorf("%c asks while a question is under way", letter)
		}
	}
	source.hold <- struct{}{}
	_, second := p.Update(first())
	if second == nil || !p.asking {
		t.Fatal("the key that was pressed meanwhile is forgotten")
	}
	source.hold <- struct{}{}
	if _, clock := p.Update(second()); clock == nil || p.asking {
		t.Error("after the answer there is no clock")
	}
	if _, cmd := p.Update(due{question: 1}); cmd != nil {
		t.Error("a clock of an earlier question asks")
	}
	if _, cmd := p.Update(due{question: 2}); cmd == nil || !p.asking {
		t.Error("the clock does not ask")
	}
	if source.most.Load() != 1 {
		t.Errorf("%d questions under way at a time", source.most.Load())
	}
}

func TestPauseAsksNothing(t *testing.T) {
	source := &counting{}
	o := DefaultOptions()
	o.Source = source
	p := &program{ctx: t.Context(), options: o, state: NewState(80, 24, o.Interval)}
	p.Update(p.Init()())
	p.Update(tea.KeyPressMsg{Code: tea.KeySpace, Text: " "})
	if !p.state.Paused {
		t.Fatal("space does not pause")
	}
	if _, cmd := p.Update(due{question: 1}); cmd == nil || p.asking {
		t.Error("a pause stops the clock, or asks")
	}
	if _, cmd := p.Update(key('q')); cmd == nil {
		t.Error("q does not quit")
	}
	if source.asked.Load() != 1 {
		t.Errorf("%d questions, want 1", source.asked.Load())
	}
}

// A question that is never answered ends at its deadline, and shows as an error.
func TestDeadline(t *testing.T) {
	o := DefaultOptions()
	o.Source, o.Deadline = &counting{hold: make(chan struct{})}, 20*time.Millisecond
	p := &program{ctx: t.Context(), options: o, state: NewState(80, 24, o.Interval)}
	p.Update(p.Init()())
	if !errors.Is(p.state.Err, context.DeadlineExceeded) || p.asking {
		t.Errorf("%v, still asking: %v", p.state.Err, p.asking)
	}
	if view := p.View(); !strings.Contains(view.Content, "no answer: nothing came in time: is the broker stopped?") {
		t.Errorf("the screen does not say so:\n%s", view.Content)
	}
}

package dtop

import (
	"context"
	"fmt"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"

	"ddcos/dps"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// Options are what a run of dtop needs.
type Options struct {
	Source   fleet.Source
	Interval time.Duration // from one question to the next
	Deadline time.Duration // of one host's answer
	On       string        // a pattern of hosts; "" for all
	Cells    []dps.Cell    // what a row shows; nil for the usual columns
	Color    bool          // red what failed or is stuck, yellow what is busy

	Frames int // for Batch: how many frames, 0 for without end
	Width  int // for Batch: columns, 0 for no limit

	Input  io.Reader // keys
	Output io.Writer
}

// DefaultOptions owns the defaults; Source, Input and Output are the caller's.
func DefaultOptions() Options {
	return Options{Interval: time.Second, Deadline: 2 * time.Second, Color: true}
}

// Limits of Options.Interval.
const (
	MinInterval = 100 * time.Millisecond
	MaxInterval = time.Hour
)

// Check refuses options that make no sense.
func (o Options) Check() error {
	if o.Interval < MinInterval || o.Interval > MaxInterval {
		return fmt.Errorf("interval %v: want %v to %v", o.Interval, MinInterval, MaxInterval)
	}
	if o.Deadline <= 0 {
		return fmt.Errorf("deadline %v: want a time such as 2s", o.Deadline)
	}
	if o.Frames < 0 {
		return fmt.Errorf("%d frames: want 1 or more, or 0 for no end", o.Frames)
	}
	return nil
}

// Run shows the table on a terminal until q or until ctx ends.
func Run(ctx context.Context, o Options) error {
	p := tea.NewProgram(&program{ctx: ctx, options: o, state: newState(o, 0)},
		tea.WithContext(ctx), tea.WithInput(o.Input), tea.WithOutput(o.Output))
	if _, err := p.Run(); ctx.Err() == nil {
		return err
	}
	return nil // the caller asked for the end
}

// program is the state in the hands of bubbletea. One question is under way at a
// time: the next one is set off by the clock that the answer starts.
type program struct {
	ctx     context.Context
	options Options
	state   State

	question int  // number of the latest question
	asking   bool // it is under way
	again    bool // the sort key changed meanwhile
}

// answer is what a question brought.
type answer struct {
	table *fleet.Table
	err   error
	at    time.Time
	took  time.Duration
}

// due is the clock: time for the next question. One that was started before
// another question began is out of date and does nothing.
type due struct{ question int }

// Init implements tea.Model.
func (p *program) Init() tea.Cmd { return p.ask() }

// Update implements tea.Model.
func (p *program) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		p.state.Resize(msg.Width, msg.Height)
	case tea.KeyPressMsg:
		quit, changed := p.state.Key(msg.String())
		if quit {
			return p, tea.Quit
		}
		if changed {
			return p, p.soon()
		}
	case tea.PasteMsg:
		p.state.insert(msg.Content)
	case answer:
		return p, p.answered(msg)
	case due:
		if p.asking || msg.question != p.question {
			return p, nil
		}
		if p.state.Paused {
			return p, p.clock(p.options.Interval)
		}
		return p, p.ask()
	}
	return p, nil
}

// View implements tea.Model.
func (p *program) View() tea.View {
	view := tea.NewView(View(&p.state))
	view.AltScreen = true
	return view
}

// ask is the command that puts the question.
func (p *program) ask() tea.Cmd {
	p.question++
	p.asking, p.again = true, false
	ctx, o, q := p.ctx, p.options, p.state.Query()
	return func() tea.Msg { return put(ctx, o, q) }
}

// soon asks at once, or right after the question that is under way.
func (p *program) soon() tea.Cmd {
	if p.asking {
		p.again = true
		return nil
	}
	return p.ask()
}

// answered takes an answer and starts the clock for the next question, which is
// due an interval after the beginning of this one.
func (p *program) answered(a answer) tea.Cmd {
	p.asking = false
	p.state.Answer(a.table, a.err, a.at, a.took)
	if p.again {
		return p.ask()
	}
	return p.clock(max(p.options.Interval-a.took, 0))
}

func (p *program) clock(wait time.Duration) tea.Cmd {
	question := p.question
	return tea.Tick(wait, func(time.Time) tea.Msg { return due{question} })
}

// askingReserve is what a question may take beyond the hosts' deadline: for the
// way to the broker, and for it to finish the account.
const askingReserve = 500 * time.Millisecond

// put asks the fleet once.
func put(ctx context.Context, o Options, q query.Query) answer {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, o.Deadline+askingReserve)
	defer cancel()
	table, err := fleet.Ask(ctx, o.Source, q)
	return answer{table: table, err: fleet.Explain(err), at: time.Now(), took: time.Since(begun)}
}

// newState is a state for options and a screen.
func newState(o Options, width int) State {
	s := NewState(width, 0, o.Interval)
	s.On, s.Colorless = o.On, !o.Color
	if o.Cells != nil {
		s.cells = o.Cells
	}
	return s
}

// Batch writes frames as plain text, an empty line between, for pipes and files.
// The first question that cannot be put ends it.
func Batch(ctx context.Context, o Options) error {
	state := newState(o, o.Width)
	state.Plain = true
	clock := time.NewTicker(o.Interval)
	defer clock.Stop()
	for frame := 1; ; frame++ {
		a := put(ctx, o, state.Query())
		if ctx.Err() != nil {
			return nil // the caller asked for the end
		}
		if a.err != nil {
			return a.err
		}
		state.Answer(a.table, a.err, a.at, a.took)
		if _, err := fmt.Fprintf(o.Output, "%s\n\n", View(&state)); err != nil {
			return fmt.Errorf("writing a frame: %w", err)
		}
		if frame == o.Frames {
			return nil
		}
		select {
		case <-clock.C:
		case <-ctx.Done():
			return nil
		}
	}
}

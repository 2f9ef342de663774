package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ddcos/bench/crowd"
)

// K2iOptions say what [K2i] measures.
type K2iOptions struct {
	Setting
	Steps     []string      // only these, of K2iSteps; none: all
	Quick     bool          // fewer processes, rounds and seconds
	Processes int           // in a pass, in a scrape, and while execs are looked for
	Many      int           // in the steady step with many
	Rounds    int           // of passes and of scrapes: the systems take turns
	Execs     int           // that are looked for
	Steady    time.Duration // that a steady agent is watched
	ExecRate  int           // processes that begin and end a second
	Seconds   int           // for so long

	warm time.Duration // until an agent that is started is as it stays
}

// DefaultK2iOptions measures everything, in some three minutes.
func DefaultK2iOptions() K2iOptions {
	o := K2iOptions{
		Setting: DefaultSetting(), Processes: 5000, Many: 20_000, Rounds: 7, Execs: 200,
		Steady: 20 * time.Second, ExecRate: 2000, Seconds: 60, warm: 5 * time.Second,
	}
	o.Peers = CollectorNames()
	return o
}

// A k2iStep is one part of the measurement.
type k2iStep struct {
	name, what string
	run        func(o K2iOptions, ctx context.Context) ([]Figure, error)
}

func k2iSteps() []k2iStep {
	return []k2iStep{
		{"pass", "one look at all processes, from the kernel to the published snapshot", K2iOptions.passes},
		{"scrape", "GET /metrics over HTTP", K2iOptions.scrapes},
		{"fresh", "until a program that was started stands in GET /v1/proc/{pid}", K2iOptions.freshness},
		{"steady", "an agent that samples once a second, 500 processes with 8 threads each, BPF programs counted in", K2iOptions.steady},
		{"many", "the same with many processes", K2iOptions.steadyMany},
		{"procfs", "the same as steady, by /proc", K2iOptions.steadyProcfs},
		{"execs", "processes that begin and end at a rate: which of them are told, and whose the CPU time is", K2iOptions.execs},
		{"flood", "as many as one CPU can make, while the agent is stopped: which losses are counted", K2iOptions.flood},
		{"charge", "short-lived processes and daemons that forked twice: the CPU time told beside wait(2)'s", K2iOptions.charge},
	}
}

// K2iSteps are the steps that [K2iOptions] may choose.
func K2iSteps() []string {
	var names []string
	for _, s := range k2iSteps() {
		names = append(names, s.name)
	}
	return names
}

// quick makes everything smaller where that is wanted.
func (o K2iOptions) quick() K2iOptions {
	if o.Quick {
		o.Processes, o.Many = min(o.Processes, 1000), min(o.Many, 2000)
		o.Rounds, o.Execs = min(o.Rounds, 3), min(o.Execs, 50)
		o.Steady, o.Seconds = min(o.Steady, 4*time.Second), min(o.Seconds, 5)
	}
	return o
}

// check refuses what cannot be measured.
func (o K2iOptions) check() error {
	switch {
	case o.Processes < 1 || o.Many < 1 || max(o.Processes, o.Many) > crowd.MaxProcesses:
		return fmt.Errorf("%w: %d and %d processes; 1 to %d are possible", ErrOptions, o.Processes, o.Many, crowd.MaxProcesses)
	case o.Rounds < 1 || o.Execs < 1 || o.ExecRate < 1 || o.Seconds < 1 || o.Steady < time.Second:
		return fmt.Errorf("%w: %d rounds, %d execs, %d a second, %d s, steady for %v: one at least, of each", ErrOptions, o.Rounds, o.Execs, o.ExecRate, o.Seconds, o.Steady)
	}
	for _, name := range o.Steps {
		if !slices.Contains(K2iSteps(), name) {
			return fmt.Errorf("%w: no step is called %q; there are: %s", ErrOptions, name, strings.Join(K2iSteps(), ", "))
		}
	}
	for _, name := range o.Peers {
		if !slices.Contains(CollectorNames(), name) {
			return fmt.Errorf("%w: no peer is called %q; there are: %s", ErrOptions, name, strings.Join(CollectorNames(), ", "))
		}
	}
	return nil
}

// K2i measures what the agent costs and what it misses, beside others that read
// processes: each of them a program of its own, looking at the same processes.
func K2i(ctx context.Context, o K2iOptions) error { return o.publish(ctx, o.once) }

func (o K2iOptions) once(ctx context.Context) (*result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o = o.quick()
	found := &result{title: "k2i beside other collectors."}
	var titles []string
	for _, s := range k2iSteps() {
		if len(o.Steps) > 0 && !slices.Contains(o.Steps, s.name) {
			continue
		}
		o.progress("k2i: %s: %s", s.name, s.what)
		figures, err := s.run(o, ctx)
		if err != nil {
			return nil, cause(ctx, fmt.Errorf("%s: %w", s.name, err))
		}
		titles = append(titles, s.name+": "+s.what)
		found.figures = append(found.figures, figures...)
	}
	found.title += " " + strings.Join(titles, "; ") + "."
	return found, nil
}

// among starts a crowd, lets with measure, and ends it.
func (o K2iOptions) among(ctx context.Context, processes, threads int, with func() error) error {
	began := time.Now()
	all, err := crowd.Start(ctx, processes, threads)
	if err != nil {
		return err
	}
	o.progress("k2i: %d processes with %d threads made in %v", processes, threads, time.Since(began).Round(time.Millisecond))
	return errors.Join(with(), all.Close())
}

// beside puts a figure of ours beside what each peer has of it; a peer's note stands before ours.
func beside(f Figure, peers []Figure) []Figure {
	if len(peers) == 0 {
		return []Figure{f}
	}
	var all []Figure
	for _, p := range peers {
		one := f
		one.Peer, one.PeerValue, one.Ratio = p.Peer, p.PeerValue, ratio(f.Value, p.PeerValue)
		if p.Note != "" {
			one.Note = p.Note
		}
		all = append(all, one)
	}
	return all
}

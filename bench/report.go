package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// ReportOptions say what [Report] measures and where it writes.
type ReportOptions struct {
	Setting
	Dir   string        // of the report
	Quick bool          // a tenth of the members and of the calls, once
	Steps []string      // only these, of StepNames; none: all
	Most  time.Duration // that one step may take
}

// DefaultReportOptions measures everything, three times each, with the programs beside this one.
func DefaultReportOptions() ReportOptions {
	o := ReportOptions{Setting: DefaultSetting(), Dir: filepath.Join("bench", "report"), Most: 10 * time.Minute}
	o.Peers, o.Runs = nil, 3
	return o
}

// step is one measurement of a report.
type step struct {
	name, command string
	run           func(context.Context) (*result, error)
}

// measured is what a step found.
type measured struct {
	step
	*result
	took   time.Duration
	failed error
}

// Report makes all measurements one after the other and writes a directory: report.md with figures,
// targets and machine, figures.jsonl, and a plot of each. A measurement that fails is told in it, and
// at the end by an error.
func Report(ctx context.Context, o ReportOptions) error {
	steps, err := o.chosen()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	began := time.Now()
	var all []measured
	var failed error
	for i, s := range steps {
		o.progress("report: step %d of %d, after %v: %s", i+1, len(steps), time.Since(began).Round(time.Second), s.command)
		m := s.measure(ctx, o.Most)
		if ctx.Err() != nil {
			return cause(ctx, ctx.Err())
		}
		if m.failed != nil {
			o.progress("report: %s: %v", s.name, m.failed)
			failed = errors.Join(failed, fmt.Errorf("%s: %w", s.name, m.failed))
		}
		all = append(all, m)
		// What there is stands there, should a later one be interrupted.
		if err := o.write(all, time.Since(began)); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(o.Out, filepath.Join(o.Dir, "report.md"))
	return errors.Join(failed, err)
}

// measure runs one step for so long at most.
func (s step) measure(ctx context.Context, most time.Duration) measured {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	began := time.Now()
	r, err := s.run(ctx)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("not done within %v: %w", most, err)
	}
	if r == nil {
		r = &result{}
	}
	return measured{s, r, time.Since(began), err}
}

// chosen are the steps that were asked for.
func (o ReportOptions) chosen() ([]step, error) {
	if o.Most <= 0 {
		return nil, fmt.Errorf("%w: %v for a step", ErrOptions, o.Most)
	}
	all := o.steps()
	if len(o.Steps) == 0 {
		return all, nil
	}
	var some []step
	for _, name := range o.Steps {
		found := false
		for _, s := range all {
			if s.name == name {
				some, found = append(some, s), true
			}
		}
		if !found {
			return nil, fmt.Errorf("%w: no step is called %q; there are: %v", ErrOptions, name, StepNames())
		}
	}
	return some, nil
}

// StepNames are those that [ReportOptions] may choose.
func StepNames() []string {
	var names []string
	for _, s := range DefaultReportOptions().steps() {
		names = append(names, s.name)
	}
	return names
}

// write writes the report of what has been measured so far.
func (o ReportOptions) write(all []measured, took time.Duration) error {
	lines, err := os.Create(filepath.Join(o.Dir, "figures.jsonl"))
	if err != nil {
		return err
	}
	for _, m := range all {
		err = errors.Join(err, writeLines(lines, m.stepped()))
	}
	if err := errors.Join(err, lines.Close()); err != nil {
		return err
	}
	plots, err := o.plot(all)
	if err != nil {
		return err
	}
	text := o.text(all, plots, took)
	return os.WriteFile(filepath.Join(o.Dir, "report.md"), []byte(text), 0o644)
}

// stepped are the figures with their step's name before their own.
func (m measured) stepped() []Figure {
	var all []Figure
	for _, f := range m.figures {
		f.Name = m.name + "/" + f.Name
		all = append(all, f)
	}
	return all
}

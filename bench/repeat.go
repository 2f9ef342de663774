package bench

import (
	"context"
	"fmt"
	"slices"
)

// maxRuns bounds how often a measurement is repeated.
const maxRuns = 101

// result is what a measurement found.
type result struct {
	title   string
	figures []Figure
	curves  []curve
}

// curve is one line of a plot.
type curve struct {
	name   string // of what; curves of one name belong into one plot
	system string
	x, y   []float64
}

// publish measures as often as is asked for and prints what was found.
func (o Setting) publish(ctx context.Context, once func(context.Context) (*result, error)) error {
	r, err := o.repeat(ctx, once)
	if err != nil {
		return err
	}
	return o.report(r.title, r.figures)
}

// repeat measures Runs times, each time with programs that are started anew, and takes of every
// figure the median. Curves are those of the last run.
func (o Setting) repeat(ctx context.Context, once func(context.Context) (*result, error)) (*result, error) {
	if o.Runs < 1 || o.Runs > maxRuns {
		return nil, fmt.Errorf("%w: %d runs; 1 to %d are possible", ErrOptions, o.Runs, maxRuns)
	}
	var last *result
	var runs [][]Figure
	for run := range o.Runs {
		if o.Runs > 1 {
			o.progress("run %d of %d", run+1, o.Runs)
		}
		r, err := once(ctx)
		if err != nil {
			return nil, err
		}
		last, runs = r, append(runs, r.figures)
	}
	if o.Runs > 1 {
		last.title += fmt.Sprintf(" Medians of %d runs.", o.Runs)
		last.figures = medians(runs)
	}
	return last, nil
}

// medians are those of the figures that every run has. The ratio is that of the two medians.
func medians(runs [][]Figure) []Figure {
	var all []Figure
	for _, f := range runs[0] {
		var ours, peers, spread []float64
		for _, run := range runs {
			i := slices.IndexFunc(run, func(g Figure) bool { return g.Name == f.Name && g.Peer == f.Peer })
			if i < 0 {
				break
			}
			g := run[i]
			ours, peers = append(ours, g.Value), append(peers, g.PeerValue)
			if g.Peer != "" {
				spread = append(spread, g.Ratio)
			} else {
				spread = append(spread, g.Value)
			}
		}
		if len(ours) < len(runs) {
			continue
		}
		f.Runs, f.Value, f.PeerValue = len(runs), median(ours), median(peers)
		f.Low, f.High = slices.Min(spread), slices.Max(spread)
		if f.Peer != "" {
			f.Ratio = ratio(f.Value, f.PeerValue)
		}
		all = append(all, f)
	}
	return all
}

// median is the middle one, or the mean of both; 0 of none.
func median(of []float64) float64 {
	if len(of) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(of))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// ratio is 0 where there is nothing to divide by: JSON has no infinity.
func ratio(ours, peers float64) float64 {
	if peers == 0 {
		return 0
	}
	return ours / peers
}

package bench

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
)

// TestRepeat takes medians of what every run has, and says how far the runs lie apart.
func TestRepeat(t *testing.T) {
	runs := [][]Figure{
		{{Name: "p50", Value: 3, Unit: "ms", Peer: "c", PeerValue: 2, Ratio: 1.5}, {Name: "alone", Value: 7}, {Name: "once", Value: 1}},
		{{Name: "alone", Value: 5}, {Name: "p50", Value: 9, Unit: "ms", Peer: "c", PeerValue: 3, Ratio: 3}},
		{{Name: "p50", Value: 4, Unit: "ms", Peer: "c", PeerValue: 4, Ratio: 1}, {Name: "alone", Value: 6}, {Name: "p50", Value: 4, Peer: "nats", PeerValue: 8, Ratio: 0.5}},
	}
	o := Setting{Runs: len(runs), Progress: io.Discard}
	run := 0
	r, err := o.repeat(t.Context(), func(context.Context) (*result, error) {
		run++
		return &result{title: "It.", figures: runs[run-1], curves: []curve{{x: []float64{float64(run)}}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Figure{
		{Name: "p50", Value: 4, Unit: "ms", Peer: "c", PeerValue: 3, Ratio: 4.0 / 3, Runs: 3, Low: 1, High: 3},
		{Name: "alone", Value: 6, Runs: 3, Low: 5, High: 7},
	}
	if !slices.Equal(r.figures, want) || r.title != "It. Medians of 3 runs." || r.curves[0].x[0] != 3 {
		t.Errorf("%+v", r)
	}
	if got := r.figures[0].spread() + r.figures[1].spread(); got != " (1.00 to 3.00)" {
		t.Errorf("spread %q", got)
	}
}

func TestRepeatOnce(t *testing.T) {
	o := Setting{Runs: 1, Progress: io.Discard}
	one := &result{title: "It.", figures: []Figure{{Name: "p50", Value: 3}}}
	if r, err := o.repeat(t.Context(), func(context.Context) (*result, error) { return one, nil }); err != nil || r != one || r.figures[0].Runs != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	broken := errors.New("broken")
	if _, err := o.repeat(t.Context(), func(context.Context) (*result, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	for _, o.Runs = range []int{0, maxRuns + 1} {
		if _, err := o.repeat(t.Context(), nil); !errors.Is(err, ErrOptions) {
			t.Errorf("%d runs: %v", o.Runs, err)
		}
	}
}

func TestMedian(t *testing.T) {
	for want, of := range map[float64][]float64{0: nil, 1: {1}, 2: {3, 2, 1}, 2.5: {4, 1, 3, 2}} {
		if got := median(of); got != want {
			t.Errorf("%v: %v, want %v", of, got, want)
		}
	}
	if ratio(1, 0) != 0 || ratio(1, 2) != 0.5 {
		t.Error("ratio")
	}
}

package bench

import (
	"github.com/HdrHistogram/hdrhistogram-go"
)

// quantiles of a latency curve, percent: each step halves who is slower.
func quantiles() []float64 {
	at := []float64{0, 10, 20, 30, 40}
	for slower := 50.0; slower >= 0.01; slower /= 2 {
		at = append(at, 100-slower)
	}
	return at
}

// latencyCurve is how long so many percent took at most, as far as there are so many values.
func latencyCurve(name, system string, h *hdrhistogram.Histogram, unit float64) curve {
	c := curve{name: name, system: system}
	for _, percent := range quantiles() {
		if (100-percent)/100*float64(h.TotalCount()) < 1 {
			break
		}
		c.x, c.y = append(c.x, percent), append(c.y, float64(h.ValueAtQuantile(percent))/unit)
	}
	return c
}

const (
	inMilliseconds = 1e6 // ns
	inMicroseconds = 1e3
)

func callCurves(subjects []*subject) []curve {
	var all []curve
	for _, s := range subjects {
		all = append(all, latencyCurve("call", s.name, s.latencies, inMilliseconds))
	}
	return all
}

func oneCurves(subjects []*subject, stats map[*subject]*oneStat) []curve {
	var all []curve
	for _, s := range subjects {
		all = append(all, latencyCurve("one", s.name, stats[s].alone, inMicroseconds),
			latencyCurve("stream", s.name, stats[s].streamed, inMicroseconds))
	}
	return all
}

func (s *stuckStat) curves() []curve {
	return []curve{
		latencyCurve("stuck", "all at work", s.free, inMilliseconds),
		latencyCurve("stuck", "some stopped", s.held, inMilliseconds),
	}
}

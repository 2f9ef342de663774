package bench

import (
	"slices"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// TestLatencyCurve rises, and ends where there are too few values to say anything.
func TestLatencyCurve(t *testing.T) {
	h := hdrhistogram.New(1, 1e10, 3)
	for i := range 100 {
		_ = h.RecordValue(int64(i+1) * int64(time.Millisecond))
	}
	c := latencyCurve("call", "middlecon", h, inMilliseconds)
	if !slices.IsSorted(c.x) || !slices.IsSorted(c.y) || len(c.x) != len(c.y) || c.x[0] != 0 || !near(c.y[0], 1) {
		t.Errorf("%+v", c)
	}
	if last := c.x[len(c.x)-1]; last > 99 || last < 98 {
		t.Errorf("of 100 values it tells the slowest %v %%", 100-last)
	}
	if at := slices.Index(c.x, 50); at < 0 || !near(c.y[at], 50) {
		t.Errorf("median of %+v", c)
	}
}

// TestCorrected adds what a stall kept from being sent: at 10 ms, with one due every 2 ms, four more.
func TestCorrected(t *testing.T) {
	h := hdrhistogram.New(1, 1e10, 3)
	for range 5 {
		_ = h.RecordValue(int64(time.Millisecond))
	}
	_ = h.RecordValue(int64(10 * time.Millisecond))
	all := corrected(h)
	if all.TotalCount() != 6+4 && all.TotalCount() != 6+3 { // the last of them by a rounding
		t.Errorf("%d values", all.TotalCount())
	}
	if h.ValueAtQuantile(80) > 2e6 || all.ValueAtQuantile(80) < 3.9e6 || all.Max() < 10e6 {
		t.Errorf("80 of 100 took %d, corrected %d", h.ValueAtQuantile(80), all.ValueAtQuantile(80))
	}
}

package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// wellFormed fails the test where what was drawn is no XML.
func wellFormed(t *testing.T, b *bytes.Buffer) string {
	t.Helper()
	text := b.String()
	d := xml.NewDecoder(b)
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return text
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestLines(t *testing.T) {
	lines := []Line{
		{"middlecon", []float64{0, 50, 90, 99, 99.9}, []float64{1, 2, 3, 20, 200}},
		{"c & others", []float64{0, 50, 90}, []float64{1, 1.5, 2}},
	}
	for _, c := range []Chart{{Title: "A call", X: "percent", Y: "ms", Percentiles: true, Log: true}, {Title: "A storm", X: "s", Y: "percent"}} {
		var b bytes.Buffer
		if err := Lines(&b, c, lines); err != nil {
			t.Fatal(err)
		}
		text := wellFormed(t, &b)
		for _, want := range []string{">" + c.Title + "<", ">middlecon<", ">c &amp; others<", ">" + c.X + "<", ">" + c.Y + "<"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q", c.Title, want)
			}
		}
		if strings.Contains(text, ">99.9<") != c.Percentiles {
			t.Errorf("%s: its ticks are not those of its axis", c.Title)
		}
	}
}

func TestBars(t *testing.T) {
	for _, log := range []bool{true, false} {
		var b bytes.Buffer
		if err := Bars(&b, Chart{Title: "Memory", Y: "bytes", Log: log}, []Bar{{"middlecon", 1234}, {"c", 212.4}, {"x", 0.031}}); err != nil {
			t.Fatal(err)
		}
		text := wellFormed(t, &b)
		for _, want := range []string{">1234<", ">212<", ">0.031<", ">middlecon<", ">c<"} {
			if !strings.Contains(text, want) {
				t.Errorf("log %v: no %q", log, want)
			}
		}
	}
}

// TestNothing: what cannot be drawn is an error, and never a panic of the library's.
func TestNothing(t *testing.T) {
	for name, err := range map[string]error{
		"no lines":         Lines(io.Discard, Chart{}, nil),
		"an empty line":    Lines(io.Discard, Chart{}, []Line{{Name: "x"}}),
		"half a line":      Lines(io.Discard, Chart{}, []Line{{"x", []float64{1, 2}, []float64{1}}}),
		"no logarithm":     Lines(io.Discard, Chart{Log: true}, []Line{{"x", []float64{1}, []float64{0}}}),
		"over 100 percent": Lines(io.Discard, Chart{Percentiles: true}, []Line{{"x", []float64{100}, []float64{1}}}),
		"no bars":          Bars(io.Discard, Chart{}, nil),
		"a bar of nothing": Bars(io.Discard, Chart{}, []Bar{{"x", 0}}),
	} {
		if !errors.Is(err, ErrNothing) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, same := range [][]float64{{3, 3}, {3}} { // a flat line, a point
		if err := Lines(io.Discard, Chart{Log: true, Percentiles: true}, []Line{{"x", []float64{10, 50}[:len(same)], same}}); err != nil {
			t.Errorf("%v: %v", same, err)
		}
	}
}

func TestLogTicks(t *testing.T) {
	labels := func(least, most float64) (all []string) {
		for _, tick := range (logTicks{}).Ticks(least, most) {
			if tick.Value < least || tick.Value > most {
				t.Errorf("%v is not in %v to %v", tick.Value, least, most)
			}
			if tick.Label != "" {
				all = append(all, tick.Label)
			}
		}
		return all
	}
	if got := labels(4, 60); !slices.Equal(got, []string{"5", "10", "20", "50"}) {
		t.Error(got)
	}
	if got := labels(0.05, 99_000); !slices.Equal(got, []string{"0.1", "1", "10", "100", "1000", "10000"}) {
		t.Error(got)
	}
}

func TestPercentiles(t *testing.T) {
	c := Chart{Percentiles: true}
	if c.place(0) != 1 || c.place(50) != 2 || math.Abs(c.place(99)-100) > 1e-9 || (Chart{}).place(50) != 50 {
		t.Error("a percentile is out of its place")
	}
	ticks := percentiles(c.place(99))
	if last := ticks[len(ticks)-1]; last.Label != "99" {
		t.Errorf("%+v", ticks)
	}
}

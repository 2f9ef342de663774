package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"ddcos/protocol"
)

func TestStorm(t *testing.T) {
	bin := built(t)
	for _, transport := range []string{"tcp", "unix"} {
		leavesNothing(t)
		var out bytes.Buffer
		o := DefaultStormOptions()
		o.Bin, o.JSON, o.Out, o.Progress, o.Transport = bin, true, &out, io.Discard, transport
		o.Clients, o.Rounds, o.Calm, o.Peers = 40, 2, 0, nil
		if err := Storm(t.Context(), o); err != nil {
			t.Fatalf("%s: %v", transport, err)
		}
		found := map[string]float64{}
		for _, f := range decoded(t, &out) {
			found[f.Name] = f.Value
		}
		if found["storm-back"] != 40 || found["storm-down"] <= 0 || found["storm-p50"] < found["storm-down"] || found["storm-max"] < found["storm-p50"] || found["storm-rate"] <= 0 {
			t.Errorf("%s: %v", transport, found)
		}
	}
}

// TestStormFigures reads a storm whose course is known.
func TestStormFigures(t *testing.T) {
	one := storm{down: 0.5, at: []float64{0.5, 1, 2, 3, 4}, back: []int{0, 1, 50, 99, 100}}
	two := storm{down: 0.1, at: []float64{0.1, 6}, back: []int{0, 100}}
	ours := measuredSubject(t, "middlecon", "tcp", time.Millisecond)
	for share, want := range map[float64]float64{0.01: 1, 0.5: 2, 0.99: 3, 1: 4} {
		if got := one.until(share, 100); got != want {
			t.Errorf("%v of all after %v, want %v", share, got, want)
		}
	}
	if got := one.until(1, 101); got != 0 {
		t.Errorf("more than came back, after %v", got)
	}
	found := map[string]float64{}
	for _, f := range stormFigures([]*subject{ours}, map[*subject][]storm{ours: {one, two, one}}, 100) {
		found[f.Name] = f.Value
	}
	for name, want := range map[string]float64{"storm-p50": 2, "storm-p99": 3, "storm-max": 6, "storm-down": 0.5, "storm-rate": 49, "storm-back": 100} {
		if found[name] != want {
			t.Errorf("%s %v, want %v", name, found[name], want)
		}
	}
	if c := stormCurve("middlecon", one, 100); len(c.x) != 6 || c.x[2] != 1 || c.y[2] != 1 || c.y[5] != 100 {
		t.Errorf("%+v", c)
	}
}

func TestNATSCensus(t *testing.T) {
	for answer, want := range map[string]int{
		`{"num_subscriptions":17,"num_cache":1}`: 17,
		`{"num_cache":1}`:                        -1,
		`not found`:                              -1,
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
		c := &natsCensus{url: s.URL, client: s.Client()}
		if got, err := c.count(t.Context()); (err == nil) != (want >= 0) || err == nil && got != want {
			t.Errorf("%s: %d, %v", answer, got, err)
		}
		s.Close()
		if _, err := c.count(t.Context()); err == nil {
			t.Error("a server that is gone has subscriptions")
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
	}
}

// TestNATSReturning: the monitor that the broker is told to open is the one that is asked.
func TestNATSReturning(t *testing.T) {
	r, err := natsReturning(protocol.Address{})
	if err != nil {
		t.Fatal(err)
	}
	c, ok := r.census.(*natsCensus)
	if !ok || len(r.env) != 1 || fmt.Sprintf("http://%s/subsz", strings.TrimPrefix(r.env[0], "BENCH_NATS_MONITOR=")) != c.url {
		t.Errorf("%v and %+v", r.env, r.census)
	}
}

func TestStormRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*StormOptions)
		want   error
		says   string
	}{
		"no rounds":    {func(o *StormOptions) { o.Rounds = 0 }, ErrOptions, "0 rounds"},
		"no calm":      {func(o *StormOptions) { o.Calm = -1 }, ErrOptions, "calm"},
		"nobody":       {func(o *StormOptions) { o.Clients = 0 }, ErrOptions, "0 members"},
		"no programs":  {func(o *StormOptions) { o.Bin = "/nowhere" }, os.ErrNotExist, "make build"},
		"unknown peer": {func(o *StormOptions) { o.Peers = []string{"kafka"} }, ErrOptions, "kafka"},
	} {
		o := DefaultStormOptions()
		o.Out, o.Progress = io.Discard, io.Discard
		tc.change(&o)
		if err := Storm(t.Context(), o); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %v that says %q", name, err, tc.want, tc.says)
		}
	}
}

// TestStormOfOthers: a peer whose clients do not come back is refused before anything is measured.
func TestStormOfOthers(t *testing.T) {
	o := DefaultStormOptions()
	o.Peers = []string{"redis"}
	o.Out, o.Progress = io.Discard, io.Discard
	if err := Storm(t.Context(), o); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), "redis has no clients") {
		t.Error(err)
	}
}

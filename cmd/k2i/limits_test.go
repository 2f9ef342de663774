package main

import (
	"encoding/json"
	"math"
	"runtime/debug"
	"strings"
	"testing"

	"ddcos/k2i"
	"ddcos/k2i/agent"
)

func TestLimitFlags(t *testing.T) {
	for _, c := range []struct {
		cpu, memory string
		want        agent.Limits
	}{
		{"10%", "200MiB", agent.DefaultLimits()},
		{"0.5%", "1GiB", agent.Limits{CPUs: 0.005, Memory: 1 << 30}},
		{"250%", "32MiB", agent.Limits{CPUs: 2.5, Memory: 32 << 20}},
		{"none", "none", agent.Limits{}},
	} {
		got, err := limitFlags{c.cpu, c.memory}.parse()
		if err != nil || math.Abs(got.CPUs-c.want.CPUs) > 1e-12 || got.Memory != c.want.Memory {
			t.Errorf("%+v: %+v, %v", c, got, err)
		}
	}
	for _, wrong := range []limitFlags{
		{"10", "none"},
		{"", "none"},
		{"-5%", "none"},
		{"0%", "none"},
		{"NaN%", "none"},
		{"1e9%", "none"},
		{"x%", "none"},
		{"none", "200"},
		{"none", ""},
		{"none", "31MiB"},
		{"none", "-1GiB"},
		{"none", "9999999999999GiB"},
		{"none", "1 GiB"},
		{"none", "1GB"},
	} {
		if got, err := wrong.parse(); err == nil || !strings.Contains(err.Error(), "or none") {
			t.Errorf("%+v: %+v, %v", wrong, got, err)
		}
	}
}

func TestKeepMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	t.Setenv("GOMEMLIMIT", "1GiB")
	keepMemory(agent.Limits{Memory: 400 << 20})
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("told otherwise: %d", got)
	}
}

// TestSelf is what a real agent says of itself in an answer and as metrics.
func TestSelf(t *testing.T) {
	log, _ := start(t, "serve", "--listen", "127.0.0.1:0", "--interval", "100ms", "--memory-limit", "none")
	url := log.wait(t, `address=(http://127\.0\.0\.1:\d+)`)[1]
	healthy(t, url)
	var answer struct{ Self k2i.Self }
	if err := json.Unmarshal(fetch(t, url+"/v1/proc?limit=1", "application/json"), &answer); err != nil {
		t.Fatal(err)
	}
	if s := answer.Self; s.IntervalNS < 100e6 || s.CPUNS == 0 || s.RSSBytes < 1<<20 || s.Throttled == "" && s.IntervalNS != 100e6 {
		t.Errorf("%+v", s)
	}
	metrics := string(fetch(t, url+"/metrics", "*/*"))
	for _, want := range []string{"k2i_throttled ", "k2i_throttles_total ", "k2i_interval_seconds ", "k2i_cpu_limit_cores 0.1", "k2i_memory_limit_bytes 0", "process_cpu_seconds_total ", "k2i_sample_age_seconds "} {
		if !strings.Contains(metrics, "\n"+want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
}

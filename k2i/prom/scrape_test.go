package prom

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ddcos/k2i"
)

// maxOwn is how many series are left for the agent's own numbers beside those
// that every registry has.
const maxOwn = 60

// crowd is a host where all processes have names of their own.
func crowd(n int, seed uint64) *k2i.Snapshot {
	random := rand.New(rand.NewPCG(seed, 4))
	name := func() string {
		b := make([]byte, random.IntN(300))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return string(b)
	}
	snap := snapshot()
	snap.Processes = nil
	for i := range n {
		snap.Processes = append(snap.Processes, &k2i.Process{
			PID: int32(i + 1), StartTicks: seed, User: name(), Comm: name(), ContainerID: name(), Cgroup: "/" + strings.ReplaceAll(name(), "/", "") + ".service",
			State: "S", Threads: 1, RSSBytes: random.Uint64N(1 << 20), UserNS: random.Uint64N(1e9),
		})
	}
	return snap
}

// TestCardinalityBomb is a host where each of 10,000 processes has a user, a
// command, a unit and a container of its own, and others at each of three
// samples: 120,000 names.
func TestCardinalityBomb(t *testing.T) {
	groups := NewGroups()
	var snap *k2i.Snapshot
	for round := range 3 {
		snap = crowd(10_000, uint64(round))
		snap.Host.UptimeNS += int64(round) * int64(2*review)
		groups.Observe(snap)
		for _, d := range groups.by {
			if len(d.groups) > maxKnown || d.shown > d.limit {
				t.Fatalf("%d %ss are known, %d are shown", len(d.groups), d.by, d.shown)
			}
		}
	}
	text := scrapeOf(t, registry(fixed{snap}, groups, nil, time.Now))
	total := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		total++
		if len(line) > 3*MaxLabel+128 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
	if total > MaxSeries-maxOwn {
		t.Errorf("%d series, of at most %d, and %d are for the agent's own numbers", total, MaxSeries, maxOwn)
	}
	if got := len(lines(text, "process_threads")); got != 16+10+8+20+4 {
		t.Errorf("%d groups", got)
	}
	byUser := 0.0
	for _, line := range lines(text, "process_group_processes") {
		var n float64
		if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' '):], &n); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, `group_by="user"`) {
			byUser += n
		}
	}
	if byUser != 10_000 {
		t.Errorf("the users have %v processes", byUser)
	}
}

// TestPromtool has Prometheus's own tool read what is served.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is missing: install the package prometheus")
	}
	for name, snap := range map[string]*k2i.Snapshot{"few": snapshot(), "many": crowd(1000, 1)} {
		cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
		cmd.Stdin = strings.NewReader(scrape(t, snap))
		if out, err := cmd.CombinedOutput(); err != nil || len(out) != 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// BenchmarkScrape is one scrape of a host with 5,000 processes and as many
// groups as are shown, to the last byte of text.
func BenchmarkScrape(b *testing.B) {
	snap := crowd(5000, 1)
	groups := NewGroups()
	groups.Observe(snap)
	r := registry(fixed{snap}, groups, nil, time.Now)
	b.ReportAllocs()
	for b.Loop() {
		scrapeOf(b, r)
	}
}

// BenchmarkObserve is what every sample costs: of processes that are known, a
// tenth of which did something.
func BenchmarkObserve(b *testing.B) {
	for _, n := range []int{500, 5000, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			snap := snapshot()
			snap.Processes = nil
			for pid := range n {
				p := &k2i.Process{PID: int32(pid + 1), User: fmt.Sprint("u", pid%40), Comm: fmt.Sprint("c", pid%200), Cgroup: fmt.Sprintf("/s%d.service", pid%50), State: "S"}
				snap.Processes = append(snap.Processes, p)
			}
			groups := NewGroups()
			groups.Observe(snap)
			b.ReportAllocs() // a row for each that did something
			for b.Loop() {
				snap.Host.UptimeNS += int64(time.Second)
				for pid := 0; pid < n; pid += 10 {
					row := *snap.Processes[pid]
					row.UserNS += 1000
					snap.Processes[pid] = &row
				}
				groups.Observe(snap)
			}
		})
	}
}

// scrapeOf gives what a registry serves.
func scrapeOf(tb testing.TB, r *prometheus.Registry) string {
	tb.Helper()
	recorder := httptest.NewRecorder()
	handler(r, slog.New(slog.DiscardHandler)).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	if recorder.Code != http.StatusOK {
		tb.Fatalf("%d: %s", recorder.Code, recorder.Body)
	}
	return recorder.Body.String()
}

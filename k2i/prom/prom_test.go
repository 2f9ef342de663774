package prom

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"ddcos/k2i"
)

// fixed is a source of one snapshot.
type fixed struct{ snap *k2i.Snapshot }

func (f fixed) Snapshot() *k2i.Snapshot { return f.snap }

// epoch is when the snapshots of these tests were taken.
func epoch() time.Time { return time.Unix(1_790_000_000, 500_000_000) }

func snapshot() *k2i.Snapshot {
	return &k2i.Snapshot{
		Host: k2i.Host{ID: "boot.1", Name: "node7", Kernel: "6.18.0", CPUs: 2, MemTotalBytes: 1 << 30, MemAvailableBytes: 1 << 29},
		At:   epoch(), Mode: k2i.ModeBPF, Visibility: k2i.VisibilityFull, BusyCPUs: 1.5,
		Processes: []*k2i.Process{
			{PID: 1, User: "root", State: "S", Threads: 1, RSSBytes: 100, RCPU: 0.25},
			{PID: 2, User: "root", State: "I", Threads: 1, RCPU: k2i.NoRate()},
			{PID: 3, User: "alice", State: "R", Threads: 8, RSSBytes: 300, RCPU: 0.5},
			{PID: 4, User: "bob", State: "?", Threads: 2, RSSBytes: 5, RCPU: k2i.NoRate()},
		},
	}
}

// scrape gives what the collector alone says of a snapshot, one second after it.
func scrape(t *testing.T, snap *k2i.Snapshot) string {
	t.Helper()
	return scrapeAt(t, snap, epoch().Add(time.Second))
}

func scrapeAt(t *testing.T, snap *k2i.Snapshot, now time.Time) string {
	t.Helper()
	server := httptest.NewServer(handler(registry(fixed{snap}, nil, func() time.Time { return now }), slog.New(slog.DiscardHandler)))
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", response.Status, body, err)
	}
	return string(body)
}

// series are the lines of one metric, without comments.
func series(text, name string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, name+" ") || strings.HasPrefix(line, name+"{") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

func TestCollector(t *testing.T) {
	text := scrape(t, snapshot())
	for _, want := range []string{
		`k2i_host_info{host_id="boot.1",kernel="6.18.0",mode="bpf",visibility="full"} 1`,
		`k2i_sample_age_seconds 1`,
		`k2i_sample_timestamp_seconds 1.7900000005e+09`,
		`k2i_processes{state="R"} 1`, `k2i_processes{state="S"} 1`, `k2i_processes{state="I"} 1`, `k2i_processes{state="Z"} 0`, `k2i_processes{state="other"} 1`,
		`k2i_threads 12`,
		`k2i_host_cpus 2`, `k2i_host_cpus_in_use 1.5`,
		`k2i_host_memory_bytes 1.073741824e+09`, `k2i_host_memory_available_bytes 5.36870912e+08`,
		`k2i_user_processes{user="root"} 2`, `k2i_user_processes{user="alice"} 1`,
		`k2i_user_cpus_in_use{user="root"} 0.25`, `k2i_user_cpus_in_use{user="alice"} 0.5`,
		`k2i_user_resident_memory_bytes{user="root"} 100`, `k2i_user_resident_memory_bytes{user="alice"} 300`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
	if got := series(text, "k2i_user_cpus_in_use"); len(got) != 2 {
		t.Errorf("a user without a rate has one: %q", got)
	}
	for _, own := range []string{"go_goroutines", "process_resident_memory_bytes"} {
		if len(series(text, own)) != 1 {
			t.Errorf("the agent says no %s of itself", own)
		}
	}
}

func TestNothingKnownIsNothingSaid(t *testing.T) {
	if text := scrape(t, nil); strings.Contains(text, "\nk2i_") || len(series(text, "go_goroutines")) != 1 {
		t.Errorf("without a sample: %s", text)
	}
	snap := snapshot()
	snap.BusyCPUs = k2i.NoRate()
	if text := scrape(t, snap); len(series(text, "k2i_host_cpus_in_use")) != 0 || len(series(text, "k2i_host_cpus")) != 1 {
		t.Error("a rate that is not known is a number")
	}
	if got := series(scrapeAt(t, snapshot(), epoch().Add(-time.Hour)), "k2i_sample_age_seconds"); len(got) != 1 || got[0] != "k2i_sample_age_seconds 0" {
		t.Errorf("a clock that was set back: %q", got)
	}
}

func TestLint(t *testing.T) {
	numbers := []Number{
		{Name: "k2i_http_panics_total", Help: "Requests that panicked.", Counter: true, Value: func() float64 { return 3 }},
		{Name: "k2i_room_joined", Help: "Whether the agent is in the room.", Value: func() float64 { return 1 }},
	}
	r := registry(fixed{snapshot()}, numbers, time.Now)
	problems, err := testutil.GatherAndLint(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "k2i_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	if n, err := testutil.GatherAndCount(r, "k2i_http_panics_total", "k2i_room_joined"); err != nil || n != 2 {
		t.Errorf("%d of 2 numbers, %v", n, err)
	}
}

// TestCardinalityBomb is a host where every process has a user of its own, in
// names that a label cannot hold as they are.
func TestCardinalityBomb(t *testing.T) {
	snap := snapshot()
	snap.Processes = nil
	for i := range 50_000 {
		name := fmt.Sprintf("user\n\"%d\"\\\xff{}%s", i, strings.Repeat("x", i%300))
		snap.Processes = append(snap.Processes, &k2i.Process{PID: int32(i + 1), User: name, State: name, RSSBytes: uint64(i), Threads: 1, RCPU: 0.001})
	}
	start := time.Now()
	text := scrape(t, snap)
	t.Logf("scraped in %v", time.Since(start))
	for _, name := range []string{"k2i_user_processes", "k2i_user_cpus_in_use", "k2i_user_resident_memory_bytes"} {
		lines := series(text, name)
		if len(lines) != MaxGroups+1 {
			t.Errorf("%s has %d series", name, len(lines))
		}
		for _, line := range lines {
			if len(line) > MaxLabel*2+64 {
				t.Errorf("a line of %d bytes", len(line))
			}
		}
	}
	if got := series(text, "k2i_user_processes"); !strings.Contains(strings.Join(got, "\n"), `{user="other"} 49950`) {
		t.Errorf("the rest is not in other: %.200s", got)
	}
	if got := series(text, "k2i_processes"); len(got) != len(states)+1 || !strings.Contains(strings.Join(got, "\n"), `k2i_processes{state="other"} 50000`) {
		t.Errorf("states: %q", got)
	}
}

// TestNamesThatMeet are two users that one label cannot tell apart, and one
// that is called as the rest is.
func TestNamesThatMeet(t *testing.T) {
	snap := snapshot()
	snap.Processes = []*k2i.Process{{PID: 1, User: "a\xff"}, {PID: 2, User: "a\xfe"}, {PID: 3, User: Other, RSSBytes: 1 << 30}}
	for i := range MaxGroups {
		snap.Processes = append(snap.Processes, &k2i.Process{PID: int32(i + 10), User: fmt.Sprint("u", i), RSSBytes: 1})
	}
	text := strings.Join(series(scrape(t, snap), "k2i_user_processes"), "\n")
	// Itself, one of u0 to u49, and the two that are one.
	if !strings.Contains(text, `{user="other"} 4`) {
		t.Errorf("got %s", text)
	}
	snap.Processes = snap.Processes[:2]
	text = strings.Join(series(scrape(t, snap), "k2i_user_processes"), "\n")
	if text != "k2i_user_processes{user=\"a\uFFFD\"} 2" {
		t.Errorf("got %s", text)
	}
}

func TestLabel(t *testing.T) {
	tests := map[string]string{
		"": "", "root": "root", "\xff": "\uFFFD",
		strings.Repeat("x", 200):                    strings.Repeat("x", MaxLabel),
		strings.Repeat("x", MaxLabel-1) + "ä":       strings.Repeat("x", MaxLabel-1),
		strings.Repeat("x", MaxLabel-2) + "ä" + "y": strings.Repeat("x", MaxLabel-2) + "ä",
	}
	for in, want := range tests {
		if got := label(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// BenchmarkScrape is one scrape of a large host: 20,000 processes of 40 users.
func BenchmarkScrape(b *testing.B) {
	snap := snapshot()
	snap.Processes = nil
	for i := range 20_000 {
		snap.Processes = append(snap.Processes, &k2i.Process{PID: int32(i + 1), User: fmt.Sprint("user", i%40), State: "S", RSSBytes: uint64(i), RCPU: 0.1})
	}
	r := registry(fixed{snap}, nil, time.Now)
	for b.Loop() {
		if _, err := r.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}

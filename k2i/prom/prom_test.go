package prom

import (
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

const containerID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func snapshot() *k2i.Snapshot {
	const second = 1_000_000_000
	return &k2i.Snapshot{
		Host: k2i.Host{
			ID: "boot.1", Name: "node7", Kernel: "6.18.0", CPUs: 2, MemTotalBytes: 1 << 30, MemAvailableBytes: 1 << 29,
			Load: [3]float64{0.5, 1, 2}, UptimeNS: 3600 * second,
		},
		At: epoch(), Mode: k2i.ModeBPF, Visibility: k2i.VisibilityFull, BusyCPUs: 1.5, Events: k2i.Events{Mode: k2i.EventsBPF},
		Processes: []*k2i.Process{
			{PID: 1, User: "root", Comm: "init", State: "S", Threads: 1, RSSBytes: 100, Cgroup: "/init.scope", UserNS: second, ReadBytes: 4096, WriteBytes: 10},
			{PID: 2, User: "root", Comm: "kworker/0:1", Kernel: true, State: "I", Threads: 1, Cgroup: "/", SystemNS: 2 * second, ReadBytes: k2i.Unread, WriteBytes: k2i.Unread},
			{
				PID: 3, User: "alice", Comm: "web", State: "R", Threads: 8, RSSBytes: 300, VSZBytes: 900, MinFlt: 7, MajFlt: 1, VoluntarySwitches: 21, InvoluntarySwitches: 4,
				Cgroup: "/system.slice/docker-" + containerID + ".scope", ContainerID: containerID, UserNS: 3 * second, SystemNS: second / 2,
				ReadBytes: 100, WriteBytes: 0, NetRxBytes: 77, NetTxBytes: k2i.Unread,
			},
			{PID: 4, User: "bob", Comm: "kworker/1:0", Kernel: true, State: "?", Threads: 2, RSSBytes: 5, Cgroup: "/", ReadBytes: k2i.Unread, WriteBytes: k2i.Unread},
		},
	}
}

// scrape gives what is said of a snapshot, the only one, one second after it.
func scrape(t *testing.T, snap *k2i.Snapshot) string {
	t.Helper()
	return scrapeAt(t, snap, epoch().Add(time.Second))
}

func scrapeAt(t *testing.T, snap *k2i.Snapshot, now time.Time) string {
	t.Helper()
	groups := NewGroups()
	if snap != nil {
		groups.Observe(snap)
	}
	server := httptest.NewServer(handler(registry(fixed{snap}, groups, nil, func() time.Time { return now }), slog.New(slog.DiscardHandler)))
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

// lines are the lines of one metric, without comments.
func lines(text, name string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, name+" ") || strings.HasPrefix(line, name+"{") {
			all = append(all, strings.TrimSuffix(line, "\n"))
		}
	}
	return all
}

func TestCollector(t *testing.T) {
	text := scrape(t, snapshot())
	for _, want := range []string{
		`k2i_host_info{events="bpf",host_id="boot.1",kernel="6.18.0",mode="bpf",visibility="full"} 1`,
		`k2i_sample_age_seconds 1`,
		`k2i_sample_timestamp_seconds 1.7900000005e+09`,
		`k2i_processes{state="R"} 1`, `k2i_processes{state="S"} 1`, `k2i_processes{state="I"} 1`, `k2i_processes{state="Z"} 0`, `k2i_processes{state="other"} 1`,
		`k2i_threads 12`,
		`k2i_host_cpus 2`, `k2i_host_cpus_in_use 1.5`,
		`k2i_host_memory_bytes 1.073741824e+09`, `k2i_host_memory_available_bytes 5.36870912e+08`,
		`k2i_host_load{minutes="15"} 2`,
		`process_cpu_time_seconds_total{cpu_mode="user",group="alice",group_by="user"} 3`,
		`process_cpu_time_seconds_total{cpu_mode="system",group="root",group_by="user"} 2`,
		`process_cpu_time_seconds_total{cpu_mode="user",group="` + containerID + `",group_by="container"} 3`,
		`process_cpu_time_seconds_total{cpu_mode="system",group="none",group_by="container"} 2`,
		`process_cpu_time_seconds_total{cpu_mode="user",group="init.scope",group_by="unit"} 1`,
		`process_cpu_time_seconds_total{cpu_mode="system",group="[kworker]",group_by="command"} 2`,
		`process_cpu_time_seconds_total{cpu_mode="user",group="other",group_by="command"} 0`,
		`process_paging_faults_total{group="web",group_by="command",system_paging_fault_type="major"} 1`,
		`process_context_switches_total{group="web",group_by="command",process_context_switch_type="voluntary"} 21`,
		`process_context_switches_total{group="web",group_by="command",process_context_switch_type="involuntary"} 4`,
		`process_disk_io_bytes_total{disk_io_direction="read",group="root",group_by="user"} 4096`,
		`process_network_io_bytes_total{group="web",group_by="command",network_io_direction="receive"} 77`,
		`process_memory_usage_bytes{group="alice",group_by="user"} 300`,
		`process_memory_virtual_bytes{group="web",group_by="command"} 900`,
		`process_threads{group="[kworker]",group_by="command"} 3`,
		`process_group_processes{group="root",group_by="user"} 2`,
		`process_group_processes{group="other",group_by="user"} 0`,
		`k2i_groups_known{group_by="user"} 3`,
		`k2i_group_evictions_total{group_by="command"} 0`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
	if strings.Contains(text, `disk_io_direction="read",group="[kworker]"`) {
		t.Error("bytes that could not be read are a number")
	}
	for _, own := range []string{"go_goroutines", "process_resident_memory_bytes"} {
		if len(lines(text, own)) != 1 {
			t.Errorf("the agent says no %s of itself", own)
		}
	}
}

func TestNothingKnownIsNothingSaid(t *testing.T) {
	if text := scrape(t, nil); strings.Contains(text, "\nk2i_") || len(lines(text, "go_goroutines")) != 1 {
		t.Errorf("without a sample: %s", text)
	}
	snap := snapshot()
	snap.BusyCPUs = k2i.NoRate()
	if text := scrape(t, snap); len(lines(text, "k2i_host_cpus_in_use")) != 0 || len(lines(text, "k2i_host_cpus")) != 1 {
		t.Error("a rate that is not known is a number")
	}
	if got := lines(scrapeAt(t, snapshot(), epoch().Add(-time.Hour)), "k2i_sample_age_seconds"); len(got) != 1 || got[0] != "k2i_sample_age_seconds 0" {
		t.Errorf("a clock that was set back: %q", got)
	}
}

func TestLint(t *testing.T) {
	numbers := []Number{
		{Name: "k2i_http_panics_total", Help: "Requests that panicked.", Counter: true, Value: func() float64 { return 3 }},
		{Name: "k2i_room_joined", Help: "Whether the agent is in the room.", Value: func() float64 { return 1 }},
	}
	groups := NewGroups()
	groups.Observe(snapshot())
	r := registry(fixed{snapshot()}, groups, numbers, time.Now)
	problems, err := testutil.GatherAndLint(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if n, err := testutil.GatherAndCount(r, "k2i_http_panics_total", "k2i_room_joined"); err != nil || n != 2 {
		t.Errorf("%d of 2 numbers, %v", n, err)
	}
}

// The names that a label cannot hold as they are, and two that it cannot tell apart.
func TestHostileNames(t *testing.T) {
	snap := snapshot()
	snap.Processes = []*k2i.Process{{PID: 1, User: "a\xff"}, {PID: 2, User: "a\xfe"}, {PID: 3, User: Other, RSSBytes: 1 << 30}, {PID: 4, User: ""}}
	for i, name := range []string{"x\ny", `quo"te\`, "\x1b[31mred", "\u202Ebidi", strings.Repeat("long", 2500)} {
		snap.Processes = append(snap.Processes, &k2i.Process{PID: int32(10 + i), Comm: name, Cgroup: "/" + name + ".service", ContainerID: name})
	}
	text := scrape(t, snap)
	for _, want := range []string{
		"process_group_processes{group=\"a\uFFFD\",group_by=\"user\"} 2", `process_group_processes{group="other",group_by="user"} 1`,
		`process_group_processes{group="",group_by="user"} 6`,
		"process_group_processes{group=\"x\uFFFDy\",group_by=\"command\"} 1", `process_group_processes{group="quo\"te\\",group_by="command"} 1`,
		"process_group_processes{group=\"\uFFFD[31mred\",group_by=\"container\"} 1", "process_group_processes{group=\"\uFFFDbidi.service\",group_by=\"unit\"} 1",
		`process_group_processes{group="` + strings.Repeat("long", MaxLabel/4) + `",group_by="command"} 1`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
	if strings.ContainsAny(text, "\x1b\u202E") {
		t.Error("a name speaks to the terminal")
	}
}

func TestLabel(t *testing.T) {
	tests := map[string]string{
		"": "", "root": "root", "\xff": "\uFFFD", "ä": "ä", "a\tb": "a\uFFFDb", "\u2066": "\uFFFD",
		strings.Repeat("\xff", 10_000):              "\uFFFD",
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

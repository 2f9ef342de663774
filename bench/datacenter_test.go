package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/k2i/query"
)

// TestDatacenter asks thirty hosts by the real programs; that dps prints what
// sorting all rows gives, and names who is stopped, is held while it measures.
func TestDatacenter(t *testing.T) {
	bin := built(t)
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "ddcos/cmd/dps").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	leavesNothing(t)
	var out bytes.Buffer
	o := DefaultDatacenterOptions()
	o.Bin, o.JSON, o.Out, o.Progress = bin, true, &out, io.Discard
	o.Agents, o.Processes, o.Asked, o.Limit, o.OneIn, o.Deadline = 30, 20, 2, 10, 10, 2*time.Second // in which those answer who are not stopped
	if err := Datacenter(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range decoded(t, &out) {
		names = append(names, f.Name)
		if f.Value <= 0 || f.Peer != "" && f.Ratio != f.Value/f.PeerValue {
			t.Errorf("%+v", f)
		}
		if f.Name == "fleet-holes" && f.Value < f.PeerValue {
			t.Errorf("hosts that are stopped were not waited for: %+v", f)
		}
	}
	if got := strings.Join(names, " "); got != "fleet-first-p50 fleet-early-p50 fleet-p50 fleet-p99 fleet-resident fleet-bytes fleet-holes" {
		t.Errorf("figures %s", got)
	}
}

func TestDatacenterRefuses(t *testing.T) {
	for want, change := range map[string]func(*DatacenterOptions){
		"processes a host":          func(o *DatacenterOptions) { o.Processes = 0 },
		"asked 0 times":             func(o *DatacenterOptions) { o.Asked = 0 },
		"for 0 rows":                func(o *DatacenterOptions) { o.Limit = 0 },
		"at least one stopped":      func(o *DatacenterOptions) { o.OneIn = o.Agents + 1 },
		"a deadline of 1m0s":        func(o *DatacenterOptions) { o.Deadline = time.Minute },
		"fit the limit of open":     func(o *DatacenterOptions) { o.Agents = 1 << 30 },
		"there are unix and tcp":    func(o *DatacenterOptions) { o.Transport = "carrier" },
		"0 runs; 1 to 101 are poss": func(o *DatacenterOptions) { o.Runs = 0 },
	} {
		o := DefaultDatacenterOptions()
		o.Bin = t.TempDir()
		change(&o)
		if err := Datacenter(t.Context(), o); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestTop holds what is expected of dps to what the agents would have told.
func TestTop(t *testing.T) {
	made, err := newRows(t.Context(), filepath.Join(t.TempDir(), "rows"))
	if err != nil {
		t.Fatal(err)
	}
	read, err := readRows(made.file)
	if err != nil {
		t.Fatal(err)
	}
	const hosts, processes, limit = 3, 50, 7
	type row struct {
		use  float64
		line string
	}
	var all []row
	for host := range hosts {
		snap := read.snapshot(host, processes)
		found, err := query.Run(query.Query{}, snap)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range found {
			all = append(all, row{float64(p.RCPU), fmt.Sprintf("%s %d", snap.Host.Name, p.PID)})
		}
	}
	if len(all) != hosts*processes {
		t.Fatalf("%d rows of %d hosts", len(all), hosts)
	}
	slices.SortFunc(all, func(a, b row) int { return int((b.use - a.use) * (1 << 40)) })
	var want []string
	for _, r := range all[:limit] {
		want = append(want, r.line)
	}
	if got := made.top(hosts, processes, limit); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := made.asJSON(processes); n < processes*256 {
		t.Errorf("%d processes are %d bytes of JSON", processes, n)
	}
}

func TestTally(t *testing.T) {
	sum := &tally{}
	for _, text := range []string{"ready\nansw", "ered 12\nanswered 30\nanswered", " 8", "\nnoise\n"} {
		if n, err := sum.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	if got := sum.bytes(); got != 50 {
		t.Errorf("got %d, want 50", got)
	}
	var out bytes.Buffer
	told := &teller{out: &out, agents: 3}
	for i := range 7 {
		if err := told.add(i); err != nil {
			t.Fatal(err)
		}
	}
	if got := out.String(); got != "answered 3\nanswered 12\n" {
		t.Errorf("got %q", got)
	}
}

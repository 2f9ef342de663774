package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestReport makes one measurement in earnest and reads what was written.
func TestReport(t *testing.T) {
	bin := built(t)
	leavesNothing(t)
	var out bytes.Buffer
	o := DefaultReportOptions()
	o.Bin, o.Out, o.Progress, o.Dir = bin, &out, io.Discard, filepath.Join(t.TempDir(), "deep", "report")
	o.Quick, o.Steps = true, []string{"order", "call-1000-unix"}
	if err := Report(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if out.String() != filepath.Join(o.Dir, "report.md")+"\n" {
		t.Errorf("it says %q", &out)
	}
	text := read(t, o.Dir, "report.md")
	for _, want := range []string{
		"**Quick:", " CPUs (", "| order: calls that members saw in different orders | at most 0 | 0 | met |",
		"| one member, round trip, beside `c` | at most 1.5 | - | not measured |",
		"    bench call --transport unix --runs 1 --peer middlecon-tcp,c --members 100 --calls 20 --rounds 20\n", "![A call to all members](call-1000-unix.svg)",
		"* middlecon-tcp: the same broker over TCP",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if svg := read(t, o.Dir, "call-1000-unix.svg"); !strings.Contains(svg, ">middlecon-tcp<") {
		t.Errorf("%.300s", svg)
	}
	figures := decoded(t, bytes.NewBufferString(read(t, o.Dir, "figures.jsonl")))
	if len(figures) < 6 || figures[0].Name != "order/order-inversions" {
		t.Errorf("%+v", figures)
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReportTellsFailures: what fails, or is not done in time, stands in the report.
func TestReportTellsFailures(t *testing.T) {
	o := DefaultReportOptions()
	o.Progress, o.Dir = io.Discard, t.TempDir()
	slow := step{"slow", "bench slow", func(ctx context.Context) (*result, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	m := slow.measure(t.Context(), time.Millisecond)
	if !errors.Is(m.failed, context.DeadlineExceeded) || !strings.Contains(m.failed.Error(), "not done within 1ms") {
		t.Error(m.failed)
	}
	broken := step{"broken", "bench broken", func(context.Context) (*result, error) { return nil, errors.New("one\ntwo") }}
	if err := o.write([]measured{m, broken.measure(t.Context(), time.Hour)}, time.Second); err != nil {
		t.Fatal(err)
	}
	text := read(t, o.Dir, "report.md")
	for _, want := range []string{"## slow\n", "not done within 1ms", "## broken\n", "one; two\n", "not measured"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestReportRefuses(t *testing.T) {
	o := DefaultReportOptions()
	o.Progress = io.Discard
	o.Steps = []string{"dance"}
	if err := Report(t.Context(), o); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), "there are: [call-1000 ") {
		t.Error(err)
	}
	o.Steps, o.Most = nil, 0
	if err := Report(t.Context(), o); !errors.Is(err, ErrOptions) {
		t.Error(err)
	}
}

// TestTargets: each is about a figure that its step measures, beside a peer that this has.
func TestTargets(t *testing.T) {
	steps := map[string]step{}
	for _, s := range DefaultReportOptions().steps() {
		steps[s.name] = s
	}
	for _, target := range targets() {
		s, found := steps[target.step]
		if !found {
			t.Errorf("%s: no step %s", target.what, target.step)
		}
		if p := target.peer; p != "" && !slices.Contains([]string{"unstopped", "quota", "wait", "stat", "cpuacct"}, p) && !strings.Contains(strings.ReplaceAll(s.command, ",", " ")+" ", " "+p+" ") {
			t.Errorf("%s: %s does not measure %s", target.what, s.command, p)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, tc := range []struct {
		target target
		got    float64
		want   string
	}{
		{target{bound: 1.5}, 1.5, "met"},
		{target{bound: 1.5}, 1.8, "**missed** by 20 %"},
		{target{bound: 1, least: true}, 1, "met"},
		{target{bound: 1, least: true}, 0.4, "**missed** by 60 %"},
		{target{bound: 0}, 0, "met"},
		{target{bound: 0}, 3, "**missed**: 3"},
	} {
		if got := tc.target.verdict(tc.got); got != tc.want {
			t.Errorf("%+v of %v: %q, want %q", tc.target, tc.got, got, tc.want)
		}
	}
	m := []measured{{step: step{name: "one"}, result: &result{figures: []Figure{{Name: "p50", Value: 7, Peer: "c", Ratio: 2}}}}}
	if got, found := (target{step: "one", figure: "p50", peer: "c"}).find(m); got != 2 || !found {
		t.Error(got, found)
	}
	if got, found := (target{step: "one", figure: "p50", value: true}).find(m); got != 7 || !found {
		t.Error(got, found)
	}
	for _, t2 := range []target{{step: "two", figure: "p50"}, {step: "one", figure: "p50", peer: "nats"}, {step: "one", figure: "p99", value: true}} {
		if _, found := t2.find(m); found {
			t.Errorf("%+v is found", t2)
		}
	}
}

func TestNumber(t *testing.T) {
	for want, v := range map[string]float64{"15000": 15_000, "1.5": 1.5, "0.05": 0.05, "0.3333": 1.0 / 3, "0": 0, "60": 60, "123457": 123_456.7, "0.00484": 0.00484} {
		if got := number(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}

func TestField(t *testing.T) {
	if got := field("/proc/meminfo", "MemTotal"); !strings.HasSuffix(got, " kB") {
		t.Errorf("%q", got)
	}
	if field("/proc/meminfo", "NoSuch") != "unknown" || field("/nowhere", "x") != "unknown" {
		t.Error("something unknown is known")
	}
}

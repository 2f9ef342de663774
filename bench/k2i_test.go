package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/k2i"
	k2iwire "ddcos/k2i/wire"
)

// tiny is a measurement of everything that takes a moment.
func tiny(t *testing.T) (K2iOptions, *bytes.Buffer) {
	t.Helper()
	bin := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", bin+"/", "ddcos/cmd/k2i", "ddcos/cmd/bench")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	var out bytes.Buffer
	o := DefaultK2iOptions()
	o.Bin, o.Out, o.Progress, o.JSON, o.Peers = bin, &out, io.Discard, true, []string{"ps"}
	o.Processes, o.Many, o.Rounds, o.Execs, o.ExecRate, o.Seconds = 60, 80, 1, 5, 300, 1
	o.Steady, o.warm = time.Second, 100*time.Millisecond
	return o, &out
}

// TestK2i makes every measurement, and reads what programs would read.
func TestK2i(t *testing.T) {
	o, out := tiny(t)
	leavesNothing(t)
	if err := K2i(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	found := map[string]Figure{}
	for _, f := range decoded(t, out) {
		if found[f.Name+" "+f.Peer] = f; f.Unit == "" || f.Peer != "" && f.PeerValue > 0 && f.Ratio != f.Value/f.PeerValue {
			t.Errorf("%+v", f)
		}
	}
	for name, least := range map[string]float64{
		"k2i-pass ps": 0.01, "k2i-pass-processes ": 60, "k2i-procfs-pass ps": 0.01, "k2i-scrape-p50 ": 0.01, "k2i-fresh-p99 ": 0.1,
		"k2i-steady-cpu ": 0.001, "k2i-steady-rss ": 1, "k2i-steady-bpf ": 0, "k2i-many-cpu ": 0.001, "k2i-steady-procfs-cpu ": 0.001,
		"k2i-execs-told wait": 1, "k2i-execs-charged wait": 1, "k2i-execs-sum stat": 1, "k2i-flood-known made": 1,
	} {
		if f, ok := found[name]; !ok || f.Value < least {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if f := found["k2i-execs-told wait"]; f.Ratio != 1 && found["k2i-execs-lost "].Value == 0 {
		t.Errorf("nothing was lost, and %+v", f)
	}
	for _, none := range []string{"k2i-flood-uncounted ", "k2i-charge-short-missing ", "k2i-charge-daemon-missing "} {
		if f, ok := found[none]; !ok || f.Value != 0 {
			t.Errorf("%s: %+v", none, f)
		}
	}
}

func TestK2iTable(t *testing.T) {
	o, out := tiny(t)
	o.Steps, o.JSON, o.Quick, o.Processes = []string{"pass"}, false, true, 20
	if err := K2i(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"pass: one look at all processes", "FIGURE ", "k2i-procfs-pass ", "\nps: the command"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestK2iInterrupted leaves nothing behind, neither files nor processes.
func TestK2iInterrupted(t *testing.T) {
	o, _ := tiny(t)
	leavesNothing(t)
	ctx, cancel := context.WithCancel(t.Context())
	o.Steps, o.Steady = []string{"steady"}, time.Hour
	o.Progress = writerFunc(func(b []byte) (int, error) {
		if strings.Contains(string(b), " made in ") {
			time.AfterFunc(time.Millisecond, cancel)
		}
		return len(b), nil
	})
	if err := K2i(ctx, o); err == nil || err.Error() != "interrupted" {
		t.Errorf("%v", err)
	}
}

func TestK2iRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*K2iOptions)
		says   string
	}{
		"a step":        {func(o *K2iOptions) { o.Steps = []string{"dance"} }, "there are: pass, scrape"},
		"a peer":        {func(o *K2iOptions) { o.Peers = []string{"nats"} }, "there are: procfs, gopsutil"},
		"no process":    {func(o *K2iOptions) { o.Processes = 0 }, "1 to"},
		"too many":      {func(o *K2iOptions) { o.Many = 1 << 20 }, "1 to"},
		"no round":      {func(o *K2iOptions) { o.Rounds = 0 }, "one at least"},
		"a short while": {func(o *K2iOptions) { o.Steady = 1 }, "one at least"},
	} {
		o := DefaultK2iOptions()
		o.Progress = io.Discard
		tc.change(&o)
		if err := K2i(t.Context(), o); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q", name, err, tc.says)
		}
	}
	o := DefaultK2iOptions()
	o.Progress, o.Bin, o.Steps = io.Discard, "/nowhere", []string{"charge"}
	if err := K2i(t.Context(), o); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "make build") {
		t.Error(err)
	}
}

func TestQuick(t *testing.T) {
	o := DefaultK2iOptions()
	o.Quick, o.Rounds = true, 2
	if q := o.quick(); q.Processes != 1000 || q.Many != 2000 || q.Rounds != 2 || q.Seconds != 5 {
		t.Errorf("%+v", q)
	}
}

// TestChargedBetween adds up the CPU time of processes that stay, come, go, and come and go.
func TestChargedBetween(t *testing.T) {
	row := func(pid int32, cpu uint64, ended k2i.Count) k2i.Process {
		p := k2i.Blank()
		p.PID, p.CPUNS, p.EndedNS, p.State = pid, cpu, ended, "S"
		if ended > 0 {
			p.State = k2i.StateEnded
		}
		return p
	}
	before := &k2iwire.Answer{SampledNS: 1000, Host: k2i.Host{BootUnixNS: 900}, Processes: k2iwire.Rows{row(1, 10, -1), row(2, 20, -1), row(3, 30, 99), row(4, 40, 101)}}
	after := &k2iwire.Answer{SampledNS: 1100, Host: k2i.Host{BootUnixNS: 900}, Processes: k2iwire.Rows{row(1, 15, -1), row(5, 7, -1), row(6, 100, 150)}}
	ended := map[k2i.Key]*k2i.Process{}
	for _, p := range []k2i.Process{row(2, 26, 140), row(3, 30, 99), row(4, 41, 101), row(6, 100, 150), row(7, 1000, 201)} {
		ended[p.Key()] = &p
	}
	// Nobody waits for 8, which ended before, nor for 9, which ended meanwhile and had 4.
	for pid, at := range map[int32]k2i.Count{8: 50, 9: 150} {
		zombie := row(pid, 500, at)
		zombie.State = "Z"
		after.Processes = append(after.Processes, zombie)
		ended[zombie.Key()] = &zombie
		zombie.CPUNS = map[int32]uint64{8: 500, 9: 496}[pid]
		before.Processes = append(before.Processes, zombie)
	}
	// 1 had 5, 2 had 6, 4 had 1, 5 all of its 7, 6 all of its 100; 3 was over before and 7 comes after.
	if got := chargedBetween(before, after, ended); got != 5+6+1+7+100+4 {
		t.Errorf("%d", got)
	}
}

func TestFdinfo(t *testing.T) {
	text := []byte("pos:\t0\nprog_type:\t26\nprog_id:\t77\nrun_time_ns:\t1234\n")
	for name, want := range map[string]string{"prog_id": "77", "run_time_ns": "1234", "link_type": "", "prog": ""} {
		if got := fdinfo(text, name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	slices.Reverse(hundred)
	for share, want := range map[float64]float64{0: 1, 0.5: 50, 0.99: 99, 0.991: 100, 1: 100} {
		if got := quantile(hundred, share); got != want {
			t.Errorf("%v: %v, want %v", share, got, want)
		}
	}
	if quantile(nil, 0.5) != 0 {
		t.Error("of none")
	}
}

// TestCPUTime: the clock is that of the whole process, with threads and what has ended of it.
func TestCPUTime(t *testing.T) {
	said := newAwaited("done")
	p, err := launch(said, nil, "/bin/sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo done; read forever")
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-said.seen:
	case <-p.done: // without an input to read it ends
	}
	if cpu, err := p.cpuTime(); err == nil && (cpu < 5*time.Millisecond || cpu > time.Minute) {
		t.Errorf("%v", cpu)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if _, err := p.cpuTime(); err == nil {
		t.Error("of a program that has ended")
	}
}

// TestPeerThatEnds loses its place and nothing else.
func TestPeerThatEnds(t *testing.T) {
	p, err := launch(nil, nil, "/bin/sh", "-c", "exit 2")
	if err != nil {
		t.Fatal(err)
	}
	<-p.done
	var said bytes.Buffer
	o := DefaultK2iOptions()
	o.Progress = &said
	s := &scraped{name: "peer", note: "peer: a peer", program: p, get: func(context.Context) ([]byte, error) { return nil, io.EOF }, ms: []float64{1}}
	if err := s.scrape(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 2") {
		t.Error(err)
	}
	if err := o.unlessGone(t.Context(), s); err != nil || len(s.ms) != 1 {
		t.Errorf("%v, %v", err, s.ms)
	}
}

func TestLookRefuses(t *testing.T) {
	if err := Look(t.Context(), LookOptions{Mode: "magic", In: strings.NewReader("pass\n"), Out: io.Discard}); !errors.Is(err, ErrOptions) {
		t.Error(err)
	}
}

func TestCollectorsAreFound(t *testing.T) {
	for _, c := range collectors() {
		_, err := c.find(filepath.Join(t.TempDir()))
		if err != nil && (!errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "make peers") && !strings.Contains(err.Error(), c.debian)) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.debian == "" && err == nil {
			t.Errorf("%s is where nothing is", c.name)
		}
	}
}

func TestBeside(t *testing.T) {
	f := Figure{Name: "x", Value: 2, Note: "ours"}
	if all := beside(f, nil); len(all) != 1 || all[0] != f {
		t.Errorf("%+v", all)
	}
	all := beside(f, []Figure{{Peer: "a", PeerValue: 4, Note: "a"}, {Peer: "b"}})
	if len(all) != 2 || all[0].Ratio != 0.5 || all[0].Note != "a" || all[1].Ratio != 0 || all[1].Note != "ours" || math.IsInf(all[1].Ratio, 0) {
		t.Errorf("%+v", all)
	}
}

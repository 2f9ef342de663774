package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ddcos/protocol"
)

// built makes the programs of a measurement; the peer is one that knows just enough.
func built(t *testing.T) (bin string) {
	t.Helper()
	bin = t.TempDir()
	for output, pkg := range map[string]string{
		"":           "ddcos/cmd/middlecon ddcos/cmd/bench",
		"bench-nats": "ddcos/bench/testdata/fakenats",
	} {
		args := append([]string{"build", "-o", bin + "/" + output}, strings.Fields(pkg)...)
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build %s: %v\n%s", pkg, err, out)
		}
	}
	if _, err := exec.LookPath("cc"); err == nil {
		compile := exec.CommandContext(t.Context(), "cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", filepath.Join(bin, "bench-c"), "peers/c/fanout.c")
		if out, err := compile.CombinedOutput(); err != nil {
			t.Fatalf("cc: %v\n%s", err, out)
		}
	}
	return bin
}

// small is a measurement that takes no time worth speaking of, and says what it printed.
func small(bin string) (CallOptions, *bytes.Buffer) {
	var out bytes.Buffer
	o := DefaultCallOptions()
	o.Bin, o.Members, o.Calls, o.Rounds, o.Peers = bin, 50, 10, 4, []string{"nats"}
	o.Out, o.Progress = &out, io.Discard
	return o, &out
}

// leavesNothing fails the test when temporary files stay behind.
func leavesNothing(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

func TestCall(t *testing.T) {
	bin := built(t)
	t.Run("figures", func(t *testing.T) { callFiguresTest(t, bin) })
	t.Run("peers", func(t *testing.T) { callPeersTest(t, bin) })
	t.Run("table", func(t *testing.T) { callTableTest(t, bin) })
	t.Run("thousand", func(t *testing.T) { callThousandTest(t, bin) })
	t.Run("interrupted", func(t *testing.T) { callInterruptedTest(t, bin) })
	t.Run("member killed", func(t *testing.T) { callFleetKilledTest(t, bin) })
}

// callFiguresTest compares on both transports and reads what programs would read.
func callFiguresTest(t *testing.T, bin string) {
	for _, transport := range []string{"unix", "tcp"} {
		leavesNothing(t)
		o, out := small(bin)
		o.Transport, o.JSON, o.Rate = transport, true, 500
		if err := Call(t.Context(), o); err != nil {
			t.Fatalf("%s: %v", transport, err)
		}
		var names []string
		for d := json.NewDecoder(out); d.More(); {
			var f Figure
			if err := d.Decode(&f); err != nil {
				t.Fatal(err)
			}
			names = append(names, f.Name)
			if f.Value <= 0 || f.PeerValue <= 0 || f.Ratio != f.Value/f.PeerValue || f.Unit != "ms" && f.Name != "call-members" || f.Peer != "nats" {
				t.Errorf("%s: %+v", transport, f)
			}
			if told := strings.Contains(f.Note, "over tcp"); told != (transport == "unix") {
				t.Errorf("%s: note %q", transport, f.Note)
			}
		}
		if got := strings.Join(names, " "); got != "call-p50 call-p99 call-max call-members" {
			t.Errorf("%s: figures %s", transport, got)
		}
	}
}

// callPeersTest measures every peer whose program is there, and says which is not.
func callPeersTest(t *testing.T, bin string) {
	for _, transport := range []string{"unix", "tcp"} {
		leavesNothing(t)
		o, out := small(bin)
		o.Transport, o.JSON, o.Peers, o.Calls, o.Rounds = transport, true, PeerNames(), 2, 1
		var said bytes.Buffer
		o.Progress = &said
		if err := Call(t.Context(), o); err != nil {
			t.Fatalf("%s: %v", transport, err)
		}
		found := map[string]Figure{}
		for d := json.NewDecoder(out); d.More(); {
			var f Figure
			if err := d.Decode(&f); err != nil {
				t.Fatal(err)
			}
			if f.Name == "call-p50" {
				found[f.Peer] = f
			}
		}
		for _, name := range PeerNames() {
			f, ok := found[name]
			if leftOut := strings.Contains(said.String(), "the peer "+name+" is left out: "); leftOut == ok {
				t.Errorf("%s: %s: measured %v, left out %v:\n%s", transport, name, ok, leftOut, &said)
			}
			if ok && !strings.HasPrefix(f.Note, name+": ") {
				t.Errorf("%s: %s: note %q", transport, name, f.Note)
			}
		}
		if f := found["nats-unknown"]; f.PeerValue < milliseconds(stall.Nanoseconds()) {
			t.Errorf("%s: a caller that waits for silence knew after %v ms", transport, f.PeerValue)
		}
	}
}

func callTableTest(t *testing.T, bin string) {
	leavesNothing(t)
	o, out := small(bin)
	o.Peers = nil
	if err := Call(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"50 members over tcp", "RATIO", "call-p99"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// callThousandTest has a thousand members, a socket each, in a program apart from the broker: the
// account is complete and adds up.
func callThousandTest(t *testing.T, bin string) {
	const members = 1000
	o, _ := small(bin)
	o.Members = members
	s := newSubject(middleconSystem(), "unix")
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	if err := s.start(t.Context(), o.Setting, o.Members, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	payload := []byte("are you there?")
	for range 3 {
		if err := s.once(t.Context(), payload); err != nil {
			t.Fatal(err)
		}
		c, ok := s.caller.(*middleconCaller)
		if !ok {
			t.Fatalf("the caller is a %T", s.caller)
		}
		a, sum := c.account, 0
		for _, n := range a.Counts() {
			sum += n
		}
		if a.Selected != members || a.ViewSize != members || sum != members || a.Counts()[protocol.OK] != members {
			t.Errorf("selected %d of %d, counts %v", a.Selected, a.ViewSize, a.Counts())
		}
		if len(c.seen) != members || !a.Met {
			t.Errorf("%d different members, met %v", len(c.seen), a.Met)
		}
	}
}

// writerFunc is called with what is written.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// callInterruptedTest ends a measurement while it runs.
func callInterruptedTest(t *testing.T, bin string) {
	leavesNothing(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o, _ := small(bin)
	o.Calls, o.Rounds = 100_000, 100_000
	o.Progress = writerFunc(func(b []byte) (int, error) {
		if bytes.Contains(b, []byte("nats: ")) { // the last that starts
			cancel()
		}
		return len(b), nil
	})
	if err := Call(ctx, o); err == nil || err.Error() != "interrupted" {
		t.Errorf("%v, want interrupted", err)
	}
}

// callFleetKilledTest finds a fleet that ends named, and its account wrong.
func callFleetKilledTest(t *testing.T, bin string) {
	o, _ := small(bin)
	s := newSubject(middleconSystem(), "tcp")
	defer func() { _ = s.stop() }()
	if err := s.start(t.Context(), o.Setting, o.Members, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if err := s.fleet.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.fleet.done
	deadline := time.Now().Add(callDeadline)
	for {
		err := s.once(t.Context(), nil)
		if err == nil && time.Now().Before(deadline) {
			continue // the broker has not read of it yet
		}
		err = s.why(err)
		if !errors.Is(err, ErrAccount) || !strings.Contains(err.Error(), "bench members has ended: signal: killed") {
			t.Errorf("%v, want an account that does not add up and the fleet's end", err)
		}
		return
	}
}

func TestCallRefuses(t *testing.T) {
	half := t.TempDir()
	if err := os.WriteFile(filepath.Join(half, "middlecon"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*CallOptions)
		want   error
		says   string
	}{
		"nobody":          {func(o *CallOptions) { o.Members = 0 }, ErrOptions, "0 members; 1 to"},
		"too many":        {func(o *CallOptions) { o.Members = 1 << 30 }, ErrOptions, "open files"},
		"a transport":     {func(o *CallOptions) { o.Transport = "udp" }, ErrOptions, `"udp"; there are unix and tcp`},
		"no calls":        {func(o *CallOptions) { o.Calls = 0 }, ErrOptions, "0 calls"},
		"an empty round":  {func(o *CallOptions) { o.Rounds = o.Calls + 1 }, ErrOptions, "rounds"},
		"no rounds":       {func(o *CallOptions) { o.Rounds = 0 }, ErrOptions, "0 rounds"},
		"a negative rate": {func(o *CallOptions) { o.Rate = -1 }, ErrOptions, "rate"},
		"a long payload":  {func(o *CallOptions) { o.Bytes = maxBytes + 1 }, ErrOptions, "bytes"},
		"an unknown peer": {func(o *CallOptions) { o.Peers = []string{"kafka"} }, ErrOptions, "nats"},
		"no programs":     {func(o *CallOptions) { o.Bin = "/nowhere" }, os.ErrNotExist, "make build"},
		"no peer":         {func(*CallOptions) {}, os.ErrNotExist, "make peers"},
	} {
		o, _ := small(half)
		tc.change(&o)
		if err := Call(t.Context(), o); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %v that says %q", name, err, tc.want, tc.says)
		}
	}
}

package bench

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFull fills the tables of two brokers, one of which is only a test's.
func TestFull(t *testing.T) {
	bin := built(t)
	for _, transport := range []string{"tcp", "unix"} {
		leavesNothing(t)
		var out bytes.Buffer
		o := DefaultFullOptions()
		o.Bin, o.JSON, o.Out, o.Progress, o.Transport = bin, true, &out, io.Discard, transport
		o.Members, o.Spare, o.Rounds, o.Hold, o.Peers = 30, 8, 2, 20*time.Millisecond, []string{"c"}
		if err := Full(t.Context(), o); err != nil {
			t.Fatalf("%s: %v", transport, err)
		}
		found := map[string]Figure{}
		for _, f := range decoded(t, &out) {
			found[f.Name] = f
		}
		if f, ok := found["full-lost"]; !ok || f.Value != 0 {
			t.Errorf("%s: %+v", transport, f)
		}
		first, all := found["full-resume-max"], found["full-all-max"]
		if first.Value <= 0 || first.Value > all.Value || all.Value >= milliseconds(fullTimeout.Nanoseconds()) || found["full-resume-p50"].Value > first.Value {
			t.Errorf("%s: %+v", transport, found)
		}
	}
}

// TestFilesLimited: what a program may open is lowered, and what it may ask for itself is not.
func TestFilesLimited(t *testing.T) {
	p, err := launch(nil, nil, "/bin/sleep", "100")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.stop() }()
	if n, err := p.files(); err != nil || n < 3 {
		t.Errorf("%d files are open, %v", n, err)
	}
	var before, after unix.Rlimit
	err = errors.Join(unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &before), p.limitFiles(5),
		unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &after))
	if err != nil || after.Cur != 5 || after.Max != before.Max {
		t.Errorf("%+v, before %+v, %v", after, before, err)
	}
}

func TestFullRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*FullOptions)
		want   error
		says   string
	}{
		"none spare":   {func(o *FullOptions) { o.Spare = 0 }, ErrOptions, "0 spare"},
		"no rounds":    {func(o *FullOptions) { o.Rounds = 0 }, ErrOptions, "0 rounds"},
		"a short hold": {func(o *FullOptions) { o.Hold = -1 }, ErrOptions, "rounds of -1ns"},
		"nobody":       {func(o *FullOptions) { o.Members = -1000 }, ErrOptions, "members"},
		"no programs":  {func(o *FullOptions) { o.Bin = "/nowhere" }, os.ErrNotExist, "make build"},
		"no runs":      {func(o *FullOptions) { o.Runs = 0 }, ErrOptions, "0 runs"},
	} {
		o := DefaultFullOptions()
		o.Out, o.Progress = io.Discard, io.Discard
		tc.change(&o)
		if err := Full(t.Context(), o); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %v that says %q", name, err, tc.want, tc.says)
		}
	}
}

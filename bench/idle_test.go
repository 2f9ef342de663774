package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func TestIdle(t *testing.T) {
	bin := built(t)
	leavesNothing(t)
	var out bytes.Buffer
	o := DefaultIdleOptions()
	o.Bin, o.JSON, o.Out, o.Progress = bin, true, &out, io.Discard
	o.Sessions, o.Quiet, o.Settle, o.Peers = 600, 50*time.Millisecond, 2*time.Second, []string{"nats"}
	if err := Idle(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	found := map[string]Figure{}
	for _, f := range decoded(t, &out) {
		found[f.Name] = f
	}
	one, empty, full := found["idle-session"], found["idle-empty"], found["idle-full"]
	if one.Value <= 0 || one.PeerValue <= 0 || one.Unit != "B" || empty.Value <= 0 || full.Value <= empty.Value {
		t.Errorf("%+v", found)
	}
	if got := (full.Value - empty.Value) * 1e3 / 600; !near(one.Value, got) {
		t.Errorf("%v bytes a session, and %v by what is resident", one.Value, got)
	}
}

// A peer that fails is left out, and told; where ours fails, or who measures gives up, nothing is measured.
func TestPeersThatFail(t *testing.T) {
	failure := errors.New("it ended")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		ctx   context.Context
		fails string
		able  string
		says  string
	}{
		{t.Context(), "nobody", "middlecon c nats", ""},
		{t.Context(), "c", "middlecon nats", "bench: the peer c is left out: it ended\n"},
		{t.Context(), "middlecon", "", ""},
		{ended, "c", "", ""},
	} {
		var said bytes.Buffer
		o := Setting{Progress: &said}
		var subjects []*subject
		for _, name := range []string{"middlecon", "c", "nats"} {
			subjects = append(subjects, &subject{system: system{name: name}})
		}
		able, err := o.able(tc.ctx, subjects, func(s *subject) error {
			if s.name == tc.fails {
				return failure
			}
			return nil
		})
		var names []string
		for _, s := range able {
			names = append(names, s.name)
		}
		if got := strings.Join(names, " "); got != tc.able || errors.Is(err, failure) != (tc.able == "") || said.String() != tc.says {
			t.Errorf("%s fails: %q is measured, %v, %q", tc.fails, got, err, &said)
		}
	}
}

func TestIdleRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*IdleOptions)
		want   error
		says   string
	}{
		"no room":        {func(o *IdleOptions) { o.Rooms = 0 }, ErrOptions, "0 rooms"},
		"too many rooms": {func(o *IdleOptions) { o.Rooms = maxRooms + 1 }, ErrOptions, "rooms"},
		"no time":        {func(o *IdleOptions) { o.Settle = 0 }, ErrOptions, "settle"},
		"no heap":        {func(o *IdleOptions) { o.GOGC = 0 }, ErrOptions, "heap"},
		"nobody":         {func(o *IdleOptions) { o.Sessions = 0 }, ErrOptions, "0 members"},
		"no programs":    {func(o *IdleOptions) { o.Bin = "/nowhere" }, os.ErrNotExist, "make build"},
	} {
		o := DefaultIdleOptions()
		o.Out, o.Progress = io.Discard, io.Discard
		tc.change(&o)
		if err := Idle(t.Context(), o); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %v that says %q", name, err, tc.want, tc.says)
		}
	}
}

func TestResident(t *testing.T) {
	for in, want := range map[string]int64{
		"Name:\tx\nVmRSS:\t    1234 kB\nRssAnon:\t 5 kB\n": 1234 << 10,
		"Name:\tx\nVmHWM:\t    1234 kB\n":                  0,
		"Name:\tx\nVmRSS:\t    many kB\n":                  0,
		"Name:\tx\nVmRSS:\t    1234\n":                     0,
		"Name:\tVmRSS: 1 kB\n":                             0,
		"":                                                 0,
	} {
		if got, err := parseResident([]byte(in)); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v, want %d", in, got, err, want)
		}
	}
	up := newAwaited("up")
	p, err := launch(up, []string{"DDCOS_BENCH=here"}, "/bin/sh", "-c", `[ "$DDCOS_BENCH" = here ] && echo up; while :; do sleep 0.1; done`)
	if err != nil {
		t.Fatal(err)
	}
	<-up.seen // before, it is resident with what it began with
	if n, err := p.settled(t.Context(), 20*time.Millisecond, time.Second); err != nil || n < 100<<10 || n > 100<<20 {
		t.Errorf("a shell is resident with %d bytes, %v: %v", n, err, p.ended())
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if _, err := p.settled(t.Context(), 20*time.Millisecond, time.Second); err == nil {
		t.Error("a program that has ended is resident")
	}
}

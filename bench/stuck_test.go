package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"ddcos/middlecon"
	"ddcos/protocol"
)

func TestStuck(t *testing.T) {
	bin := built(t)
	leavesNothing(t)
	var out bytes.Buffer
	o := DefaultStuckOptions()
	o.Bin, o.JSON, o.Out, o.Progress = bin, true, &out, io.Discard
	o.Members, o.OneIn, o.Calls, o.Rounds, o.Deadline = 30, 10, 4, 2, time.Second // in which those answer who are not stopped
	if err := Stuck(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range decoded(t, &out) {
		names = append(names, f.Name)
		if f.Value <= 0 && f.Name != "stuck-queued" || f.PeerValue <= 0 || f.Ratio != f.Value/f.PeerValue || f.Peer != "unstopped" && f.Name != "stuck-queued" {
			t.Errorf("%+v", f)
		}
	}
	if got := strings.Join(names, " "); got != "stuck-p50 stuck-p99 stuck-max stuck-resident stuck-queued" {
		t.Errorf("figures %s", got)
	}
}

// TestStuckRecord plants each way in which an account may be wrong, or the wrong members' counted.
func TestStuckRecord(t *testing.T) {
	account := func(outcomes ...protocol.Outcome) *middlecon.Account {
		a := &middlecon.Account{Selected: len(outcomes)}
		for i, o := range outcomes {
			a.Outcomes = append(a.Outcomes, middlecon.Outcome{Name: fmt.Sprintf("m%d", i), Outcome: o, Latency: time.Millisecond})
		}
		return a
	}
	for name, tc := range map[string]struct {
		account *middlecon.Account
		held    bool
		counted int64
		says    string
	}{
		"all at work":       {account(protocol.OK, protocol.OK, protocol.OK), false, 2, ""},
		"one is stopped":    {account(protocol.OK, protocol.OK, protocol.NoReceipt), true, 2, ""},
		"its queue is full": {account(protocol.OK, protocol.OK, protocol.Overflow), true, 2, ""},
		"a stopped replies": {account(protocol.OK, protocol.OK, protocol.OK), true, 2, "m2 is stopped and ok"},
		"another is late":   {account(protocol.OK, protocol.Timeout, protocol.NoReceipt), true, 1, "m1 is not stopped and timeout"},
		"one is lost":       {account(protocol.OK, protocol.OK, protocol.LostAfterSend), true, 2, "m2 is lost_after_send"},
		"one is missing":    {account(protocol.OK, protocol.OK), false, 0, "2 selected"},
		"one more is gone":  {&middlecon.Account{Selected: 3, Outcomes: make([]middlecon.Outcome, 3), Absent: make([]middlecon.Absent, 1)}, false, 0, "1 absent"},
	} {
		o := DefaultStuckOptions()
		o.Members = 3
		s := &stuckStat{o: o, names: map[string]bool{"m2": true}}
		into := hdrhistogram.New(1, 1e10, 3)
		err := s.record(tc.account, into, tc.held)
		if (err == nil) != (tc.says == "") || err != nil && (!errors.Is(err, ErrAccount) || !strings.Contains(err.Error(), tc.says)) {
			t.Errorf("%s: %v, want %q", name, err, tc.says)
		}
		if err == nil && into.TotalCount() != tc.counted {
			t.Errorf("%s: %d are counted, want %d", name, into.TotalCount(), tc.counted)
		}
	}
}

func TestStuckRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*StuckOptions)
		want   error
		says   string
	}{
		"all stopped":      {func(o *StuckOptions) { o.OneIn = 1 }, ErrOptions, "one in 1"},
		"nobody stopped":   {func(o *StuckOptions) { o.Members = o.OneIn - 1 }, ErrOptions, "at least one"},
		"no calls":         {func(o *StuckOptions) { o.Calls = 0 }, ErrOptions, "0 calls"},
		"stopped too long": {func(o *StuckOptions) { o.Rounds = 1 }, ErrOptions, "together"},
		"no deadline":      {func(o *StuckOptions) { o.Deadline = 0 }, ErrOptions, "together"},
		"a long payload":   {func(o *StuckOptions) { o.Bytes = maxBytes + 1 }, ErrOptions, "bytes"},
		"a transport":      {func(o *StuckOptions) { o.Transport = "udp" }, ErrOptions, "unix and tcp"},
		"no programs":      {func(o *StuckOptions) { o.Bin = "/nowhere" }, os.ErrNotExist, "make build"},
	} {
		o := DefaultStuckOptions()
		o.Out, o.Progress = io.Discard, io.Discard
		tc.change(&o)
		if err := Stuck(t.Context(), o); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %v that says %q", name, err, tc.want, tc.says)
		}
	}
}

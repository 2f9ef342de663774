package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"ddcos/middlecon"
	"ddcos/protocol"
)

func TestOrder(t *testing.T) {
	bin := built(t)
	leavesNothing(t)
	var out bytes.Buffer
	o := DefaultOrderOptions()
	o.Bin, o.JSON, o.Out, o.Progress = bin, true, &out, io.Discard
	o.Members, o.Callers, o.Calls = 20, 8, 25
	if err := Order(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, f := range decoded(t, &out) {
		found[f.Name] = f.Value
	}
	if n, ok := found["order-inversions"]; !ok || n != 0 {
		t.Errorf("%v inversions", n)
	}
	if rate := found["order-rate"]; rate <= 0 || !near(found["order-deliveries"], rate*20) {
		t.Errorf("%v", found)
	}
}

func TestInversions(t *testing.T) {
	for name, tc := range map[string]struct {
		calls []positions
		want  int
		wrong bool
	}{
		"no calls":            {nil, 0, false},
		"one order":           {[]positions{{2, 2}, {1, 1}, {3, 3}}, 0, false},
		"two are exchanged":   {[]positions{{1, 2}, {2, 1}, {3, 3}}, 2, false},
		"one member's own":    {[]positions{{1, 1, 3}, {2, 2, 1}, {3, 3, 2}}, 3, false},
		"delivered twice":     {[]positions{{1, 1}, {2, 1}}, 0, true},
		"one that nobody had": {[]positions{{1, 1}, {2, 3}}, 0, true},
		"none":                {[]positions{{0, 1}, {1, 2}}, 0, true},
	} {
		got, err := inversions(tc.calls)
		if got != tc.want || errors.Is(err, ErrAccount) != tc.wrong {
			t.Errorf("%s: %d, %v, want %d", name, got, err, tc.want)
		}
	}
}

func TestReadPositions(t *testing.T) {
	said := func(text string, position uint64) []byte {
		return binary.BigEndian.AppendUint64([]byte(text), position)
	}
	for name, tc := range map[string]struct {
		change func(*middlecon.Account)
		wrong  bool
	}{
		"whole":         {func(*middlecon.Account) {}, false},
		"not met":       {func(a *middlecon.Account) { a.Met = false }, true},
		"one short":     {func(a *middlecon.Account) { a.Outcomes = a.Outcomes[:1] }, true},
		"a timeout":     {func(a *middlecon.Account) { a.Outcomes[1].Outcome = protocol.Timeout }, true},
		"other payload": {func(a *middlecon.Account) { a.Outcomes[1].Reply = said("y", 4) }, true},
		"no position":   {func(a *middlecon.Account) { a.Outcomes[1].Reply = []byte("x") }, true},
	} {
		a := &middlecon.Account{Met: true, Outcomes: []middlecon.Outcome{
			{Outcome: protocol.OK, Reply: said("x", 3)}, {Outcome: protocol.OK, Reply: said("x", 4)},
		}}
		tc.change(a)
		got, err := readPositions(a, 2, []byte("x"))
		if errors.Is(err, ErrAccount) != tc.wrong || !tc.wrong && (len(got) != 2 || got[0] != 3 || got[1] != 4) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestOrderRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*OrderOptions)
		want   error
		says   string
	}{
		"no callers":       {func(o *OrderOptions) { o.Callers = 0 }, ErrOptions, "0 callers"},
		"too many callers": {func(o *OrderOptions) { o.Callers = maxCallers + 1 }, ErrOptions, "callers"},
		"no calls":         {func(o *OrderOptions) { o.Calls = 0 }, ErrOptions, "0 calls"},
		"a long payload":   {func(o *OrderOptions) { o.Bytes = maxBytes + 1 }, ErrOptions, "bytes"},
		"nobody":           {func(o *OrderOptions) { o.Members = 0 }, ErrOptions, "0 members"},
		"no programs":      {func(o *OrderOptions) { o.Bin = "/nowhere" }, os.ErrNotExist, "make build"},
	} {
		o := DefaultOrderOptions()
		o.Out, o.Progress = io.Discard, io.Discard
		tc.change(&o)
		if err := Order(t.Context(), o); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %v that says %q", name, err, tc.want, tc.says)
		}
	}
}

package veil

import (
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"

	"ddcos/k2i"
	"ddcos/middlecon/policy"
)

const secret = "--password=hunter2"

func snapshot() *k2i.Snapshot {
	return &k2i.Snapshot{
		Missing:   []string{"aaa", "zzz"},
		Processes: []*k2i.Process{{PID: 1, Comm: "init", Args: []string{"init"}}, {PID: 7, Comm: "db", Args: []string{"db", secret}}},
		Exited:    []*k2i.Process{{PID: 5, Comm: "sh", Args: []string{"sh", "-c", secret}}},
	}
}

func parsed(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// K29: each role × kind of answer; whoever may not read arguments finds none in any row,
// and the snapshot itself is not touched.
func TestK29Shown(t *testing.T) {
	v := New(parsed(t, "roles: {all: uid 1, some: uid 2}\nallow:\n - {who: role all, may: [read, read_args]}\n - {who: role some, may: read}\n - {who: uid 4, may: read_args}\n"))
	for _, c := range []struct {
		s          policy.Subject
		read, args bool
	}{
		{policy.Subject{Principal: "uid 1"}, true, true},
		{policy.Subject{Principal: "uid 2"}, true, false},
		{policy.Subject{Principal: "uid 3"}, false, false},
		{policy.Subject{Principal: "uid 4"}, false, true},
		{policy.Subject{Principal: "uid 9", Vouched: []string{"all"}}, true, true},
		{policy.Subject{Principal: "uid 9", Vouched: []string{"some"}}, true, false},
		{policy.Subject{Principal: "root", Vouched: []string{"all"}}, false, false},
		{policy.Subject{}, false, false},
	} {
		if err := v.MayRead(c.s); (err == nil) != c.read || err != nil && !errors.Is(err, ErrForbidden) {
			t.Errorf("%+v: %v", c.s, err)
		}
		snap := snapshot()
		got := v.Shown(c.s, snap)
		if !reflect.DeepEqual(snap, snapshot()) {
			t.Fatalf("%+v: the snapshot was changed", c.s)
		}
		if c.args != (got == snap) {
			t.Errorf("%+v: shown the snapshot itself: %v", c.s, got == snap)
		}
		if c.args {
			continue
		}
		for _, p := range slices.Concat(got.Processes, got.Exited) {
			if len(p.Args) > 0 || p.Args == nil || p.Comm == "" {
				t.Errorf("%+v: row %+v", c.s, p)
			}
		}
		if !slices.Equal(got.Missing, []string{"aaa", "args", "zzz"}) || len(got.Processes) != 2 || len(got.Exited) != 1 {
			t.Errorf("%+v: missing %q, %d rows", c.s, got.Missing, len(got.Processes))
		}
		if v.Shown(c.s, snap) != got {
			t.Errorf("%+v: the same rows were made twice", c.s)
		}
	}
}

// What holds changes while answers are made.
func TestFollow(t *testing.T) {
	v, snap, who := New(nil), snapshot(), policy.Subject{Principal: "uid 1000"}
	if v.MayRead(who) != nil || v.Shown(who, snap) != snap {
		t.Error("without a file a user of the host is refused")
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				for _, p := range v.Shown(who, snap).Processes {
					_ = len(p.Args)
				}
			}
		})
	}
	v.Follow(parsed(t, "allow: []\n"))
	all.Wait()
	if v.MayRead(who) == nil || v.Shown(who, snap) == snap {
		t.Error("the new policy does not hold")
	}
	if v.Shown(who, nil) != nil {
		t.Error("a snapshot was made of none")
	}
}

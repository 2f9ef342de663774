package query

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"ddcos/k2i"
)

func TestGroups(t *testing.T) {
	snap := snapshotOf(sample())
	snap.Host.UptimeNS = 1000
	snap.Processes[0].StartNS, snap.Processes[2].StartNS = 100, 400
	groups := FirstGroups(must(Groups(Query{By: "user"}, snap)), nil, 0)
	var got []string
	for _, g := range groups {
		got = append(got, fmt.Sprintf("%s %d/%d rss %d max %d rcpu %d oldest %d net %d", g.Key, g.Count, g.Hosts, g.RSSBytes, g.MaxRSSBytes, g.RCPUNano, g.OldestNS, g.ReceivedPerS))
	}
	want := []string{
		"root 3/1 rss 40 max 30 rcpu 2000000000 oldest 1000 net " + fmt.Sprint(net(t)),
		"1000 1/1 rss 20 max 20 rcpu -1 oldest 1000 net " + fmt.Sprint(net(t)),
		"alice 1/1 rss 30 max 30 rcpu 500000000 oldest 600 net " + fmt.Sprint(net(t)),
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, c := range []struct {
		sort  []Key
		limit int
		want  string
	}{
		{[]Key{{Field: "rss"}}, 0, "1000 alice root"},
		{[]Key{{Field: "rss_bytes", Descending: true}}, 2, "root alice"},
		{[]Key{{Field: "key"}}, 0, "1000 alice root"},
		{[]Key{{Field: "user", Descending: true}}, 0, "root alice 1000"},
		{[]Key{{Field: "count"}}, 1, "1000"},
		{[]Key{{Field: "rcpu", Descending: true}, {Field: "key"}}, 0, "root alice 1000"},
	} {
		var keys []string
		for _, g := range FirstGroups(must(Groups(Query{By: "user"}, snap)), c.sort, c.limit) {
			keys = append(keys, g.Key)
		}
		if got := strings.Join(keys, " "); got != c.want {
			t.Errorf("%v, %d: %s, want %s", c.sort, c.limit, got, c.want)
		}
	}
	if got := must(Groups(Query{By: "comm", Where: "pid > 10"}, snap)); len(got) != 2 {
		t.Errorf("of those that a condition leaves: %d groups", len(got))
	}
}

// net is what a process of nothing received, where that is known at all.
func net(t *testing.T) k2i.Count {
	t.Helper()
	if _, ok := TermByName("net_rx"); ok {
		return 0
	}
	return k2i.Unread
}

// Each measure has its own field, by the name that it is told by, and sums stop
// at the largest number.
func TestMeasures(t *testing.T) {
	typ := reflect.TypeFor[Group]()
	if typ.NumField() != len(measuresOfGroups)+1 {
		t.Fatalf("%d fields, %d measures", typ.NumField(), len(measuresOfGroups))
	}
	for i, m := range Measures() {
		g := NewGroup("x")
		field := reflect.ValueOf(g).Elem().Field(i + 1)
		if tag := typ.Field(i + 1).Tag; tag.Get("json") != m.Field || tag.Get("msgpack") != m.Field || m.Help == "" || m.Of(g) != k2i.Unread {
			t.Errorf("%s: tag %s, help %q, %d at first", m.Name, tag, m.Help, m.Of(g))
		}
		m.add(g, 5)
		m.add(g, k2i.Unread)
		if field.Int() != 5 {
			t.Errorf("%s: %d, want 5", m.Name, field.Int())
		}
		m.add(g, math.MaxInt64)
		if m.Of(g) != math.MaxInt64 {
			t.Errorf("%s overflows to %d", m.Name, m.Of(g))
		}
	}
}

func TestGroupCheck(t *testing.T) {
	for name, spoil := range map[string]func(*Group){
		"nobody":    func(g *Group) { g.Count = 0 },
		"below":     func(g *Group) { g.OldestNS = -2 },
		"long":      func(g *Group) { g.Key = strings.Repeat("k", maxKey+1) },
		"negative":  func(g *Group) { g.Count = -7 },
		"unmatched": func(g *Group) { g.SentPerS = math.MinInt64 },
	} {
		g := NewGroup("key")
		g.Count = 1
		if err := g.Check(); err != nil {
			t.Fatal(err)
		}
		spoil(g)
		if g.Check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestTooManyGroups(t *testing.T) {
	g, err := NewGrouper("comm", here())
	if err != nil {
		t.Fatal(err)
	}
	for i := range MaxGroups {
		if err := g.Add(&k2i.Process{Comm: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Add(&k2i.Process{Comm: "0"}); err != nil {
		t.Errorf("one of a group that is there: %v", err)
	}
	if err := g.Add(&k2i.Process{Comm: "more"}); !IsLimit(err) {
		t.Errorf("one more: %v", err)
	}
}

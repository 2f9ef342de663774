package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
)

// answered is a Source whose replies are known beforehand.
type answered struct {
	replies []Reply
	err     error
	asked   wire.Request
}

func (a *answered) Ask(_ context.Context, req wire.Request) ([]Reply, error) {
	a.asked = req
	return a.replies, a.err
}

// host makes one host's snapshot; rss gives its processes, pids from 1.
func host(name string, rss ...uint64) *k2i.Snapshot {
	s := &k2i.Snapshot{
		Host: k2i.Host{ID: k2i.HostID(name + ".1"), Name: name, CPUs: 1, TicksPerSecond: 100, PageBytes: 4096},
		At:   time.Now(), Mode: k2i.ModeBPF, Visibility: k2i.VisibilityFull, BusyCPUs: k2i.NoRate(),
	}
	for i, n := range rss {
		s.Processes = append(s.Processes, &k2i.Process{PID: int32(i + 1), StartTicks: uint64(i), RSSBytes: n, Comm: "p", State: "S", RCPU: k2i.NoRate()})
	}
	return s
}

// respond answers what no agent refuses.
func respond(s *k2i.Snapshot, req wire.Request, now time.Time) *wire.Answer {
	a, err := wire.Respond(s, req, now)
	if err != nil {
		panic(err)
	}
	return a
}

// ok is the reply of a host that was asked req.
func ok(s *k2i.Snapshot, q query.Query) Reply {
	return Reply{Host: s.Host.Name, Status: StatusOK, Answer: respond(s, wire.Request{Query: q}, time.Now())}
}

// shown is a table's rows as HOST/PID.
func shown(t *Table) string {
	var words []string
	for _, r := range t.Rows {
		words = append(words, fmt.Sprintf("%s/%d", r.Host.Name, r.Process.PID))
	}
	return strings.Join(words, " ")
}

func TestAskMerges(t *testing.T) {
	down := []query.Key{{Field: "rss_bytes", Descending: true}}
	a, b, c := host("a", 10, 30, 20), host("b", 30, 5), host("c")
	tests := map[string]struct {
		q    query.Query
		want string
	}{
		"by host and pid":            {query.Query{}, "a/1 a/2 a/3 b/1 b/2"},
		"sorted over all hosts":      {query.Query{Sort: down}, "a/2 b/1 a/3 a/1 b/2"},
		"the limit is of all hosts":  {query.Query{Sort: down, Limit: 2}, "a/2 b/1"},
		"ties by host, then pid":     {query.Query{Sort: []query.Key{{Field: "comm"}}, Limit: 4}, "a/1 a/2 a/3 b/1"},
		"pids of all hosts together": {query.Query{Sort: []query.Key{{Field: "pid"}}}, "a/1 b/1 a/2 b/2 a/3"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			// The source names its hosts in no order at all.
			source := &answered{replies: []Reply{ok(c, test.q), ok(b, test.q), ok(a, test.q)}}
			table, err := Ask(t.Context(), source, test.q)
			if err != nil {
				t.Fatal(err)
			}
			if got := shown(table); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if len(table.Hosts) != 3 || table.Hosts[0].Total != 3 || table.Hosts[2].Name != "c" || len(table.Failed()) != 0 {
				t.Errorf("hosts %+v", table.Hosts)
			}
			if fmt.Sprint(source.asked.Query) != fmt.Sprint(test.q) {
				t.Errorf("asked %+v", source.asked)
			}
		})
	}
}

func TestAskKeepsWhoFailed(t *testing.T) {
	source := &answered{replies: []Reply{
		{Host: "z", Status: StatusAbsent, Err: "lost 3s ago"},
		ok(host("m", 1), query.Query{}),
		{Host: "b", Status: "lost_after_send", Err: "gone"},
		{Host: "k", Status: StatusOK},
	}}
	table, err := Ask(t.Context(), source, query.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range table.Failed() {
		got = append(got, fmt.Sprintf("%s %s %s", h.Name, h.Status, h.Err))
	}
	want := []string{"b lost_after_send gone", "k error it said ok and gave no answer", "z absent lost 3s ago"}
	if !slices.Equal(got, want) || shown(table) != "m/1" || len(table.Hosts) != 4 {
		t.Errorf("got %q and %s, want %q", got, shown(table), want)
	}
}

func TestTwoHostsOfOneNameStayTwo(t *testing.T) {
	first, second := host("twin", 1), host("twin", 2)
	first.Host.ID, second.Host.ID = "x.1", "y.1"
	table, err := Ask(t.Context(), &answered{replies: []Reply{ok(first, query.Query{}), ok(second, query.Query{})}}, query.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Hosts) != 2 || shown(table) != "twin/1 twin/1" || table.Rows[0].Host == table.Rows[1].Host ||
		table.Rows[0].Host.Info.ID == table.Rows[1].Host.Info.ID {
		t.Errorf("hosts %+v rows %s", table.Hosts, shown(table))
	}
}

// TestMergeTrustsNoOrder sends rows unsorted and too many.
func TestMergeTrustsNoOrder(t *testing.T) {
	q := query.Query{Sort: []query.Key{{Field: "rss_bytes"}}, Limit: 3}
	table, err := Ask(t.Context(), &answered{replies: []Reply{ok(host("a", 9, 1, 5, 3), query.Query{}), ok(host("b", 4, 2), query.Query{})}}, q)
	if err != nil {
		t.Fatal(err)
	}
	if got := shown(table); got != "a/2 b/2 a/4" {
		t.Errorf("got %s", got)
	}
}

func TestAskRefusesBeforeItAsks(t *testing.T) {
	source := &answered{}
	_, err := Ask(t.Context(), source, query.Query{Sort: []query.Key{{Field: "rs"}}})
	if err == nil || !strings.Contains(err.Error(), "did you mean rss") || len(source.asked.Query.Sort) != 0 {
		t.Errorf("got %v, asked %+v", err, source.asked)
	}
	broken := errors.New("no way there")
	if _, err := Ask(t.Context(), &answered{err: broken}, query.Query{}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// TestMergeEqualsOneBigHost compares a fleet with one table that is sorted whole.
func TestMergeEqualsOneBigHost(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		q := query.Query{Limit: r.IntN(20), Sort: []query.Key{{Field: "rss_bytes", Descending: r.IntN(2) == 0}, {Field: "threads"}}}
		q.Sort = q.Sort[:r.IntN(3)]
		var replies []Reply
		var all []string
		byKeys := query.Order(q.Sort)
		type row struct {
			host int
			p    *k2i.Process
		}
		var rows []row
		for h := range r.IntN(6) {
			s := host(fmt.Sprint("h", h))
			for i := range r.IntN(30) {
				s.Processes = append(s.Processes, &k2i.Process{PID: int32(i + 1), RSSBytes: r.Uint64N(4), Threads: r.Int32N(3), RCPU: k2i.NoRate()})
			}
			for i := range s.Processes {
				rows = append(rows, row{h, s.Processes[i]})
			}
			replies = append(replies, ok(s, q))
		}
		// A stable sort of rows that are in the order of host and pid breaks ties by both.
		slices.SortStableFunc(rows, func(a, b row) int { return byKeys(query.Row{Process: a.p}, query.Row{Process: b.p}) })
		for _, one := range rows {
			all = append(all, fmt.Sprintf("h%d/%d", one.host, one.p.PID))
		}
		if q.Limit > 0 {
			all = all[:min(q.Limit, len(all))]
		}
		r.Shuffle(len(replies), func(i, j int) { replies[i], replies[j] = replies[j], replies[i] })
		table, err := Ask(t.Context(), &answered{replies: replies}, q)
		if err != nil {
			t.Fatal(err)
		}
		if got := shown(table); got != strings.Join(all, " ") {
			t.Fatalf("%+v:\ngot  %s\nwant %s", q, got, strings.Join(all, " "))
		}
	}
}

func TestLocal(t *testing.T) {
	table, err := Ask(t.Context(), Local(func(context.Context, []string) (*k2i.Snapshot, error) { return host("here", 7, 8), nil }, nil),
		query.Query{Limit: 1, Sort: []query.Key{{Field: "rss_bytes", Descending: true}}})
	if err != nil || shown(table) != "here/2" || table.Hosts[0].Mode != k2i.ModeBPF || table.Hosts[0].Total != 2 {
		t.Errorf("got %+v, %v", table, err)
	}
	_, err = Ask(t.Context(), Local(func(context.Context, []string) (*k2i.Snapshot, error) { return nil, os.ErrPermission }, nil), query.Query{})
	if !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

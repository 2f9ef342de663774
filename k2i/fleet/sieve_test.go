package fleet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"ddcos/k2i"
	"ddcos/k2i/query"
)

// What a sieve drops changes no answer, in whatever order the hosts come, however
// many rows are equal, and whoever answers without being asked.
func TestASieveChangesNoAnswer(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	keys := [][]query.Key{nil, {{Field: "rss", Descending: true}}, {{Field: "comm"}, {Field: "rcpu", Descending: true}}, {{Field: "host", Descending: true}, {Field: "rss"}}, {{Field: "label.rack"}, {Field: "age"}}}
	dropped := 0
	for round := range 400 {
		q := query.Query{Sort: keys[round%len(keys)], Limit: 1 + r.IntN(12)}
		if r.IntN(3) == 0 {
			q.On = "h[0-9]"
		}
		if r.IntN(4) == 0 {
			q.Labels = map[string]string{"rack": "1"}
		}
		replies := make([]Reply, r.IntN(20))
		for i := range replies {
			replies[i] = ok(randomHost(r, i), query.Query{Sort: q.Sort, Limit: q.Limit}) // all answer, asked or not
			if r.IntN(6) == 0 {
				replies[i] = Reply{Host: replies[i].Host, Status: StatusTimeout, Err: "no answer"}
			}
		}
		asked := choiceOf(q)
		want := asked.table(slices.Clone(replies), q, nil)
		taken := make([]Reply, len(replies))
		sieve := newSieve(q, asked)
		var group sync.WaitGroup
		for _, i := range r.Perm(len(replies)) {
			a := replies[i]
			if a.Answer != nil {
				own := *a.Answer
				a.Answer = &own
			}
			group.Go(func() { taken[i] = sieve.take(a) })
		}
		group.Wait()
		for i := range taken {
			if taken[i].Answer != nil {
				dropped += len(replies[i].Answer.Processes) - len(taken[i].Answer.Processes)
			}
		}
		got := asked.table(taken, q, nil)
		if shown(got) != shown(want) || len(got.Hosts) != len(want.Hosts) {
			t.Fatalf("%+v: got\n%s\nwant\n%s", q, shown(got), shown(want))
		}
	}
	if dropped < 100 {
		t.Errorf("only %d rows were dropped", dropped)
	}
}

func randomHost(r *rand.Rand, i int) *k2i.Snapshot {
	s := host(fmt.Sprint("h", i))
	s.Agent.Labels = map[string]string{"rack": fmt.Sprint(r.IntN(2))}
	for pid := range int32(r.IntN(15)) {
		p := k2i.Blank()
		p.PID, p.StartTicks, p.StartNS = pid+1, r.Uint64N(9), r.Uint64N(5)
		p.Comm, p.RSSBytes = fmt.Sprint(r.IntN(3)), r.Uint64N(6)
		if r.IntN(2) == 0 {
			p.RCPU = k2i.Rate(r.IntN(4))
		}
		s.Processes = append(s.Processes, &p)
	}
	return s
}

// Of very many hosts few rows stay.
func TestASieveKeepsFewRows(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	q := query.Query{Sort: []query.Key{{Field: "rss", Descending: true}}, Limit: 10}
	s, kept := newSieve(q, choice{}), 0
	const hosts = 500
	for range hosts {
		snap := host("h")
		for pid := range int32(20) {
			snap.Processes = append(snap.Processes, &k2i.Process{PID: pid + 1, RSSBytes: r.Uint64()})
		}
		kept += len(s.take(ok(snap, q)).Answer.Processes)
	}
	if kept > hosts*q.Limit/10 || kept < q.Limit {
		t.Errorf("%d rows are kept of %d", kept, hosts*q.Limit)
	}
	if newSieve(query.Query{}, choice{}) != nil || newSieve(query.Query{By: "host", Limit: 3}, choice{}) != nil {
		t.Error("rows that are all wanted are sieved")
	}
}

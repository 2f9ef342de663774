package fleet

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
)

// predicate is a condition as text, and as Go says it.
type predicate struct {
	text string
	is   func(host *k2i.Snapshot, p *k2i.Process) truth
}

// truth is as SQL has it: 1 is true, 0 unknown, -1 false.
type truth int

func of(known, is bool) truth {
	switch {
	case !known:
		return 0
	case is:
		return 1
	}
	return -1
}

// leaf is a comparison by chance.
func leaf(r *rand.Rand) predicate {
	n := r.Int64N(6)
	operators := map[string]func(int) bool{
		"==": func(c int) bool { return c == 0 }, "!=": func(c int) bool { return c != 0 }, "<": func(c int) bool { return c < 0 },
		"<=": func(c int) bool { return c <= 0 }, ">": func(c int) bool { return c > 0 }, ">=": func(c int) bool { return c >= 0 },
	}
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range operators {
			if !yield(name) {
				return
			}
		}
	})
	op := names[r.IntN(len(names))]
	holds := operators[op]
	word := []string{"root", "www", "db"}[r.IntN(3)]
	leaves := []predicate{
		{fmt.Sprintf("rss %s %dKiB", op, n), func(_ *k2i.Snapshot, p *k2i.Process) truth {
			return of(true, holds(cmp.Compare(int64(p.RSSBytes), n<<10)))
		}},
		{fmt.Sprintf("%dKiB == rss", n), func(_ *k2i.Snapshot, p *k2i.Process) truth { return of(true, int64(p.RSSBytes) == n<<10) }},
		{fmt.Sprintf("age %s %ds", op, n), func(s *k2i.Snapshot, p *k2i.Process) truth {
			return of(true, holds(cmp.Compare(s.Host.UptimeNS-int64(p.StartNS), n*1e9)))
		}},
		{fmt.Sprintf("rcpu %s %d%%", op, n*50), func(_ *k2i.Snapshot, p *k2i.Process) truth {
			return of(p.RCPU.Known(), holds(cmp.Compare(float64(p.RCPU), float64(n)/2)))
		}},
		{fmt.Sprintf("read_bytes in 1..%d", n), func(_ *k2i.Snapshot, p *k2i.Process) truth {
			return of(p.ReadBytes >= 0, p.ReadBytes >= 1 && int64(p.ReadBytes) <= n)
		}},
		{fmt.Sprintf("threads in [1, %d]", n), func(_ *k2i.Snapshot, p *k2i.Process) truth { return of(true, p.Threads == 1 || int64(p.Threads) == n) }},
		{fmt.Sprintf("user %s %q", op, word), func(_ *k2i.Snapshot, p *k2i.Process) truth { return of(true, holds(strings.Compare(p.User, word))) }},
		{fmt.Sprintf("comm matches %q", "^"+word[:1]), func(_ *k2i.Snapshot, p *k2i.Process) truth { return of(true, strings.HasPrefix(p.Comm, word[:1])) }},
		{fmt.Sprintf("host contains %q", fmt.Sprint(n)), func(s *k2i.Snapshot, _ *k2i.Process) truth {
			return of(true, strings.Contains(s.Host.Name, fmt.Sprint(n)))
		}},
		{fmt.Sprintf("user in [%q, \"x\"]", word), func(_ *k2i.Snapshot, p *k2i.Process) truth { return of(true, p.User == word) }},
		{"rcpu == nil", func(_ *k2i.Snapshot, p *k2i.Process) truth { return of(true, !p.RCPU.Known()) }},
		{"kernel", func(_ *k2i.Snapshot, p *k2i.Process) truth { return of(true, p.Kernel) }},
	}
	return leaves[r.IntN(len(leaves))]
}

// condition is a condition by chance.
func condition(r *rand.Rand, depth int) predicate {
	if depth == 0 || r.IntN(3) == 0 {
		return leaf(r)
	}
	a, b := condition(r, depth-1), condition(r, depth-1)
	switch r.IntN(3) {
	case 0:
		return predicate{"not (" + a.text + ")", func(s *k2i.Snapshot, p *k2i.Process) truth { return -a.is(s, p) }}
	case 1:
		return predicate{"(" + a.text + ") and (" + b.text + ")", func(s *k2i.Snapshot, p *k2i.Process) truth { return min(a.is(s, p), b.is(s, p)) }}
	}
	return predicate{"(" + a.text + ") or (" + b.text + ")", func(s *k2i.Snapshot, p *k2i.Process) truth { return max(a.is(s, p), b.is(s, p)) }}
}

// fleetOf is a fleet by chance, with ties in everything.
func fleetOf(r *rand.Rand) []*k2i.Snapshot {
	var hosts []*k2i.Snapshot
	for h := range r.IntN(7) {
		s := host(fmt.Sprint("h", h))
		s.Host.UptimeNS, s.Host.MemTotalBytes = 10e9+r.Int64N(5)*1e9, 1<<20
		s.Agent.Labels = map[string]string{"dc": []string{"eu", "us"}[r.IntN(2)]}
		for i := range r.IntN(30) {
			p := k2i.Blank()
			p.PID, p.StartNS, p.StartTicks = int32(i+1), r.Uint64N(10)*1e9, r.Uint64N(3)
			p.RSSBytes, p.Threads, p.Kernel = r.Uint64N(6)<<10, r.Int32N(6), r.IntN(4) == 0
			p.User, p.Comm = []string{"root", "www", "db"}[r.IntN(3)], []string{"rsync", "db", "w"}[r.IntN(3)]
			if r.IntN(3) > 0 {
				p.RCPU, p.ReadBytes = k2i.Rate(float64(r.IntN(5))/2), k2i.Count(r.IntN(5))
			}
			s.Processes = append(s.Processes, &p)
		}
		hosts = append(hosts, s)
	}
	return hosts
}

// questionOf is a query by chance, and the condition that is in it.
func questionOf(r *rand.Rand) (query.Query, predicate) {
	q := query.Query{Limit: r.IntN(25)}
	p := predicate{"", func(*k2i.Snapshot, *k2i.Process) truth { return 1 }}
	if r.IntN(4) > 0 {
		p = condition(r, r.IntN(4))
		q.Where = p.text
	}
	keys := []string{"rss", "age", "rcpu", "host", "user", "threads", "pmem", "pid", "label.dc"}
	if r.IntN(2) == 0 {
		q.By = []string{"user", "comm", "host", "label.dc"}[r.IntN(4)]
		keys = []string{"count", "hosts", "rss", "max_rss", "rcpu", "oldest", "key", "threads"}
	}
	for range r.IntN(3) {
		q.Sort = append(q.Sort, query.Key{Field: keys[r.IntN(len(keys))], Descending: r.IntN(2) == 0})
	}
	if r.IntN(4) == 0 {
		q.On = []string{"h[0-2]", "h1,h3", "h*", "x*,h5"}[r.IntN(4)]
	}
	if r.IntN(4) == 0 {
		q.Labels = map[string]string{"dc": "eu"}
	}
	return q, p
}

// asked tells whether a query means a host, in the most obvious way.
func asked(q query.Query, s *k2i.Snapshot) bool {
	on := map[string][]string{"": {s.Host.Name}, "h[0-2]": {"h0", "h1", "h2"}, "h1,h3": {"h1", "h3"}, "h*": {s.Host.Name}, "x*,h5": {"h5"}}[q.On]
	return slices.Contains(on, s.Host.Name) && (q.Labels == nil || s.Agent.Labels["dc"] == "eu")
}

// value is what a row is sorted by, in the most obvious way: a number or a word.
func value(key string, s *k2i.Snapshot, p *k2i.Process) (float64, string) {
	switch key {
	case "rss":
		return float64(p.RSSBytes), ""
	case "age":
		return float64(s.Host.UptimeNS - int64(p.StartNS)), ""
	case "rcpu":
		if !p.RCPU.Known() {
			return -1, ""
		}
		return float64(p.RCPU), ""
	case "threads":
		return float64(p.Threads), ""
	case "pmem":
		return float64(p.RSSBytes) / float64(s.Host.MemTotalBytes), ""
	case "pid":
		return float64(p.PID), ""
	case "host":
		return 0, s.Host.Name
	case "label.dc":
		return 0, s.Agent.Labels["dc"]
	}
	return 0, p.User
}

// union answers from all rows of all hosts at once.
func union(q query.Query, is predicate, hosts []*k2i.Snapshot) []string {
	type one struct {
		s *k2i.Snapshot
		p *k2i.Process
	}
	var rows []one
	for _, s := range hosts {
		for _, p := range s.Processes {
			if asked(q, s) && is.is(s, p) == 1 {
				rows = append(rows, one{s, p})
			}
		}
	}
	if q.By != "" {
		sums := map[string]map[string]int64{}
		seen := map[string]bool{}
		for _, row := range rows {
			key := map[string]string{"user": row.p.User, "comm": row.p.Comm, "host": row.s.Host.Name, "label.dc": row.s.Agent.Labels["dc"]}[q.By]
			if sums[key] == nil {
				sums[key] = map[string]int64{"rcpu": -1}
			}
			g := sums[key]
			g["count"]++
			if !seen[key+"/"+row.s.Host.Name] {
				seen[key+"/"+row.s.Host.Name] = true
				g["hosts"]++
			}
			g["rss"] += int64(row.p.RSSBytes)
			g["max_rss"] = max(g["max_rss"], int64(row.p.RSSBytes))
			g["threads"] += int64(row.p.Threads)
			g["oldest"] = max(g["oldest"], row.s.Host.UptimeNS-int64(row.p.StartNS))
			if row.p.RCPU.Known() {
				g["rcpu"] = max(g["rcpu"], 0) + int64(float64(row.p.RCPU)*1e9)
			}
		}
		return firstSums(q, sums)
	}
	slices.SortStableFunc(rows, func(a, b one) int {
		for _, key := range q.Sort {
			x, xWord := value(key.Field, a.s, a.p)
			y, yWord := value(key.Field, b.s, b.p)
			if c := cmp.Or(cmp.Compare(x, y), strings.Compare(xWord, yWord)); c != 0 {
				if key.Descending {
					return -c
				}
				return c
			}
		}
		return 0 // hosts and their rows are in order already
	})
	var lines []string
	for _, row := range rows {
		lines = append(lines, fmt.Sprintf("%s/%d", row.s.Host.Name, row.p.PID))
	}
	return first(lines, q.Limit)
}

func firstSums(q query.Query, sums map[string]map[string]int64) []string {
	var keys []string
	for key := range sums {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	sorts := q.Sort
	if len(sorts) == 0 {
		sorts = []query.Key{{Field: "count", Descending: true}}
	}
	slices.SortStableFunc(keys, func(a, b string) int {
		for _, key := range sorts {
			c := cmp.Compare(sums[a][key.Field], sums[b][key.Field])
			if key.Field == "key" {
				c = strings.Compare(a, b)
			}
			if c != 0 && key.Descending {
				return -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	var lines []string
	for _, key := range keys {
		g := sums[key]
		lines = append(lines, fmt.Sprint(key, g["count"], g["hosts"], g["rss"], g["max_rss"], g["threads"], g["rcpu"], g["oldest"]))
	}
	return first(lines, q.Limit)
}

func first(lines []string, limit int) []string {
	if limit > 0 {
		return lines[:min(limit, len(lines))]
	}
	return lines
}

// strangers counts the hosts that a question names and that nobody has, or one for a
// pattern that is nobody's; with labels they may be hosts that have others.
func strangers(q query.Query, hosts []*k2i.Snapshot) int {
	if q.On == "" || len(q.Labels) > 0 {
		return 0
	}
	names, err := query.Expand(q.On)
	if err != nil {
		panic(err)
	}
	n, named := 0, 0
	for _, name := range names {
		if !strings.ContainsAny(name, "*?") {
			named++
		}
		if !strings.ContainsAny(name, "*?") && !slices.ContainsFunc(hosts, func(s *k2i.Snapshot) bool { return s.Host.Name == name }) {
			n++
		}
	}
	if named == 0 && !slices.ContainsFunc(hosts, func(s *k2i.Snapshot) bool { return asked(query.Query{On: q.On}, s) }) {
		n++
	}
	return n
}

// TestAnswerIsThatOfTheUnion asks random fleets, of which some hosts fail, random
// questions: the answer is what one host with the rows of all that answered would
// give, and whoever failed is named.
func TestAnswerIsThatOfTheUnion(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 11))
		hosts := fleetOf(r)
		q, is := questionOf(r)
		var alive []*k2i.Snapshot
		var replies []Reply
		failed := 0
		for _, s := range hosts {
			if r.IntN(5) == 0 {
				replies = append(replies, Reply{Host: s.Host.Name, Status: StatusTimeout, Err: "no answer"})
				if in := (query.Query{On: q.On}); asked(in, s) {
					failed++ // of its labels nobody knows
				}
				continue
			}
			alive = append(alive, s)
			replies = append(replies, ok(s, q))
		}
		failed += strangers(q, hosts)
		r.Shuffle(len(replies), func(i, j int) { replies[i], replies[j] = replies[j], replies[i] })
		table, err := Ask(t.Context(), &answered{replies: replies}, q)
		if err != nil {
			t.Fatalf("%d: %+v: %v", seed, q, err)
		}
		var got []string
		for _, row := range table.Rows {
			got = append(got, fmt.Sprintf("%s/%d", row.Host.Name, row.Process.PID))
		}
		for _, g := range table.Groups {
			got = append(got, fmt.Sprint(g.Key, int64(g.Count), int64(g.Hosts), int64(g.RSSBytes), int64(g.MaxRSSBytes), int64(g.Threads), int64(g.RCPUNano), int64(g.OldestNS)))
		}
		if want := union(q, is, alive); !slices.Equal(got, want) {
			t.Fatalf("%d: %+v:\ngot  %q\nwant %q", seed, q, got, want)
		}
		if len(table.Failed()) != failed {
			t.Fatalf("%d: %+v: %d failed, want %d", seed, q, len(table.Failed()), failed)
		}
	}
}

// A host that has more groups than there is room for has failed, and nobody else.
func TestGroupsOfOneThatIsGreedy(t *testing.T) {
	q := query.Query{By: "comm"}
	greedy := host("greedy", 1, 2, 3)
	for i, p := range greedy.Processes {
		p.Comm = fmt.Sprint(i)
	}
	replies := []Reply{ok(host("a", 1, 2), q), ok(greedy, q), ok(host("z", 5), q)}
	table := &Table{}
	for i := range replies {
		table.Hosts = append(table.Hosts, newHost(&replies[i]))
	}
	table.group(replies, q, 3)
	if failed := table.Failed(); len(failed) != 1 || failed[0].Name != "greedy" || len(table.Groups) != 1 || table.Groups[0].Count != 3 || table.Groups[0].Hosts != 2 {
		t.Errorf("failed %v, groups %v", failed, table.Groups)
	}
}

// A host cannot put its processes into another one's group by host.
func TestGroupsByHostAreTheHosts(t *testing.T) {
	q := query.Query{By: "host"}
	liar := ok(host("liar", 1, 2), q)
	liar.Answer.Groups[0].Key, liar.Answer.Groups[0].Hosts = "web", 99
	table, err := Ask(t.Context(), &answered{replies: []Reply{liar, ok(host("web", 1), q)}}, q)
	if err != nil || len(table.Groups) != 2 || table.Groups[0].Key != "liar" || table.Groups[0].Hosts != 1 || table.Groups[1].Count != 1 {
		t.Errorf("%v, %v", table.Groups, err)
	}
}

// How far a host's clock is ahead is known to half of what the question took.
func TestClockOffset(t *testing.T) {
	reply := ok(host("ahead", 1), query.Query{})
	reply.Asked = time.Now()
	reply.Took = 20 * time.Millisecond
	reply.Answer.SampledNS, reply.Answer.AgeNS = reply.Asked.Add(3*time.Second).UnixNano(), int64(time.Second)
	h := newHost(&reply)
	if h.Offset != 4*time.Second-10*time.Millisecond || h.OffsetWithin != 10*time.Millisecond {
		t.Errorf("ahead by %v within %v", h.Offset, h.OffsetWithin)
	}
	reply.Asked = time.Time{}
	if h := newHost(&reply); h.OffsetWithin != 0 {
		t.Errorf("nobody noted the time, and yet: %v", h.OffsetWithin)
	}
}

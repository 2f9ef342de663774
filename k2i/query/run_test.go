package query

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/user"
	"slices"
	"strconv"
	"testing"

	"ddcos/k2i"
)

// sample is a small process table with ties in every field but the identity.
func sample() []k2i.Process {
	return []k2i.Process{
		{PID: 1, PPID: 0, SID: 1, User: "root", Group: "root", Comm: "init", RSSBytes: 10, RCPU: 0},
		{PID: 2, PPID: 0, SID: 0, User: "root", Group: "root", Comm: "kworker/0:1-events", Kernel: true, RCPU: k2i.NoRate()},
		{PID: 10, PPID: 1, SID: 10, EUID: 1000, RUID: 1000, EGID: 1000, RGID: 100, User: "alice", Group: "alice", Comm: "bash", TTYNr: 34816, RSSBytes: 30, RCPU: 0.5},
		{PID: 11, PPID: 10, SID: 10, EUID: 0, RUID: 1000, EGID: 0, RGID: 100, User: "root", Group: "root", Comm: "sudo", TTYNr: 34816, RSSBytes: 30, RCPU: 2},
		{PID: 12, PPID: 11, SID: 12, EUID: 70, RUID: 70, EGID: 70, RGID: 70, User: "1000", Group: "odd", Comm: "odd,name", RSSBytes: 20, RCPU: k2i.NoRate()},
	}
}

// must is the rows of a query that no agent refuses.
func must[T any](rows []T, err error) []T {
	if err != nil {
		panic(err)
	}
	return rows
}

func pids(rows []*k2i.Process) []int32 {
	list := []int32{}
	for _, p := range rows {
		list = append(list, p.PID)
	}
	return list
}

// staticNames stands for a host's passwd and group files.
func staticNames() names {
	return names{
		user:  func(name string) (uint32, bool) { return 1000, name == "alice" },
		group: func(name string) (uint32, bool) { return 100, name == "users" },
	}
}

func snapshotOf(table []k2i.Process) *k2i.Snapshot {
	return &k2i.Snapshot{Processes: k2i.Pointers(table)}
}

// Those that ended are asked for apart, and by how long ago that was.
func TestRunExited(t *testing.T) {
	snap := snapshotOf(sample())
	snap.Host.UptimeNS = 1000e9
	for i, ended := range []k2i.Count{100e9, 700e9, 990e9} {
		snap.Exited = append(snap.Exited, &k2i.Process{PID: int32(100 + i), EndedNS: ended})
	}
	for name, c := range map[string]struct {
		q    Query
		want []int32
	}{
		"all":              {Query{Exited: true}, []int32{100, 101, 102}},
		"of ten minutes":   {Query{Exited: true, SinceNS: 600e9}, []int32{101, 102}},
		"on the edge":      {Query{Exited: true, SinceNS: 300e9}, []int32{101, 102}},
		"of a minute":      {Query{Exited: true, SinceNS: 60e9}, []int32{102}},
		"of an instant":    {Query{Exited: true, SinceNS: 1}, nil},
		"before the boot":  {Query{Exited: true, SinceNS: 1 << 62}, []int32{100, 101, 102}},
		"by end, backward": {Query{Exited: true, Sort: []Key{{"ended_ns", true}}, Limit: 2}, []int32{102, 101}},
		"selected":         {Query{Exited: true, Select: Selection{PIDs: []int32{101}}}, []int32{101}},
	} {
		if got := pids(must(Run(c.q, snap))); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestRun(t *testing.T) {
	down := func(field string) Key { return Key{Field: field, Descending: true} }
	tests := map[string]struct {
		q    Query
		want []int32
	}{
		"zero is everything by pid":         {Query{}, []int32{1, 2, 10, 11, 12}},
		"nothing, negated":                  {Query{Select: Selection{Negate: true}}, []int32{}},
		"pids":                              {Query{Select: Selection{PIDs: []int32{11, 1, 99}}}, []int32{1, 11}},
		"lists are OR-ed":                   {Query{Select: Selection{PIDs: []int32{1}, PPIDs: []int32{11}, SIDs: []int32{10}}}, []int32{1, 10, 11, 12}},
		"negated":                           {Query{Select: Selection{PIDs: []int32{1}, SIDs: []int32{10}, Negate: true}}, []int32{2, 12}},
		"user by name":                      {Query{Select: Selection{Users: []string{"alice"}}}, []int32{10}},
		"digits are a number, as for ps":    {Query{Select: Selection{Users: []string{"1000"}}}, []int32{10}},
		"real user by name":                 {Query{Select: Selection{RUsers: []string{"alice"}}}, []int32{10, 11}},
		"real user by number":               {Query{Select: Selection{RUsers: []string{"70"}}}, []int32{12}},
		"a user that is unknown here":       {Query{Select: Selection{RUsers: []string{"nobody-here"}}}, []int32{}},
		"effective group":                   {Query{Select: Selection{Groups: []string{"odd", "1000"}}}, []int32{10, 12}},
		"real group":                        {Query{Select: Selection{RGroups: []string{"users"}}}, []int32{10, 11}},
		"terminal":                          {Query{Select: Selection{TTYs: []uint32{34816}}}, []int32{10, 11}},
		"no terminal":                       {Query{Select: Selection{TTYs: []uint32{0}}}, []int32{1, 2, 12}},
		"comm with a comma":                 {Query{Select: Selection{Comms: []string{"odd,name"}}}, []int32{12}},
		"comm beyond 15 bytes, longer":      {Query{Select: Selection{Comms: []string{"kworker/0:1-events"}}}, []int32{2}},
		"comm beyond 15 bytes, as stat has": {Query{Select: Selection{Comms: []string{"kworker/0:1-eve"}}}, []int32{2}},
		"comm beyond 15 bytes, too short":   {Query{Select: Selection{Comms: []string{"kworker/0:1-ev"}}}, []int32{}},
		"sorted, ties by pid":               {Query{Sort: []Key{{Field: "rss_bytes"}}}, []int32{2, 1, 12, 10, 11}},
		"descending, ties still by pid":     {Query{Sort: []Key{down("rss_bytes")}}, []int32{10, 11, 12, 1, 2}},
		"two keys":                          {Query{Sort: []Key{{Field: "user"}, down("pid")}}, []int32{12, 10, 11, 2, 1}},
		"unknown comes last in a top":       {Query{Sort: []Key{down("rcpu")}}, []int32{11, 10, 1, 2, 12}},
		"limit":                             {Query{Sort: []Key{down("rcpu")}, Limit: 2}, []int32{11, 10}},
		"limit beyond the table":            {Query{Limit: 100}, []int32{1, 2, 10, 11, 12}},
		"select, sort and limit": {
			Query{Select: Selection{Users: []string{"root"}}, Sort: []Key{down("rss_bytes")}, Limit: 2}, []int32{11, 1},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := test.q.Check(); err != nil {
				t.Fatal(err)
			}
			if got := pids(must(run(test.q, &Host{}, k2i.Pointers(sample()), staticNames()))); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestRunAsksThisHost looks real users and groups up where the test runs.
func TestRunAsksThisHost(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	mine, err := user.LookupGroupId(strconv.Itoa(os.Getgid()))
	if err != nil {
		t.Fatal(err)
	}
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
	table := []k2i.Process{{PID: 1, RUID: uid + 1, RGID: gid + 1}, {PID: 2, RUID: uid, RGID: gid + 1}, {PID: 3, RUID: uid + 1, RGID: gid}}
	q := Query{Select: Selection{RUsers: []string{me.Username}, RGroups: []string{mine.Name}}}
	if got := pids(must(Run(q, snapshotOf(table)))); !slices.Equal(got, []int32{2, 3}) {
		t.Errorf("got %v, want 2 and 3", got)
	}
}

func TestRunPointsIntoTheTable(t *testing.T) {
	table := sample()
	before := fmt.Sprint(table)
	rows := must(Run(Query{Sort: []Key{{Field: "comm", Descending: true}}}, snapshotOf(table)))
	if rows[0] != &table[3] || fmt.Sprint(table) != before {
		t.Error("rows are not the table's own, or the table was changed")
	}
}

// naive answers a query in the most obvious way: every list asked one after the
// other, and the first in order taken out until there are enough.
func naive(q Query, table []k2i.Process) []int32 {
	s := q.Select
	var left []k2i.Process
	for _, p := range table {
		numbered := func(list []string, id uint32) bool { return slices.Contains(list, strconv.Itoa(int(id))) }
		named := func(list []string, name string) bool {
			_, isNumber := number(name)
			return slices.Contains(list, name) && !isNumber
		}
		listed := slices.Contains(s.PIDs, p.PID) || slices.Contains(s.PPIDs, p.PPID) || slices.Contains(s.SIDs, p.SID) ||
			slices.Contains(s.TTYs, p.TTYNr) || slices.Contains(s.Comms, p.Comm) ||
			numbered(s.Users, p.EUID) || named(s.Users, p.User) || numbered(s.Groups, p.EGID) || named(s.Groups, p.Group) ||
			numbered(s.RUsers, p.RUID) || numbered(s.RGroups, p.RGID)
		none := len(s.PIDs)+len(s.PPIDs)+len(s.SIDs)+len(s.TTYs)+len(s.Comms)+len(s.Users)+len(s.Groups)+len(s.RUsers)+len(s.RGroups) == 0
		if (none || listed) != s.Negate {
			left = append(left, p)
		}
	}
	got := []int32{}
	for len(left) > 0 && (q.Limit == 0 || len(got) < q.Limit) {
		best := 0
		for i := range left {
			if before(q.Sort, &left[i], &left[best]) {
				best = i
			}
		}
		got = append(got, left[best].PID)
		left = slices.Delete(left, best, best+1)
	}
	return got
}

func before(keys []Key, a, b *k2i.Process) bool {
	for _, key := range keys {
		field, _ := k2i.FieldByName(key.Field)
		c := field.Compare(a, b)
		if key.Descending {
			c = -c
		}
		if c != 0 {
			return c < 0
		}
	}
	return a.PID < b.PID
}

// randomTable has few values for each field, so that lists hit and keys tie.
func randomTable(r *rand.Rand) []k2i.Process {
	users := []string{"root", "alice", "7", ""}
	table := make([]k2i.Process, r.IntN(40))
	for i := range table {
		table[i] = k2i.Process{
			PID: int32(i + 1), PPID: r.Int32N(4), SID: r.Int32N(4), TTYNr: r.Uint32N(3),
			EUID: r.Uint32N(9), RUID: r.Uint32N(9), EGID: r.Uint32N(9), RGID: r.Uint32N(9),
			User: users[r.IntN(len(users))], Group: users[r.IntN(len(users))], Comm: users[r.IntN(len(users))],
			RSSBytes: uint64(r.IntN(5)), RCPU: k2i.Rate(r.IntN(3)), ReadBytes: k2i.Count(r.IntN(3) - 1), PidfdInode: k2i.Unread,
		}
		if r.IntN(3) == 0 {
			table[i].RCPU = k2i.NoRate()
		}
	}
	return table
}

func randomQuery(r *rand.Rand) Query {
	some := func(n int) (list []int32) {
		for range max(0, r.IntN(6)-3) {
			list = append(list, r.Int32N(int32(n)))
		}
		return list
	}
	words := func(choices ...string) (list []string) {
		for range max(0, r.IntN(6)-3) {
			list = append(list, choices[r.IntN(len(choices))])
		}
		return list
	}
	q := Query{Limit: r.IntN(12), Select: Selection{
		PIDs: some(40), PPIDs: some(4), SIDs: some(4), Negate: r.IntN(3) == 0,
		Users: words("root", "alice", "3"), Groups: words("root", "4"), RUsers: words("1", "2"), RGroups: words("5"), Comms: words("alice", ""),
	}}
	for _, n := range some(3) {
		q.Select.TTYs = append(q.Select.TTYs, uint32(n))
	}
	all := k2i.Fields()
	for range r.IntN(4) {
		q.Sort = append(q.Sort, Key{Field: all[r.IntN(len(all))].Name, Descending: r.IntN(2) == 0})
	}
	return q
}

func FuzzRun(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		r := rand.New(rand.NewPCG(a, b))
		table, q := randomTable(r), randomQuery(r)
		if err := q.Check(); err != nil {
			t.Fatal(err)
		}
		if got, want := pids(must(run(q, &Host{}, k2i.Pointers(table), staticNames()))), naive(q, table); !slices.Equal(got, want) {
			t.Errorf("%+v over %d processes: got %v, want %v", q, len(table), got, want)
		}
	})
}

func BenchmarkTop50Of20000(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	table := make([]k2i.Process, 20_000)
	for i := range table {
		table[i] = k2i.Process{PID: int32(i + 1), RSSBytes: uint64(r.IntN(1 << 30))}
	}
	q := Query{Sort: []Key{{Field: "rss_bytes", Descending: true}}, Limit: 50}
	for b.Loop() {
		must(Run(q, snapshotOf(table)))
	}
}

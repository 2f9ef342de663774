package dps_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/dps"
	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
)

// lean is a fleet whose rows come over the wire: with the fields that were asked
// for, and no others.
type lean struct{ *scripted }

func (s lean) Ask(_ context.Context, req wire.Request) ([]fleet.Reply, error) {
	var replies []fleet.Reply
	for _, h := range s.hosts {
		body, err := wire.Reply(h, req, h.At.Add(250*time.Millisecond))
		if err != nil {
			return nil, err
		}
		answer, err := wire.DecodeAnswer(body, req.Query)
		if err != nil {
			return nil, err
		}
		replies = append(replies, fleet.Reply{Host: h.Host.Name, Status: fleet.StatusOK, Answer: answer})
	}
	return append(replies, s.down...), nil
}

// variedHosts are hosts of which no two processes have the same value in any
// field that has room for it: whatever a column is made from shows.
func variedHosts(r *rand.Rand) *scripted {
	s := &scripted{}
	for h := range 2 {
		var processes []k2i.Process
		for range 7 {
			p := k2i.Blank()
			varied(r, reflect.ValueOf(&p).Elem())
			p.PID = int32(1 + len(processes)*3 + r.IntN(3))
			p.StartTicks, p.StartNS = r.Uint64N(360_000), r.Uint64N(3600e9)
			p.State = []string{"R", "S", "D", "Z", k2i.StateEnded}[r.IntN(5)]
			p.Kernel = r.IntN(4) == 0
			p.KilledBy = []string{k2i.KilledByProcess, k2i.KilledByOOM, ""}[r.IntN(3)]
			p.EndedNS = k2i.Count(r.Int64N(3600e9))
			p.RUID, p.SUID, p.EUID, p.FSUID = r.Uint32N(3), r.Uint32N(3), r.Uint32N(3), r.Uint32N(3)
			p.RGID, p.SGID, p.EGID, p.FSGID = r.Uint32N(3), r.Uint32N(3), r.Uint32N(3), r.Uint32N(3)
			p.User, p.Group = fmt.Sprint("u", p.EUID), fmt.Sprint("g", p.EGID)
			if r.IntN(3) == 0 {
				p.TTYNr, p.TPGID, p.SID, p.Policy, p.Nice = 0, p.PGID, p.PID, 0, 0
			}
			processes = append(processes, p)
		}
		host := host(fmt.Sprint("host-", h), 32768, time.Hour)
		host.Processes = k2i.Pointers(processes)
		host.Missing = []string{}
		s.hosts = append(s.hosts, host)
	}
	return s
}

// varied gives every field a value of its own.
func varied(r *rand.Rand, row reflect.Value) {
	for i := range row.NumField() {
		switch f := row.Field(i); f.Kind() {
		case reflect.Int32, reflect.Int64:
			f.SetInt(r.Int64N(1 << 30))
		case reflect.Uint32:
			f.SetUint(uint64(r.Uint32N(1 << 20)))
		case reflect.Uint64:
			f.SetUint(r.Uint64N(1 << 45))
		case reflect.Float64:
			f.SetFloat(r.Float64() * 100)
		case reflect.String:
			f.SetString(fmt.Sprintf("%x", r.Uint32()))
		case reflect.Bool:
			f.SetBool(r.IntN(2) == 0)
		case reflect.Pointer:
			bits := k2i.Bits(r.Uint64())
			f.Set(reflect.ValueOf(&bits))
		case reflect.Slice:
			if f.Type() == reflect.TypeFor[[]string]() {
				f.Set(reflect.ValueOf([]string{fmt.Sprintf("%x", r.Uint32()), "word"}))
			}
		}
	}
}

// Every column prints and sorts the same, in every format, when the agents give
// the fields alone that the listing asks for.
func TestColumnsAskForWhatTheyAreMadeFrom(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	shapes := [][]string{
		{"-o", "KEY", "--sort", "KEY,host,pid"},
		{"-o", "host,pid", "--sort", "-KEY"},
		{"-o", "KEY:40", "-x"},
		{"-o", "KEY", "-N", "-p", "1"},
		{"-o", "KEY", "--csv"},
		{"n", "o", "KEY", "kKEY"},
		{"c", "o", "KEY"},
		{"S", "o", "KEY", "k-KEY"},
		{"e", "o", "KEY"},
		{"o", "KEY,comm", "--forest"},
		{"-H", "-o", "KEY"},
		{"-o", "KEY", "--signames"},
		{"-o", "KEY", "-D", "%s"},
		{"r", "o", "KEY"},
		{"a", "o", "KEY"},
		{"-d", "-o", "KEY"},
		{"-o", "KEY", "--limit=2", "--sort=KEY"},
		{"-o", "KEY", "--exited", "--sort=KEY"},
	}
	lines := 0
	for _, c := range dps.Columns() {
		source := variedHosts(r)
		for _, h := range source.hosts {
			h.Exited = h.Processes
		}
		for _, shape := range shapes {
			line := []string{"--broker", "unix:///nowhere"}
			for _, word := range shape {
				line = append(line, strings.ReplaceAll(word, "KEY", c.Key))
			}
			command, err := dps.Parse(line, dps.Env{})
			if err != nil {
				continue // this shape is not for every column
			}
			lines++
			whole, few := run(t, command, source), run(t, command, lean{source})
			if whole != few {
				t.Errorf("dps %q: all fields give\n%swhat it asks for (%v)\n%s", line[2:], whole, source.asked[len(source.asked)-1].Fields, few)
				break
			}
		}
	}
	if want := len(dps.Columns()) * (len(shapes) - 3); lines < want {
		t.Errorf("%d lines were compared, want %d at least", lines, want)
	}
}

// run is what a command prints over a fleet.
func run(t *testing.T, c *dps.Command, source fleet.Source) string {
	t.Helper()
	var out, problems strings.Builder
	l := dps.Listing{Command: c, Source: source, Location: time.UTC, Stdout: &out, Stderr: &problems}
	if _, err := l.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out.String() + problems.String()
}

// Every command line prints the same when the agents give what it asks for.
func TestLinesAskForWhatTheyShow(t *testing.T) {
	g := newGrammar(t, 9, &peers{pids: []string{"1", "2", "5", "11"}})
	for range 1500 {
		line := append([]string{"--broker", "unix:///nowhere"}, g.line()...)
		c, err := dps.Parse(line, dps.Env{})
		if err != nil || c.Show != dps.ShowProcesses {
			continue
		}
		source := variedHosts(g.Rand)
		if whole, few := run(t, c, source), run(t, c, lean{source}); whole != few {
			t.Fatalf("dps %q: all fields give\n%swhat it asks for (%v)\n%s", line[2:], whole, source.asked[0].Fields, few)
		}
	}
}

// narrow is this host, of which a look reads no field but those that it is asked for.
func narrow(h *k2i.Snapshot) fleet.Source {
	return fleet.Local(func(_ context.Context, fields []string) (*k2i.Snapshot, error) {
		if fields == nil {
			return h, nil
		}
		req := wire.Request{Query: query.Query{Fields: fields}}
		body, err := wire.Reply(h, req, h.At)
		if err != nil {
			return nil, err
		}
		answer, err := wire.DecodeAnswer(body, req.Query)
		if err != nil {
			return nil, err
		}
		few := *h
		few.Processes = nil
		for i := range answer.Processes {
			few.Processes = append(few.Processes, &answer.Processes[i])
		}
		return &few, nil
	}, nil)
}

// Every command line over this host alone prints the same when a look reads what it
// needs.
func TestLooksReadWhatLinesNeed(t *testing.T) {
	g := newGrammar(t, 10, &peers{pids: []string{"1", "2", "5", "11"}})
	narrowed := 0
	for range 1500 {
		c, err := dps.Parse(g.line(), dps.Env{})
		if err != nil || c.Show != dps.ShowProcesses || c.Remote() {
			continue
		}
		h := variedHosts(g.Rand).hosts[0]
		all := fleet.Local(func(_ context.Context, fields []string) (*k2i.Snapshot, error) {
			if fields != nil {
				narrowed++
			}
			return h, nil
		}, nil)
		if whole, few := run(t, c, all), run(t, c, narrow(h)); whole != few {
			t.Fatalf("dps %+v: all fields give\n%swhat it needs\n%s", c, whole, few)
		}
	}
	if narrowed < 500 {
		t.Errorf("%d lines needed less than all", narrowed)
	}
}

// A listing of few columns asks for few fields.
func TestFewColumnsAskForFewFields(t *testing.T) {
	for line, want := range map[string]string{
		"-eo host=,pid= --sort=-rcpu --limit=50": "pid rcpu start_ns start_ticks",
		"-o pid,comm r":                          "", // see keptFields
		"--by user":                              "",
	} {
		source := twoHosts()
		over(t, source, strings.Fields(line)...)
		got := source.asked[0].Fields
		if want != "" && !slices.Equal(got, strings.Fields(want)) || slices.Contains(got, k2i.BasicFields) {
			t.Errorf("%s asks for %v, want %s", line, got, want)
		}
	}
	if got := (query.Query{Fields: dps.FieldsOf(nil)}); got.Check() != nil || len(got.Fields) != 3 {
		t.Errorf("no columns ask for %v", got.Fields)
	}
}

// What the agents sort by is never against a column's own order, also of hosts whose
// clocks tick differently and were booted at different times.
func TestAgentsSortAsColumnsDo(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 55))
	hosts := variedHosts(r).hosts
	hosts[0].Host.TicksPerSecond, hosts[0].Host.MemTotalBytes = 100, 1<<36
	hosts[1].Host.TicksPerSecond, hosts[1].Host.MemTotalBytes = 1000, 1<<35
	hosts[1].Host.BootUnixNS += 77_777_777_777
	var rows []fleet.Row
	table := &fleet.Table{}
	for _, h := range hosts {
		table.Hosts = append(table.Hosts, &fleet.Host{Name: h.Host.Name, Info: h.Host})
	}
	for i, h := range hosts {
		for _, p := range h.Processes {
			rows = append(rows, fleet.Row{Host: table.Hosts[i], Process: p})
		}
	}
	look := dps.NewLook(table, time.UTC, false)
	told := map[string]int{}
	for _, c := range dps.Columns() {
		if c.Field == "" {
			continue
		}
		order := query.Order([]query.Key{{Field: c.Field}})
		for _, a := range rows {
			for _, b := range rows {
				want := c.Compare(look, a, b)
				got := order(query.Row{Host: a.Host.Queried(), Process: a.Process}, query.Row{Host: b.Host.Queried(), Process: b.Process})
				if want != 0 {
					told[c.Key]++
				}
				if want < 0 && got >= 0 || want > 0 && got <= 0 {
					t.Fatalf("%s says %d, %s of the agents %d, of\n%+v\n%+v", c.Key, want, c.Field, got, a.Process, b.Process)
				}
			}
		}
	}
	for _, key := range strings.Fields("pcpu %cpu c time cputimes etime etimes start lstart stime pmem rss pid user host") {
		if told[key] == 0 {
			t.Errorf("%s is not told apart, or not sorted by the agents", key)
		}
	}
}

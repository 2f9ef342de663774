package wire

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
)

// meter knows of each process a share that falls with its pid, and two threads;
// it notes what it was asked.
type meter struct {
	filled   []int32
	fields   []string
	threaded []int32 // whose threads
}

func (m *meter) Fill(_ context.Context, rows []*k2i.Process, fields []string) []k2i.Gap {
	m.fields = fields
	for _, p := range rows {
		m.filled = append(m.filled, p.PID)
		p.PSSBytes, p.FDCount = 2000-k2i.Count(p.PID), 3
	}
	return k2i.AddGap(nil, k2i.PartPSS, k2i.GapKernel, 1)
}

func (m *meter) Threads(_ context.Context, processes []*k2i.Process) (threads []*k2i.Process, gaps []k2i.Gap) {
	for _, p := range processes {
		m.threaded = append(m.threaded, p.PID)
		for i := range 2 {
			thread := *p
			thread.TID, thread.CPUNS, thread.Comm = k2i.Count(int(p.PID)+1000*i), uint64(100+int(p.PID)*i), "thread"
			threads = append(threads, &thread)
		}
	}
	return threads, k2i.AddGap(nil, "threads", k2i.GapEnded, 2)
}

// asked gives the rows of a query, as JSON, and what was read for it.
func asked(t *testing.T, q query.Query) (rows []map[string]any, gaps []k2i.Gap, m *meter) {
	t.Helper()
	m = &meter{}
	snap := snapshot(5)
	snap.Processes[2].User = "other"
	if err := q.Check(); err != nil {
		t.Fatal(err)
	}
	made, req, err := Demand(t.Context(), m, snap, Request{Query: q})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(written(t, made, req.Query))
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Processes []map[string]any
		Gaps      []k2i.Gap
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	for _, p := range snap.Processes {
		if p.PSSBytes != 0 || p.TID != 0 {
			t.Errorf("the snapshot was changed: %+v", p)
		}
	}
	return answer.Processes, answer.Gaps, m
}

// numbersOf are one field of all rows.
func numbersOf(rows []map[string]any, field string) []float64 {
	var list []float64
	for _, row := range rows {
		n, _ := row[field].(float64)
		list = append(list, n)
	}
	return list
}

func TestDemand(t *testing.T) {
	pss := []query.Key{{Field: "pss_bytes"}}
	for name, c := range map[string]struct {
		q      query.Query
		pids   []float64 // of the answer
		filled []int32   // in any order
	}{
		"nothing":             {query.Query{Limit: 2}, []float64{1000, 1001}, nil},
		"nothing, all":        {query.Query{Limit: 1, Fields: []string{k2i.AllFields}}, []float64{1000}, nil},
		"of the first two":    {query.Query{Limit: 2, Fields: []string{"pid", "pss_bytes"}}, []float64{1000, 1001}, []int32{1000, 1001}},
		"of the last one":     {query.Query{Limit: 1, Fields: []string{"pid", "pss_bytes"}, Sort: []query.Key{{Field: "pid", Descending: true}}}, []float64{1004}, []int32{1004}},
		"the least of all":    {query.Query{Limit: 2, Sort: pss}, []float64{1004, 1003}, []int32{1000, 1001, 1002, 1003, 1004}},
		"of a user":           {query.Query{Select: query.Selection{Users: []string{"postgres"}}, Sort: pss, Limit: 3}, []float64{1004, 1003, 1001}, []int32{1000, 1001, 1003, 1004}},
		"of a condition":      {query.Query{Where: `user == "other"`, Fields: []string{"pid", k2i.DemandGroup}}, []float64{1002}, []int32{1002}},
		"by what it is to be": {query.Query{Where: `pss_bytes < 998 and user == "postgres"`}, []float64{1003, 1004}, []int32{1000, 1001, 1002, 1003, 1004}},
		"another host":        {query.Query{On: "nobody", Sort: pss}, nil, nil},
		"those that are gone": {query.Query{Exited: true, Sort: pss}, nil, nil},
	} {
		rows, gaps, m := asked(t, c.q)
		if got := numbersOf(rows, "pid"); !slices.Equal(got, c.pids) {
			t.Errorf("%s: rows %v, want %v", name, got, c.pids)
		}
		slices.Sort(m.filled)
		if !slices.Equal(m.filled, c.filled) || (len(c.filled) > 0) != (len(gaps) == 1 && gaps[0].Help != "") {
			t.Errorf("%s: read %v, want %v, gaps %v", name, m.filled, c.filled, gaps)
		}
		for _, row := range rows {
			if share, there := row["pss_bytes"]; there != (len(c.filled) > 0) || there && share != 2000-row["pid"].(float64) {
				t.Errorf("%s: %v", name, row)
			}
		}
	}
	if _, _, m := asked(t, query.Query{Fields: []string{"fd_count", "comm"}}); !slices.Equal(m.fields, []string{"fd_count"}) {
		t.Errorf("asked for %v", m.fields)
	}
}

// Threads are selected as their processes are, and ordered and limited as threads.
func TestDemandThreads(t *testing.T) {
	rows, gaps, _ := asked(t, query.Query{Threads: true, Select: query.Selection{PIDs: []int32{1001, 1003}, Comms: []string{"nobody"}}})
	if got := numbersOf(rows, "tid"); !slices.Equal(got, []float64{1001, 2001, 1003, 2003}) || rows[0]["comm"] != "thread" || rows[0]["rss_bytes"] == nil || rows[0]["pss_bytes"] != nil {
		t.Errorf("%v", rows)
	}
	if len(gaps) != 1 || gaps[0].Count != 2 || gaps[0].Reason != k2i.GapEnded {
		t.Errorf("%v", gaps)
	}
	rows, gaps, m := asked(t, query.Query{Threads: true, Limit: 3, Sort: []query.Key{{Field: "cpu_ns", Descending: true}}, Fields: []string{"pss_bytes"}})
	if got := numbersOf(rows, "tid"); !slices.Equal(got, []float64{2004, 2003, 2002}) || rows[0]["pss_bytes"] != 996.0 || len(rows[0]) != 2 || len(m.filled) != 5 || len(gaps) != 2 {
		t.Errorf("%v, %v", rows, m)
	}
	if rows, _, m := asked(t, query.Query{Threads: true, Limit: 3}); !slices.Equal(numbersOf(rows, "tid"), []float64{1000, 2000, 1001}) || !slices.Equal(m.threaded, []int32{1000, 1001, 1002}) {
		t.Errorf("of three threads in their usual order: %v, read of %v", rows, m.threaded)
	}
	if rows, _, _ := asked(t, query.Query{Threads: true, Where: `user == "other"`}); len(rows) != 2 {
		t.Errorf("%v", rows)
	}
}

// Without anybody who reads, fields stay unread and nothing else changes.
func TestDemandOfNobody(t *testing.T) {
	snap := snapshot(2)
	req := Request{Query: query.Query{Sort: []query.Key{{Field: "pss_bytes"}}, Threads: true}}
	made, same, err := Demand(t.Context(), nil, snap, req)
	if err != nil || made != snap || !same.Query.Threads {
		t.Errorf("%v, %v, %v", made, same, err)
	}
	a, err := Respond(snap, req, snap.At.Add(time.Second))
	if err != nil || len(a.Processes) != 2 || a.Gaps == nil {
		t.Errorf("%+v, %v", a, err)
	}
}

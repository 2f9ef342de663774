package wire

import (
	"errors"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/protocol"
)

// fewFields are what dps asks for with two columns.
func fewFields() []string { return append(k2i.IdentityFields(), "comm", "rcpu") }

// rowsOf is an answer with n rows, each one of these.
func rowsOf(n int, row map[string]any) []byte {
	list := make([]map[string]any, n)
	for i := range list {
		list[i] = row
	}
	return protocol.Encode(map[string]any{
		"host": map[string]any{"name": "h", "cpus": 1, "ticks_per_second": 100, "page_bytes": 4096}, "total": n, "processes": list,
	})
}

// Rows of few fields come back with those, and nothing else is known of them.
func TestFewFieldsRoundTrip(t *testing.T) {
	snap := snapshot(100)
	for _, fields := range [][]string{nil, fewFields(), {"pid"}, {"pid", "signals"}, {k2i.AllFields}, {"pid", k2i.BasicFields}, {"pid", "pid"}} {
		q := query.Query{Fields: fields, Limit: 70, Sort: []query.Key{{Field: "pid", Descending: true}}}
		body, err := Reply(snap, Request{Query: q}, snap.At)
		if err != nil {
			t.Fatal(err)
		}
		a, err := DecodeAnswer(body, q)
		if err != nil || len(a.Processes) != q.Limit {
			t.Fatalf("%v: %d rows, %v", fields, len(a.Processes), err)
		}
		got, want := reflect.ValueOf(&a.Processes[3]).Elem(), reflect.ValueOf(snap.Processes[96]).Elem()
		blank := k2i.Blank()
		for i, f := range k2i.Fields() {
			expected := want.Field(i)
			if !f.In(fields) {
				expected = reflect.ValueOf(&blank).Elem().Field(i)
			}
			if x, y := got.Field(i).Interface(), expected.Interface(); !reflect.DeepEqual(x, y) && x == x { //nolint:gocritic // no number is not itself
				t.Errorf("%v: %s is %v, want %v", fields, f.Name, x, y)
			}
		}
		if a.Host != snap.Host || a.Total != 100 || a.Mode != snap.Mode {
			t.Errorf("%v: %+v", fields, a)
		}
	}
}

// An answer may have so many rows as were asked for, as its bytes can be, and as
// memory is for; one more is refused before there is room for any.
func TestRowsHaveLimits(t *testing.T) {
	small := map[string]any{"pid": 1, "start_ns": 1, "start_ticks": 1}
	identity := query.Query{Fields: k2i.IdentityFields()}
	limited := query.Query{Fields: k2i.IdentityFields(), Limit: 5}
	tests := map[string]struct {
		body []byte
		q    query.Query
		want string // "" where it is an answer
	}{
		"as many as asked for":       {rowsOf(5, small), limited, ""},
		"one more":                   {rowsOf(6, small), limited, "6 processes where 5 were asked for"},
		"as many as there is memory": {rowsOf(MaxRows, small), identity, ""},
		"one more than memory":       {rowsOf(MaxRows+1, small), identity, "ask with a limit"},
		"a million tiny rows":        {rowsOf(1<<20, map[string]any{}), identity, "declared in too few bytes"},
		"a million with a pid":       {rowsOf(1<<20, map[string]any{"pid": 1}), identity, "declared in too few bytes"},
		"tiny where all were asked":  {rowsOf(1000, small), query.Query{}, "declared in too few bytes"},
		"tiny where basic were":      {rowsOf(1000, small), query.Query{Fields: []string{"pid", k2i.BasicFields}}, "declared in too few bytes"},
		"a billion declared":         {[]byte("\x81\xa9processes\xdd\x40\x00\x00\x00"), identity, "elements where"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := DecodeAnswer(test.body, test.q)
			runtime.ReadMemStats(&after)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if cost := after.TotalAlloc - before.TotalAlloc; cost > uint64(len(test.body))+1<<20 {
				t.Errorf("%d bytes that were refused cost %d", len(test.body), cost)
			}
		})
	}
}

// Whatever is asked for, a row that an agent makes is no smaller than a row is
// taken to be.
func TestLeastRow(t *testing.T) {
	blank := k2i.Process{}
	lists := [][]string{nil, {k2i.AllFields}, {k2i.BasicFields, "signals"}, {"pid", "pid"}, {"io", "pid"}, fewFields(), {k2i.DemandGroup}}
	for _, f := range k2i.Fields() {
		lists = append(lists, []string{f.Name}, []string{f.Name, f.Name, "comm"})
	}
	for _, fields := range lists {
		q := query.Query{Fields: fields}
		if row, least := len(columnsFor(q).appendRows(nil, []*k2i.Process{&blank}))-1, leastRow(q); row < least || least < 1 {
			t.Errorf("%v: a row of %d bytes, taken for %d at least", fields, row, least)
		}
	}
}

// The memory that rows are reckoned with is at least what they take.
func TestAProcessFitsItsReckoning(t *testing.T) {
	if size := reflect.TypeFor[k2i.Process]().Size(); size > processBytes || size < processBytes/2 {
		t.Errorf("a process takes %d bytes, processBytes is %d", size, processBytes)
	}
}

// An agent refuses what nobody would decode, and says what to do.
func TestTooManyRowsAreNotSent(t *testing.T) {
	snap := snapshot(1)
	snap.Processes = slices.Repeat(snap.Processes, MaxRows+1)
	q := query.Query{Fields: []string{"pid"}}
	if _, err := Reply(snap, Request{Query: q}, snap.At); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "ask with a limit") {
		t.Errorf("got %v", err)
	}
	q.Limit = MaxRows
	if _, err := Reply(snap, Request{Query: q}, snap.At); err != nil {
		t.Error(err)
	}
}

// What is not kept is left out, the rest is as without, and rows that are dropped are
// held to the same as all others.
func TestKept(t *testing.T) {
	snap := snapshot(100)
	body, err := Reply(snap, Request{}, snap.At)
	if err != nil {
		t.Fatal(err)
	}
	all, err := DecodeAnswer(body, query.Query{})
	if err != nil {
		t.Fatal(err)
	}
	odd := func(p *k2i.Process) bool { return p.PID%2 == 1 }
	some, err := DecodeKept(body, Request{Keep: odd})
	if err != nil {
		t.Fatal(err)
	}
	want := slices.DeleteFunc(slices.Clone(all.Processes), func(p k2i.Process) bool { return !odd(&p) })
	if len(want) == 0 || len(want) == len(all.Processes) || !slices.EqualFunc(some.Processes, want, sameRow) {
		t.Errorf("%d rows of %d, want the %d odd ones as they are", len(some.Processes), len(all.Processes), len(want))
	}
	none := func(*k2i.Process) bool { return false }
	if a, err := DecodeKept(body, Request{Keep: none}); err != nil || len(a.Processes) != 0 || a.Total != 100 {
		t.Errorf("got %+v, %v", a, err)
	}
	row := map[string]any{"pid": 7, "rcpu": -1.5}
	for range 10 { // so long as a row is
		row[strings.Repeat("x", 30+len(row))] = 1
	}
	if a, err := DecodeKept(rowsOf(1, row), Request{Keep: none}); err == nil || !strings.Contains(err.Error(), "-1.5 CPUs") {
		t.Errorf("an impossible row that is not kept: got %+v, %v", a, err)
	}
}

// sameRow compares all but rates that are unknown, which are not themselves.
func sameRow(a, b k2i.Process) bool {
	for _, f := range k2i.Fields() {
		if f.Text(&a) != f.Text(&b) {
			return false
		}
	}
	return true
}

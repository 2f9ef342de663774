package wire

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/protocol"
)

// odd are strings that JSON has to escape, or mend.
func odd() []string {
	list := []string{"", "plain", "a\xffb", "\u2028\u202e", "\x00\x1b[2J", `"\<&>`, "ä€😀", "\x7f", "\xed\xa0\x80"}
	for b := range 256 {
		list = append(list, string([]byte{byte(b)}))
	}
	return list
}

// written is what WriteJSON says.
func written(t *testing.T, snap *k2i.Snapshot, q query.Query) map[string]any {
	t.Helper()
	var out bytes.Buffer
	if err := WriteJSON(&out, snap, Request{Query: q}, snap.At); err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(out.Bytes(), &m); err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
	if lines := strings.Count(out.String(), "\n"); lines > len(snap.Processes)+2 {
		t.Errorf("%d lines for %d rows", lines, len(snap.Processes))
	}
	return m
}

// A row that is written by the table is what encoding/json makes of the process.
func TestRowsAreEncodingJSONs(t *testing.T) {
	for _, p := range oddRows() {
		got, err := columnsOf([]string{k2i.AllFields, k2i.DemandGroup}).appendJSON(nil, &p)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(&p)
		if err != nil || string(got) != string(want) {
			t.Fatalf("got  %s\nwant %s, %v", got, want, err)
		}
	}
}

// Rows that are packed by the table are what the library makes of the processes.
func TestRowsAreTheLibrarys(t *testing.T) {
	everything := columnsOf([]string{k2i.AllFields, k2i.DemandGroup})
	for i, p := range oddRows() {
		got := everything.appendRows(nil, []*k2i.Process{&p})
		if want := append([]byte{0x91}, protocol.Encode(&p)...); string(got) != string(want) {
			t.Fatalf("row %d:\ngot  %q\nwant %q", i, got, want)
		}
	}
	many := make([]*k2i.Process, 1<<16)
	for i := range many {
		many[i] = &k2i.Process{}
	}
	if got := columnsOf([]string{"pid"}).appendRows(nil, many); string(got[:6]) != "\xdd\x00\x01\x00\x00\x81" || len(got) != 5+len(many)*6 {
		t.Errorf("%q, %d bytes", got[:16], len(got))
	}
}

// oddRows are processes with strings and numbers of all kinds.
func oddRows() []k2i.Process {
	var rows []k2i.Process
	for _, s := range odd() {
		p := process(1)
		p.Comm, p.Args, p.Cgroup = s, []string{s, "", s + s}, "/"+s
		rows = append(rows, p)
	}
	p := k2i.Blank()
	p.RCPU, p.TPGID, p.Nice, p.CPUNS, p.OOMScoreAdj = 1e-9, -1, -20, 1<<64-1, -1000
	q := k2i.Blank()
	bits := k2i.Bits(1<<63 + 1)
	q.RCPU, q.Args, q.SigBlocked, q.NSNet, q.InnerPIDs = 1e21, []string{}, &bits, 7, []int32{3, -4}
	return append(rows, p, q, k2i.Process{})
}

// JSON and msgpack have the same fields by the same names, those of the table:
// in the answer itself, in the host, in whole rows and in rows of few fields.
func TestOneTableOfNames(t *testing.T) {
	snap := snapshot(2)
	var table, basic []string
	for _, f := range k2i.Fields() {
		table = append(table, f.Name)
		if f.In(nil) {
			basic = append(basic, f.Name)
		}
	}
	switches := []string{"voluntary_switches", "involuntary_switches"}
	for name, c := range map[string][2][]string{
		"none": {nil, basic}, "all": {{k2i.AllFields, k2i.DemandGroup}, table}, "each": {table, table}, "group": {{"switches"}, switches},
		"few":               {{"rss_bytes", "pid", "rcpu", "args", "read_bytes"}, {"rss_bytes", "pid", "rcpu", "args", "read_bytes"}},
		"basic and a group": {{"switches", k2i.BasicFields}, slices.Concat(basic, switches)},
	} {
		fields, want := c[0], c[1]
		q := query.Query{Fields: fields, Limit: 2}
		text := written(t, snap, q)
		body, err := Reply(snap, Request{Query: q}, snap.At)
		if err != nil {
			t.Fatal(err)
		}
		var packed map[string]any
		if err := msgpack.Unmarshal(body, &packed); err != nil {
			t.Fatal(err)
		}
		same := func(what string, text, packed any) []string {
			a, b := slices.Sorted(maps.Keys(text.(map[string]any))), slices.Sorted(maps.Keys(packed.(map[string]any)))
			if !slices.Equal(a, b) {
				t.Errorf("%s, %s: JSON has %v, msgpack %v", name, what, a, b)
			}
			return a
		}
		same("answer", text, packed)
		same("host", text["host"], packed["host"])
		same("events", text["events"], packed["events"])
		got := same("row", text["processes"].([]any)[0], packed["processes"].([]any)[0])
		if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("%s: a row has %v, want %v", name, got, want)
		}
		row := packed["processes"].([]any)[1].(map[string]any)
		if len(row) != len(want) {
			t.Errorf("%s: %v", name, row)
		}
		if pid, ok := row["pid"]; ok && reflect.ValueOf(pid).Convert(reflect.TypeFor[int]()).Int() != 1001 {
			t.Errorf("%s: %v", name, row)
		}
	}
}

// Whatever travels has the same tags for both encodings.
func TestTagsAreTheSame(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(typ reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			f := typ.Field(i)
			if !f.Anonymous && (f.Tag.Get("json") == "" || f.Tag.Get("json") != f.Tag.Get("msgpack")) {
				t.Errorf("%s.%s: tags %q and %q", typ, f.Name, f.Tag.Get("json"), f.Tag.Get("msgpack"))
			}
			walk(f.Type)
		}
	}
	for _, body := range []any{Request{}, Answer{}, Head{}, k2i.Detail{}} {
		walk(reflect.TypeOf(body))
	}
	if len(seen) < 8 {
		t.Errorf("only %d types were seen", len(seen))
	}
}

// An answer begins as every other body does.
func TestAnswerBeginsWithTheHead(t *testing.T) {
	head, answer := reflect.TypeFor[Head](), reflect.TypeFor[Answer]()
	for i := range head.NumField() {
		if h, a := head.Field(i), answer.Field(i); h.Name != a.Name || h.Type != a.Type || h.Tag != a.Tag {
			t.Errorf("field %d: %v and %v", i, h, a)
		}
	}
	if last := answer.Field(answer.NumField() - 1); last.Name != "Processes" {
		t.Errorf("%s comes last, which rows have to", last.Name)
	}
}

// A row of few fields costs about what it has.
func BenchmarkWriteJSON(b *testing.B) {
	snap := snapshot(5000)
	for name, fields := range map[string][]string{"all": nil, "five": {"pid", "comm", "user", "rss_bytes", "rcpu"}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := WriteJSON(io.Discard, snap, Request{Query: query.Query{Fields: fields}}, snap.At); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

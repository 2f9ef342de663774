package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/protocol"
)

// process looks like one of an ordinary host; i makes it another.
func process(i int) k2i.Process {
	return k2i.Process{
		PID: int32(1000 + i), PPID: 1, StartTicks: 123456 + uint64(i), StartNS: 1234560000000 + uint64(i), PidfdInode: k2i.Count(90000 + i),
		PGID: int32(1000 + i), SID: int32(1000 + i), TPGID: -1, User: "postgres", Group: "postgres", State: "S", Flags: 4194560,
		RUID: 70, EUID: 70, SUID: 70, FSUID: 70, RGID: 70, EGID: 70, SGID: 70, FSGID: 70,
		Comm: "postgres", Args: []string{"postgres:", "writer", fmt.Sprint("--id=", i)}, ExitSignal: 17,
		CPUNS: 98765432100, UserNS: 65432100000, SystemNS: 33333332100, Threads: 7, MinFlt: 12345, MajFlt: 12,
		VSZBytes: 4 << 30, RSSBytes: 300 << 20, ReadBytes: k2i.Unread, WriteBytes: 123456789, Nice: -5, Priority: 15, CPU: 3,
		Cgroup: "/system.slice/postgresql.service", Kind: "host", RCPU: 0.25,
	}
}

// snapshot is one host with n processes.
func snapshot(n int) *k2i.Snapshot {
	s := &k2i.Snapshot{
		Host: k2i.Host{
			ID: "4f1c.4026531836", Name: "node7", BootID: "4f1c", Kernel: "6.18.0", CPUs: 2, TicksPerSecond: 100, PageBytes: 4096,
			PIDMax: 4194304, MemTotalBytes: 8 << 30, MemAvailableBytes: 4 << 30, Load: [3]float64{0.5, 1, 2},
		},
		At: time.Unix(1_790_000_000, 123456789), Mode: k2i.ModeBPF, Visibility: k2i.VisibilityFull, BusyCPUs: 1.5,
	}
	for i := range n {
		p := process(i)
		s.Processes = append(s.Processes, &p)
	}
	return s
}

// answered is what no agent refuses.
func answered(snap *k2i.Snapshot, req Request, now time.Time) *Answer {
	a, err := Respond(snap, req, now)
	if err != nil {
		panic(err)
	}
	return a
}

func TestRequestRoundTrip(t *testing.T) {
	requests := []Request{
		{},
		{Query: query.Query{Where: `rss > 1MiB and comm matches "^ng"`, By: "user", On: "web[01-40]", Labels: map[string]string{"dc": "eu"}}},
		{Query: query.Query{Limit: 5, Sort: []query.Key{{Field: "rcpu", Descending: true}, {Field: "pid"}}}},
		{Query: query.Query{Select: query.Selection{
			PIDs: []int32{1, -1}, PPIDs: []int32{1}, SIDs: []int32{2}, Users: []string{"a", "ä"}, RUsers: []string{"b"},
			Groups: []string{"c"}, RGroups: []string{"d"}, Comms: []string{"e f"}, TTYs: []uint32{34816, math.MaxUint32}, Negate: true,
		}}},
	}
	for _, want := range requests {
		got, err := DecodeRequest(EncodeRequest(want))
		want.Version = Version
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
}

func TestDecodeRequestRefuses(t *testing.T) {
	tests := map[string]struct {
		body []byte
		want string
	}{
		"empty":                    {nil, "malformed"},
		"not msgpack's type":       {[]byte{0xc1}, "type byte 0xc1"},
		"a declared gigabyte":      {[]byte{0x81, 0xa1, '?', 0xdd, 0x40, 0, 0, 0}, "declared"},
		"a number":                 {[]byte{0x07}, "request"},
		"bytes behind":             {append(EncodeRequest(Request{}), 0), "after the body"},
		"too deep":                 {[]byte("\x81\xa1?" + strings.Repeat("\x91", 64) + "\xc0"), "nested deeper"},
		"an unknown sort key":      {EncodeRequest(Request{Query: query.Query{Sort: []query.Key{{Field: "rs"}}}}), "did you mean rss"},
		"a condition that is none": {EncodeRequest(Request{Query: query.Query{Where: "rss >"}}), "it ends too early"},
		"another version":          {protocol.Encode(Request{Version: Version - 1}), "of different releases"},
		"a list beyond its limit":  {EncodeRequest(Request{Query: query.Query{Select: query.Selection{PIDs: make([]int32, query.MaxList+1)}}}), "are allowed"},
		"a limit of no number":     {protocol.Encode(map[string]any{"version": Version, "query": map[string]any{"limit": "many"}}), "a string where a number"},
		"a limit beyond its type":  {protocol.Encode(map[string]any{"version": Version, "query": map[string]any{"limit": uint64(1) << 63}}), "is the most"},
		"a pid beyond its type":    {protocol.Encode(map[string]any{"version": Version, "query": map[string]any{"select": map[string]any{"pids": []int64{1 << 32}}}}), "4294967296 where 2147483647 is the most"},
		"a terminal below zero":    {protocol.Encode(map[string]any{"version": Version, "query": map[string]any{"select": map[string]any{"ttys": []int64{-1}}}}), "-1 where 0 is the least"},
		"a body beyond its limit":  {make([]byte, MaxRequest+1), "body too large"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := DecodeRequest(test.body); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestRespond(t *testing.T) {
	snap := snapshot(5)
	snap.Processes[3].User = "other"
	req := Request{Query: query.Query{Select: query.Selection{Users: []string{"postgres"}}, Sort: []query.Key{{Field: "pid", Descending: true}}, Limit: 2}}
	a := answered(snap, req, snap.At.Add(250*time.Millisecond))
	if len(a.Processes) != 2 || a.Processes[0].PID != 1004 || a.Processes[1].PID != 1002 {
		t.Errorf("rows %v", a.Processes)
	}
	if a.Total != 5 || a.AgeNS != int64(250*time.Millisecond) || a.SampledNS != snap.At.UnixNano() || a.Host != snap.Host || a.Mode != k2i.ModeBPF {
		t.Errorf("answer %+v", a)
	}
	if a := answered(snap, req, snap.At.Add(-time.Hour)); a.AgeNS != 0 {
		t.Errorf("a clock that was set back made the age %d", a.AgeNS)
	}
}

func TestAnswerRoundTrip(t *testing.T) {
	snap := snapshot(3)
	snap.Missing = []string{"read_bytes"}
	snap.Processes[1].Comm, snap.Processes[1].Args = "\x00\x1b[2J", []string{}
	want := answered(snap, Request{}, snap.At)
	body, err := EncodeAnswer(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeAnswer(body, query.Query{})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

// TestBytesThatAreNoUTF8 become question marks, and cost nothing but themselves.
func TestBytesThatAreNoUTF8(t *testing.T) {
	snap := snapshot(1)
	snap.Processes[0].Comm, snap.Processes[0].Args = "a\xffb", []string{"ä", "\xc3("}
	body, err := EncodeAnswer(answered(snap, Request{}, snap.At))
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeAnswer(body, query.Query{})
	if err != nil || got.Processes[0].Comm != "a?b" || !slices.Equal(got.Processes[0].Args, []string{"ä", "?("}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if snap.Processes[0].Comm != "a\xffb" {
		t.Error("the snapshot was changed")
	}
}

func TestNoNumberStaysNoNumber(t *testing.T) {
	snap := snapshot(1)
	snap.BusyCPUs, snap.Processes[0].RCPU = k2i.NoRate(), k2i.NoRate()
	body, err := EncodeAnswer(answered(snap, Request{}, snap.At))
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeAnswer(body, query.Query{})
	if err != nil || got.BusyCPUs.Known() || got.Processes[0].RCPU.Known() || got.Processes[0].ReadBytes != k2i.Unread {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestAbsentFieldsAreUnknown reads an agent that says less than this one knows.
func TestAbsentFieldsAreUnknown(t *testing.T) {
	filler := strings.Repeat("x", basicRow)
	body := protocol.Encode(map[string]any{
		"host": map[string]any{"name": "old", "cpus": 1, "ticks_per_second": 100, "page_bytes": 4096}, "total": 1,
		"processes": []any{map[string]any{"pid": 7, "comm": filler, "field_of_the_future": []int{1, 2}}},
	})
	a, err := DecodeAnswer(body, query.Query{})
	if err != nil {
		t.Fatal(err)
	}
	p := a.Processes[0]
	if p.PID != 7 || p.RCPU.Known() || a.BusyCPUs.Known() || p.ReadBytes != k2i.Unread || p.WriteBytes != k2i.Unread || p.PidfdInode != k2i.Unread {
		t.Errorf("got %+v", p)
	}
}

// TestNamesAreTheSame holds the three forms to one table of names.
func TestNamesAreTheSame(t *testing.T) {
	decoded := func(unmarshal func([]byte, any) error, b []byte) map[string]any {
		m := map[string]any{}
		if err := unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	p := process(1)
	asJSON, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	fromJSON := decoded(json.Unmarshal, asJSON)
	fromMsgpack := decoded(msgpack.Unmarshal, protocol.Encode(p))
	for _, f := range k2i.Fields() {
		_, inJSON := fromJSON[f.Name]
		_, inMsgpack := fromMsgpack[f.Name]
		if !inJSON || !inMsgpack {
			t.Errorf("%s: in JSON %v, in msgpack %v", f.Name, inJSON, inMsgpack)
		}
	}
	if n := len(k2i.Fields()); len(fromJSON) != n || len(fromMsgpack) != n {
		t.Errorf("%d fields; JSON has %d names and msgpack %d", n, len(fromJSON), len(fromMsgpack))
	}
}

func TestARowTakesBasicRow(t *testing.T) {
	if n := len(protocol.Encode(k2i.Process{})); n < basicRow {
		t.Errorf("an empty process takes %d bytes, basicRow is %d", n, basicRow)
	}
}

func TestDecodeAnswerRefuses(t *testing.T) {
	spoiled := func(spoil func(a *Answer)) []byte {
		a := answered(snapshot(2), Request{}, time.Unix(1_790_000_001, 0))
		spoil(a)
		return protocol.Encode(a)
	}
	whole := spoiled(func(*Answer) {})
	tests := map[string]struct {
		body []byte
		want string
	}{
		"empty":                {nil, "malformed"},
		"cut":                  {whole[:len(whole)/2], "malformed"},
		"bytes behind":         {append(whole[:len(whole):len(whole)], 0xc0), "after the body"},
		"no map":               {[]byte{0x93, 1, 2, 3}, "answer"},
		"nothing":              {[]byte{0x80}, "a host's name of 0 bytes"},
		"a long name":          {spoiled(func(a *Answer) { a.Host.Name = strings.Repeat("n", protocol.MaxName+1) }), "a host's name"},
		"no CPU":               {spoiled(func(a *Answer) { a.Host.CPUs = 0 }), "0 CPUs"},
		"no tick":              {spoiled(func(a *Answer) { a.Host.TicksPerSecond = 0 }), "0 ticks"},
		"no page":              {spoiled(func(a *Answer) { a.Host.PageBytes = -1 }), "pages of -1"},
		"of the future":        {spoiled(func(a *Answer) { a.AgeNS = -1 }), "future"},
		"more than there are":  {spoiled(func(a *Answer) { a.Total = 1 }), "2 processes of 1"},
		"infinitely busy":      {spoiled(func(a *Answer) { a.BusyCPUs = k2i.Rate(math.Inf(1)) }), "busy CPUs"},
		"a load of no number":  {spoiled(func(a *Answer) { a.Host.Load[1] = math.NaN() }), "load average"},
		"an infinite load":     {spoiled(func(a *Answer) { a.Host.Load[2] = math.Inf(-1) }), "load average"},
		"pid 0":                {spoiled(func(a *Answer) { a.Processes[1].PID = 0 }), "process 0"},
		"a negative rate":      {spoiled(func(a *Answer) { a.Processes[1].RCPU = -0.5 }), "using -0.5 CPUs"},
		"another such rate":    {spoiled(func(a *Answer) { a.Processes[1].RCPUWithExited = -1 }), "-1 with those that ended"},
		"an infinite rate":     {spoiled(func(a *Answer) { a.Processes[0].RCPU = k2i.Rate(math.Inf(1)) }), "+Inf"},
		"a field of no use":    {protocol.Encode(map[string]any{"total": "many"}), "answer"},
		"a body too large":     {make([]byte, MaxAnswer+1), "body too large"},
		"processes of nothing": {manyEmpty(1000), "1000 processes declared in too few bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeAnswer(test.body, query.Query{})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// manyEmpty is an answer of n processes, each an empty map of one byte.
func manyEmpty(n int) []byte {
	rows := make([]map[string]int, n)
	for i := range rows {
		rows[i] = map[string]int{}
	}
	return protocol.Encode(map[string]any{"processes": rows})
}

// TestDecodeAnswerCostsWhatItBrought sends the most room for the fewest bytes.
func TestDecodeAnswerCostsWhatItBrought(t *testing.T) {
	bodies := map[string][]byte{
		"a million empty processes": manyEmpty(1 << 20),
		"a million empty arguments": protocol.Encode(map[string]any{"processes": []any{map[string]any{"comm": strings.Repeat("x", basicRow), "args": make([]string, 1<<20)}}}),
		"a million missing fields":  protocol.Encode(map[string]any{"missing": make([]string, 1<<20)}),
		"a gigabyte declared":       {0x81, 0xa9, 'p', 'r', 'o', 'c', 'e', 's', 's', 'e', 's', 0xdd, 0x40, 0, 0, 0},
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := DecodeAnswer(body, query.Query{})
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Error("it was taken for an answer")
			}
			// A string is 16 bytes for one; a list that grows allocates twice that and more in all.
			if cost := after.TotalAlloc - before.TotalAlloc; cost > 100*uint64(len(body))+1<<20 {
				t.Errorf("%d bytes cost %d", len(body), cost)
			}
		})
	}
}

func TestEncodeAnswerKeepsItsLimit(t *testing.T) {
	snap := snapshot(1)
	snap.Processes[0].Args = []string{strings.Repeat("a", MaxAnswer)}
	if _, err := EncodeAnswer(answered(snap, Request{}, snap.At)); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "ask with a limit") {
		t.Errorf("got %v", err)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add(EncodeRequest(Request{}))
	f.Add(EncodeRequest(Request{Query: query.Query{Limit: 9, Sort: []query.Key{{Field: "rcpu", Descending: true}}, Select: query.Selection{Users: []string{"root"}}}}))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := DecodeRequest(body)
		if err != nil {
			return
		}
		if err := req.Query.Check(); err != nil {
			t.Fatalf("taken, though %v", err)
		}
		again, err := DecodeRequest(EncodeRequest(req))
		if err != nil || string(EncodeRequest(again)) != string(EncodeRequest(req)) {
			t.Fatalf("%+v became %+v, %v", req, again, err)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(protocol.Encode(answered(snapshot(1), Request{}, time.Unix(1_790_000_001, 0))))
	f.Add(manyEmpty(3))
	few := query.Query{Fields: fewFields(), Limit: 3}
	small, err := Reply(snapshot(4), Request{Query: few}, time.Unix(1_790_000_001, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small)
	f.Fuzz(func(t *testing.T, body []byte) {
		least := leastRow(few)
		if a, err := DecodeAnswer(body, few); err == nil && (len(a.Processes) > few.Limit || len(a.Processes)*least > len(body)) {
			t.Fatalf("%d rows of %d bytes", len(a.Processes), len(body))
		}
		a, err := DecodeAnswer(body, query.Query{})
		if err != nil {
			return
		}
		if _, err := json.Marshal(a); err != nil {
			t.Fatalf("an answer that JSON cannot hold: %v", err)
		}
		if _, err := EncodeAnswer(a); err != nil && !errors.Is(err, ErrTooLarge) {
			t.Fatal(err)
		}
	})
}

package query

import (
	"math/rand/v2"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

func TestFromValues(t *testing.T) {
	tests := map[string]Query{
		"":                                 {},
		"sort=-rss_bytes,pid":              {Sort: []Key{{"rss_bytes", true}, {"pid", false}}},
		"sort=user&sort=-pid":              {Sort: []Key{{"user", false}, {"pid", true}}},
		"limit=10":                         {Limit: 10},
		"fields=pid,comm&fields=cpu_ns":    {Fields: []string{"pid", "comm", "cpu_ns"}},
		"cmd=a,b":                          {Select: Selection{Comms: []string{"a,b"}}},
		"pid=1,2&pid=3":                    {Select: Selection{PIDs: []int32{1, 2, 3}}},
		"ppid=1&sid=2":                     {Select: Selection{PPIDs: []int32{1}, SIDs: []int32{2}}},
		"user=a,b&user=c":                  {Select: Selection{Users: []string{"a,b", "c"}}},
		"ruser=a&group=b&rgroup=c":         {Select: Selection{RUsers: []string{"a"}, Groups: []string{"b"}, RGroups: []string{"c"}}},
		"comm=a%20b":                       {Select: Selection{Comms: []string{"a b"}}},
		"tty=pts/0,%3F":                    {Select: Selection{TTYs: []uint32{136 << 8, 0}}},
		"pid=1&not=true":                   {Select: Selection{PIDs: []int32{1}, Negate: true}},
		"pid=1&not=false":                  {Select: Selection{PIDs: []int32{1}}},
		"exited=true&since=10m":            {Exited: true, SinceNS: 600e9},
		"threads=true&pid=1":               {Select: Selection{PIDs: []int32{1}}, Threads: true},
		"exited=1":                         {Exited: true},
		"exited=false":                     {},
		"user=%ff":                         {Select: Selection{Users: []string{"\xff"}}},
		"where=rss>1MiB&by=user":           {Where: "rss>1MiB", By: "user"},
		"on=a,b[1-2]&label=dc=eu&label=x=": {On: "a,b[1-2]", Labels: map[string]string{"dc": "eu", "x": ""}},
	}
	for text, want := range tests {
		values, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := FromValues(values)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestFromValuesRefuses(t *testing.T) {
	tests := map[string]string{
		"colour=red":               "allowed are fields, sort, limit, pid,",
		"commm=x":                  "did you mean comm?",
		"fields=rss":               "field \"rss\": no such field; did you mean rss_bytes",
		"fields=pid,":              "no such field",
		"pid=":                     `parameter pid: "" is no process id`,
		"pid=1,x":                  `"x" is no process id`,
		"pid=99999999999":          "is no process id",
		"limit=many":               `parameter limit: "many" is no number of rows`,
		"limit=-1":                 "limit -1",
		"sort=rs":                  "did you mean rss",
		"sort=":                    "no such name",
		"where=pid":                "alone is no condition",
		"where=pid==1&where=a":     "given twice",
		"limit=1&limit=2":          "parameter limit: it is given twice",
		"exited=true&exited=false": "parameter exited: it is given twice",
		"since=1m&since=2m":        "parameter since: it is given twice",
		"by=pid":                   "only words make groups",
		"on=web[1":                 "a bracket is not closed",
		"label=dc":                 "want NAME=VALUE",
		"tty=nowhere":              "want a name such as pts/3",
		"not=perhaps":              "want true or false",
		"threads=perhaps":          "want true or false",
		"threads=true&exited=true": "they have none",
		"exited=perhaps":           "want true or false",
		"since=10m":                "and exited processes",
		"exited=true&since=-1s":    "is no time",
		"exited=true&since=ten":    "want one such as 30s or 10m",
		"pid=" + strings.Repeat("1,", MaxList) + "1": "4097 pids: 4096 are allowed",
	}
	for text, want := range tests {
		values, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := FromValues(values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want %q", text, err, want)
		}
	}
}

// TestValuesRoundTrip sends random queries over the parameters and back.
func TestValuesRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		q := randomQuery(r)
		values, err := url.ParseQuery(q.Values().Encode())
		if err != nil {
			t.Fatal(err)
		}
		back, err := FromValues(values)
		if err != nil || !reflect.DeepEqual(back, q) {
			t.Fatalf("%+v became %+v, %v", q, back, err)
		}
	}
}

func FuzzFromValues(f *testing.F) {
	f.Add("sort=-rss_bytes,pid&limit=10&user=alice&not=true&tty=pts/3")
	f.Add("pid=1&pid=2,3&comm=a,b&tty=?")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		q, err := FromValues(values)
		if err != nil {
			return
		}
		if err := q.Check(); err != nil {
			t.Fatalf("a query that FromValues took: %v", err)
		}
		back, err := FromValues(q.Values())
		if err != nil || !reflect.DeepEqual(back, q) {
			t.Fatalf("%+v became %+v, %v", q, back, err)
		}
	})
}

package query

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	long := strings.Repeat("x", MaxText+1)
	tests := map[string]struct {
		q    Query
		want string // part of the error; "" for none
	}{
		"zero":                 {Query{}, ""},
		"the limits":           {Query{Limit: MaxRows, Select: Selection{PIDs: make([]int32, MaxList), Comms: []string{long[1:]}}}, ""},
		"negative limit":       {Query{Limit: -1}, "limit -1: want 0 (for all) to 4194304"},
		"limit too large":      {Query{Limit: MaxRows + 1}, "want 0"},
		"too many keys":        {Query{Sort: make([]Key, MaxKeys+1)}, "17 sort keys: 16 are allowed"},
		"a part of a name":     {Query{Sort: []Key{{Field: "rs"}}}, "did you mean rss"},
		"another name":         {Query{Sort: []Key{{Field: "rss"}, {Field: "age"}, {Field: "host"}, {Field: "label.rack"}}}, ""},
		"by a word":            {Query{By: "user", Sort: []Key{{Field: "rss"}, {Field: "count"}, {Field: "key"}, {Field: "user"}}}, ""},
		"by a label":           {Query{By: "label.rack"}, ""},
		"by a number":          {Query{By: "pid"}, "by pid: only words make groups"},
		"by nothing there is":  {Query{By: "usr"}, "did you mean user"},
		"groups have no pid":   {Query{By: "user", Sort: []Key{{Field: "pid"}}}, `sort by "pid": groups have user, count,`},
		"a condition":          {Query{Where: "rss > 1MiB"}, ""},
		"no condition":         {Query{Where: "rss > "}, "where: it ends too early"},
		"hosts":                {Query{On: "web[01-40],db*", Labels: map[string]string{"dc": "eu"}}, ""},
		"too many hosts":       {Query{On: "web[1-100001]"}, "more than 100000 names"},
		"a label of no name":   {Query{Labels: map[string]string{"": "x"}}, "want a name"},
		"a label with a sign":  {Query{Labels: map[string]string{"a=b": "x"}}, "want a name"},
		"more than the name":   {Query{Sort: []Key{{Field: "userid"}}}, "did you mean user, id?"},
		"a slip of the finger": {Query{Sort: []Key{{Field: "thraeds"}}}, "did you mean threads?"},
		"another case":         {Query{Sort: []Key{{Field: "PID"}}}, "did you mean pid"},
		"a short word":         {Query{Sort: []Key{{Field: "foo"}}}, "for example rss_bytes"}, // which is no slip for pod
		"nothing near":         {Query{Sort: []Key{{Field: "zzzzzzzz"}}}, "for example rss_bytes"},
		"an empty key":         {Query{Sort: []Key{{}}}, `sort by "": no such name`},
		"a huge key is cut":    {Query{Sort: []Key{{Field: strings.Repeat("q", 1<<20)}}}, "no such name"},
		"too many pids":        {Query{Select: Selection{PIDs: make([]int32, MaxList+1)}}, "4097 pids: 4096 are allowed"},
		"too many ppids":       {Query{Select: Selection{PPIDs: make([]int32, MaxList+1)}}, "ppids"},
		"too many sids":        {Query{Select: Selection{SIDs: make([]int32, MaxList+1)}}, "sids"},
		"too many ttys":        {Query{Select: Selection{TTYs: make([]uint32, MaxList+1)}}, "ttys"},
		"too many users":       {Query{Select: Selection{Users: make([]string, MaxList+1)}}, "users"},
		"too many rusers":      {Query{Select: Selection{RUsers: make([]string, MaxList+1)}}, "rusers"},
		"too many groups":      {Query{Select: Selection{Groups: make([]string, MaxList+1)}}, "groups"},
		"too many rgroups":     {Query{Select: Selection{RGroups: make([]string, MaxList+1)}}, "rgroups"},
		"too many comms":       {Query{Select: Selection{Comms: make([]string, MaxList+1)}}, "comms"},
		"a long user":          {Query{Select: Selection{Users: []string{long}}}, "a name of 257 bytes"},
		"a long ruser":         {Query{Select: Selection{RUsers: []string{long}}}, "a name of 257 bytes"},
		"a long group":         {Query{Select: Selection{Groups: []string{long}}}, "a name of 257 bytes"},
		"a long rgroup":        {Query{Select: Selection{RGroups: []string{long}}}, "a name of 257 bytes"},
		"a long comm":          {Query{Select: Selection{Comms: []string{long}}}, "a name of 257 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.q.Check()
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if len(err.Error()) > 300 || strings.Contains(err.Error(), "\n") && test.q.Where == "" {
				t.Errorf("the error is no short line: %d bytes", len(err.Error()))
			}
		})
	}
}

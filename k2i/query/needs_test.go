package query

import (
	"slices"
	"testing"

	"ddcos/k2i"
)

// A query needs what it asks for, sorts by and selects by, or all where it may look
// at anything.
func TestNeeds(t *testing.T) {
	for name, c := range map[string]struct {
		query Query
		has   []string // none for all
		lacks []string
	}{
		"nothing":     {Query{}, nil, nil},
		"a field":     {Query{Fields: []string{"args"}}, []string{"args", "pid", "start_ticks", "user", "tty_nr"}, []string{"ruid", "cgroup", "read_bytes"}},
		"all of them": {Query{Fields: []string{k2i.AllFields}}, nil, nil},
		"a condition": {Query{Fields: []string{"pid"}, Where: "rss > 1"}, nil, nil},
		"groups":      {Query{Fields: []string{"pid"}, By: "user"}, nil, nil},
		"the ended":   {Query{Fields: []string{"pid"}, Exited: true}, nil, nil},
		"a key":       {Query{Fields: []string{"pid"}, Sort: []Key{{Field: "read_bytes"}}}, []string{"read_bytes"}, []string{"args"}},
		"a made key":  {Query{Fields: []string{"pid"}, Sort: []Key{{Field: "no such key"}}}, nil, nil},
		"real users":  {Query{Fields: []string{"pid"}, Select: Selection{RUsers: []string{"0"}}}, []string{"ruid"}, []string{"rgid"}},
		"real groups": {Query{Fields: []string{"pid"}, Select: Selection{RGroups: []string{"0"}}}, []string{"rgid"}, []string{"ruid"}},
	} {
		needs := c.query.Needs()
		if (needs == nil) != (c.has == nil) {
			t.Errorf("%s: needs %v", name, needs)
		}
		for _, field := range c.has {
			if !slices.Contains(needs, field) {
				t.Errorf("%s: needs %v, not %s", name, needs, field)
			}
		}
		for _, field := range c.lacks {
			if slices.Contains(needs, field) {
				t.Errorf("%s: needs %s", name, field)
			}
		}
	}
}

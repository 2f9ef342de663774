package query

import (
	"slices"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	for pattern, want := range map[string]string{
		"a":                     "a",
		"a,b":                   "a b",
		"web[01-03]":            "web01 web02 web03",
		"web[9-11]":             "web9 web10 web11",
		"web[008-10].eu":        "web008.eu web009.eu web010.eu",
		"web[1,3,5-6]x":         "web1x web3x web5x web6x",
		"r[1-2]n[1-2]":          "r1n1 r1n2 r2n1 r2n2",
		"db,web[1-2],x[7]":      "db web1 web2 x7",
		"[1-2]":                 "1 2",
		"web*,db?":              "web* db?",
		"user@10.0.0.[1-2]:22":  "user@10.0.0.1:22 user@10.0.0.2:22",
		"unix:///run/x[1-2].so": "unix:///run/x1.so unix:///run/x2.so",
	} {
		names, err := Expand(pattern)
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", pattern, got, err, want)
		}
	}
	for pattern, want := range map[string]string{
		"": "a name is missing", "a,": "a name is missing", ",a": "a name is missing", "a,,b": "a name is missing",
		"web[1": "not closed", "web]": "a bracket", "web[]": "want numbers", "web[a-c]": "want numbers", "web[1-]": "want numbers", "web[-1]": "want numbers",
		"web[3-1]": "runs backwards", "web[1-99999999999]": "want numbers", "web[0-100000]": "more than 100000", "a[1-1000]b[1-1000]": "more than 100000",
		"web[0-60000],db[0-60000]": "more than 100000", "a b": "a blank", "a\\b": "a backslash", "a[[1]]": "want numbers",
		strings.Repeat("a", MaxOn+1): "4097 bytes",
	} {
		if names, err := Expand(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20s: got %d names, %v; want %s", pattern, len(names), err, want)
		}
	}
	if names, err := Expand("web[1-100000]"); err != nil || len(names) != MaxHosts {
		t.Errorf("the most: %d names, %v", len(names), err)
	}
}

func TestHosts(t *testing.T) {
	for _, c := range []struct{ pattern, in, out string }{
		{"", "a b web1", ""},
		{"a,web[01-02]", "a web01 web02", "b web1 web03 a1"},
		{"web*,?b", "web web1 web.eu db", "b xweb ddb"},
		{"db[1-2]*", "db1 db2 db10 db1.eu", "db3 db"},
	} {
		hosts, err := ParseHosts(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(c.in) {
			if !hosts.Match(name) {
				t.Errorf("%q has not %s", c.pattern, name)
			}
		}
		for _, name := range strings.Fields(c.out) {
			if hosts.Match(name) {
				t.Errorf("%q has %s", c.pattern, name)
			}
		}
	}
	if _, err := ParseHosts("a*[1-1001]"); err == nil || !strings.Contains(err.Error(), "with * or ?") {
		t.Errorf("too many globs: %v", err)
	}
}

func TestAsks(t *testing.T) {
	host := here()
	for _, c := range []struct {
		q    Query
		want bool
	}{
		{Query{}, true},
		{Query{On: "web[01-05]"}, true},
		{Query{On: "db*"}, false},
		{Query{Labels: map[string]string{"dc": "eu"}}, true},
		{Query{Labels: map[string]string{"dc": "us"}}, false},
		{Query{Labels: map[string]string{"rack": ""}}, false},
		{Query{On: "web01", Labels: map[string]string{"dc": "us"}}, false},
	} {
		if got := c.q.Asks(host); got != c.want {
			t.Errorf("%+v: %v", c.q, got)
		}
	}
}

// Whatever is expanded is bounded, has no brackets left, and matches itself.
func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"web[01-40]", "a,b[1,2-3]c[0-9]", "[", "]", "a[1-2", "[0-99999]", "x[1-2]y*", ",", "a[1-1][2-2]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		names, err := Expand(pattern)
		if err != nil {
			return
		}
		hosts, err := ParseHosts(pattern)
		switch {
		case len(names) == 0 || len(names) > MaxHosts:
			t.Fatalf("%d names", len(names))
		case err != nil:
			return // too many with a * in them
		}
		for _, name := range names[:min(len(names), 100)] {
			if strings.ContainsAny(name, "[],") && !slices.Contains(names, pattern) || !hosts.Match(name) {
				t.Errorf("%q gives %q, which it matches: %v", pattern, name, hosts.Match(name))
			}
		}
	})
}

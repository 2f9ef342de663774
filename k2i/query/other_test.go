package query

import (
	"strings"
	"testing"
)

type fruit struct {
	name  string
	grams int64 // -1 unknown
	ripe  bool
}

var fruitNames = []Of[fruit]{
	{Name: "name", Word: func(f fruit) string { return f.name }},
	{Name: "weight", Unit: Bytes, Number: func(f fruit) (int64, bool) { return f.grams, f.grams >= 0 }},
	{Name: "pips", Number: func(f fruit) (int64, bool) { return f.grams / 1000, f.grams >= 0 }},
	{Name: "ripe", Flag: func(f fruit) bool { return f.ripe }},
}

// The language is that of processes, with other names, and what is not known is
// neither true nor false there too.
func TestCompileOf(t *testing.T) {
	all := []fruit{{"apple", 2048, true}, {"banana", -1, false}, {"cherry", 10, true}}
	for text, want := range map[string]string{
		`ripe`:                                "apple cherry",
		`not ripe`:                            "banana",
		`weight > 1KiB`:                       "apple",
		`not (weight > 1KiB)`:                 "cherry",
		`weight == nil`:                       "banana",
		`pips in 1..5 or name startsWith "b"`: "apple banana",
		`name matches "an|er" and ripe`:       "cherry",
		`name in ["apple", "kiwi"]`:           "apple",
		`true`:                                "apple banana cherry",
	} {
		holds, err := CompileOf(text, fruitNames)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		for _, f := range all {
			if holds(f) {
				got = append(got, f.name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"rss > 1KiB":       "there are name, weight, pips, ripe",
		"wieght > 1KiB":    "there are weight",
		"label.a == \"b\"": "no name",
		"weight > 5":       "",
		"pips":             "compare it with something",
		"":                 "",
		strings.Repeat("ripe and ", 300) + "ripe": "more than 512",
	} {
		if _, err := CompileOf(text, fruitNames); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %s", text, err, want)
		}
	}
}

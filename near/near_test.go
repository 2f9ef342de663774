package near

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"pid", "pid", 0}, {"pid", "ppid", 1}, {"kitten", "sitting", 3}, {"comm", "mm", 2}, {"srot", "sort", 1}, {"thraeds", "threads", 1}, {"abcd", "badc", 2}, {"ca", "abc", 3}}
	for _, test := range tests {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestHint(t *testing.T) {
	all := []string{"sort", "exited", "limit", "on", "agents", "json", "ndjson"}
	tests := map[string]string{
		"srot": "; did you mean --sort?", "exitted": "; did you mean --exited?", "agent": "; did you mean --agents?", "JSON": "; did you mean --json, --on, --ndjson?",
		"lmt": "", "no": "", "": "", "x": "", "nosuch": "", strings.Repeat("n", 1<<20): "",
	}
	for name, want := range tests {
		if got := Hint("--", name, all); got != want {
			t.Errorf("Hint(%.20q) = %q, want %q", name, got, want)
		}
	}
	if got := Words("a", []string{"a", "b"}); len(got) != 1 || got[0] != "a" {
		t.Errorf("one letter is near %q", got)
	}
	if got := Words("pid", []string{"pidns", "ppid", "pid", "tpid"}); len(got) != 3 || got[0] != "pid" {
		t.Errorf("pid is near %q", got)
	}
}

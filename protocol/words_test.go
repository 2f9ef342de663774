package protocol

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	good := []string{"a", "k2i", "host-1.example.org", "a b", "prod/web", "日本", "größe", "e\u0301", strings.Repeat("x", MaxName), "😀"}
	for _, name := range good {
		wantCode(t, CheckName(name), 0)
	}
	bad := map[string]string{
		"empty": "", "too long": strings.Repeat("x", MaxName+1), "too long in bytes": strings.Repeat("é", MaxName/2+1),
		"no UTF-8": "a\xff", "half a rune": "caf\xc3", "surrogate": "\xed\xa0\x80", "NUL": "a\x00", "newline": "a\nb", "escape": "a\x1b[2J",
		"DEL": "a\x7f", "C1": "a\u0085", "right-to-left": "a\u202eb", "isolate": "a\u2066b", "zero width": "a\u200bb", "joiner": "a\u200db", "BOM": "\ufeffa",
		"tag": "a\U000e0041", "no-break space": "a\u00a0b", "line separator": "a\u2028b", "private": "a\ue000", "noncharacter": "a\ufffe",
		"Hangul filler": "a\u3164", "variation selector": "a\ufe0f", "space before": " a", "space behind": "a ", "only space": " ", "tab": "a\tb",
	}
	for what, name := range bad {
		if err := CheckName(name); !errors.Is(err, CodeBadName) {
			t.Errorf("%s: %q gives %v", what, name, err)
		} else if text := err.Error(); len(text) > MaxErrorText*2 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
			t.Errorf("%s: the error itself is %q", what, text)
		}
	}
}

func TestCheckLabels(t *testing.T) {
	many := func(n int) map[string]string {
		labels := map[string]string{}
		for i := range n {
			labels[fmt.Sprint(i)] = "v"
		}
		return labels
	}
	for _, test := range []struct {
		name   string
		labels map[string]string
		want   Code
	}{
		{"none", nil, 0},
		{"the most", many(MaxLabels), 0},
		{"one too many", many(MaxLabels + 1), CodeBadLabel},
		{"empty key", map[string]string{"": "v"}, CodeBadLabel},
		{"empty value", map[string]string{"k": ""}, 0},
		{"longest key", map[string]string{strings.Repeat("k", MaxLabelKey): ""}, 0},
		{"longer key", map[string]string{strings.Repeat("k", MaxLabelKey+1): ""}, CodeBadLabel},
		{"longest value", map[string]string{"k": strings.Repeat("v", MaxLabelText)}, 0},
		{"longer value", map[string]string{"k": strings.Repeat("v", MaxLabelText+1)}, CodeBadLabel},
		{"newline in a key", map[string]string{"k\n": "v"}, CodeBadLabel},
		{"escape in a value", map[string]string{"k": "\x1b]52;c;AAAA\a"}, CodeBadLabel},
		{"no UTF-8", map[string]string{"k": "\xff"}, CodeBadLabel},
	} {
		t.Run(test.name, func(t *testing.T) { wantCode(t, CheckLabels(test.labels), test.want) })
	}
}

func TestCheckState(t *testing.T) {
	large := map[string]string{}
	for i := range MaxLabels {
		large[fmt.Sprintf("%03d", i)] = strings.Repeat("v", MaxState/MaxLabels-3)
	}
	wantCode(t, CheckState(nil), 0)
	wantCode(t, CheckState(large), 0)
	large["000"] = strings.Repeat("v", MaxState/MaxLabels-3) + "v"
	wantCode(t, CheckState(large), CodeBadState)
	wantCode(t, CheckState(map[string]string{"": "v"}), CodeBadState)
	wantCode(t, CheckState(map[string]string{"k": "\n"}), CodeBadState)
}

func TestLatencyBuckets(t *testing.T) {
	for elapsed, want := range map[uint64]int{0: 0, 100: 0, 101: 1, 200: 1, 201: 2, 209_715_200: 21, 209_715_201: 22, 1 << 63: 22} {
		if got := LatencyBucket(elapsed); got != want {
			t.Errorf("%d µs are in bucket %d, want %d", elapsed, got, want)
		}
	}
	if LatencyBound(21) != 209_715_200 || LatencyBound(22) != 0 {
		t.Errorf("bounds %d and %d", LatencyBound(21), LatencyBound(22))
	}
}

func TestCheckDeadline(t *testing.T) {
	for budget, want := range map[uint32]Code{
		0: CodeBadDeadline, 999: CodeBadDeadline, 1000: 0, 300_000_000: 0, 300_000_001: CodeBadDeadline, 1<<32 - 1: CodeBadDeadline,
	} {
		wantCode(t, CheckDeadline(budget), want)
	}
}

func TestMemberID(t *testing.T) {
	for text, id := range map[string]MemberID{
		"000000.0": 0, "000007.1": 7<<40 | 1, "ffffff.1099511627775": 1<<64 - 1, "00abcd.42": 0xabcd<<40 | 42,
	} {
		got, err := ParseMemberID(text)
		if err != nil || got != id || id.String() != text {
			t.Errorf("%s is %d, %v; %d is %s", text, got, err, id, id)
		}
		if NewMemberID(id.Broker(), id.Serial()) != id {
			t.Errorf("%s: broker %d, serial %d", text, id.Broker(), id.Serial())
		}
	}
	if id := NewMemberID(MaxBroker+2, MaxSerial+3); id.Broker() != 1 || id.Serial() != 2 {
		t.Errorf("one part beyond its bound reached the other: %s", id)
	}
	for _, text := range []string{
		"", ".", "1", "000007", "000007.", ".1", "7.1", "0000007.1", "000007.01", "00000A.1", "00000g.1", "0x0007.1", "000007.-1", "000007.+1",
		"000007.1.2", "000007.1099511627776", " 000007.1", "000007.1 ", "000007.1\n", "-00007.1", strings.Repeat("9", 1000),
	} {
		if id, err := ParseMemberID(text); err == nil {
			t.Errorf("%q was read as %s", text, id)
		} else if len(err.Error()) > 200 {
			t.Errorf("%d bytes of error", len(err.Error()))
		}
	}
}

func TestRule(t *testing.T) {
	for _, test := range []struct {
		text     string
		rule     Rule
		selected int
		needed   int
	}{
		{"all", Rule{}, 5, 5},
		{"all", Rule{}, 0, 0},
		{"0", Rule{Kind: RuleAtLeast, N: 0}, 5, 0},
		{"3", Rule{Kind: RuleAtLeast, N: 3}, 5, 3},
		{"7", Rule{Kind: RuleAtLeast, N: 7}, 5, 7},
		{"4294967295", Rule{Kind: RuleAtLeast, N: 1<<32 - 1}, 5, 1<<32 - 1},
		{"0%", Rule{Kind: RuleShare, N: 0}, 5, 0},
		{"1%", Rule{Kind: RuleShare, N: 1}, 5, 1},
		{"60%", Rule{Kind: RuleShare, N: 60}, 5, 3},
		{"61%", Rule{Kind: RuleShare, N: 61}, 5, 4},
		{"100%", Rule{Kind: RuleShare, N: 100}, 5, 5},
		{"50%", Rule{Kind: RuleShare, N: 50}, 0, 0},
		{"zone=a", Rule{Kind: RuleLabel, Key: "zone", Value: "a"}, 5, 5},
		{"zone=a=b", Rule{Kind: RuleLabel, Key: "zone", Value: "a=b"}, 0, 1},
		{"zone=", Rule{Kind: RuleLabel, Key: "zone"}, 1, 1},
	} {
		got, err := ParseRule(test.text)
		if err != nil || got != test.rule || got.String() != test.text {
			t.Errorf("%s is %+v (%s), %v", test.text, got, got, err)
		}
		wantCode(t, got.Check(), 0)
		if n := got.Needed(test.selected); n != test.needed {
			t.Errorf("%s of %d needs %d, want %d", test.text, test.selected, n, test.needed)
		}
	}
	for _, text := range []string{"", "All", "%", "101%", "-1", "+1", "1.5", "1 ", " 1", "4294967296", "50%%", "0x1", "1_0", "NaN", "=", "=a", "a\n=b", "First"} {
		if r, err := ParseRule(text); err == nil {
			t.Errorf("%q was read as %s", text, r)
		}
	}
	if first, err := ParseRule("first"); err != nil || first != (Rule{Kind: RuleAtLeast, N: 1}) {
		t.Errorf("first is %+v, %v", first, err)
	}
	zone := Rule{Kind: RuleLabel, Key: "zone", Value: ""}
	if !(Rule{}).Counts(nil) || zone.Counts(nil) || !zone.Counts(map[string]string{"zone": ""}) || zone.Counts(map[string]string{"zone": "a"}) {
		t.Error("who counts")
	}
	wantCode(t, Rule{Kind: RuleLabel}.Check(), CodeBadLabel)
	for _, bad := range []Rule{{Kind: 4}, {Kind: 255}, {Kind: RuleShare, N: 101}, {Kind: RuleShare, N: 1<<32 - 1}} {
		wantCode(t, bad.Check(), CodeBadRule)
	}
}

func TestErrors(t *testing.T) {
	err := fmt.Errorf("joining: %w", Errorf(CodeNameTaken, "%s is taken", "a"))
	var e *Error
	if !errors.Is(err, CodeNameTaken) || errors.Is(err, CodeMalformed) || !errors.As(err, &e) || e.Text != "a is taken" {
		t.Errorf("%v is not what it was made of", err)
	}
	if err.Error() != "joining: name_taken: a is taken" || (&Error{Code: CodeInternal}).Error() != "internal" {
		t.Errorf("%v", err)
	}
}

func TestNames(t *testing.T) {
	if got := Outcomes(); got[0] != OK || got[len(got)-1] != NotBound || len(got) != 12 || slices.Contains(got, Pending) {
		t.Errorf("outcomes %v", got)
	}
	fromMember := slices.DeleteFunc(append(Outcomes(), Pending, 13, 255), func(o Outcome) bool { return !o.FromMember() })
	if !slices.Equal(fromMember, []Outcome{OK, AppError, Refused}) {
		t.Errorf("a member may say %v", fromMember)
	}
	unknown := map[string]string{
		Kind(0).String(): "kind(0)", Kind(200).String(): "kind(200)", Outcome(13).String(): "outcome(13)",
		Code(0).String(): "code(0)", Code(65535).Error(): "code(65535)",
	}
	for got, want := range unknown {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

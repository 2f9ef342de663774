package protocol

import (
	"fmt"
	"strconv"
	"strings"
)

// RuleKind is how a call's rule counts. Append-only.
type RuleKind uint8

// The rules; they count OK only.
const (
	RuleAll     RuleKind = 0 // every selected member
	RuleAtLeast RuleKind = 1 // N of them
	RuleShare   RuleKind = 2 // N percent of them, rounded up
	RuleLabel   RuleKind = 3 // every selected member with the label Key=Value, and one at least
)

// Rule says when a call is a success.
type Rule struct {
	Kind  RuleKind
	N     uint32 // RuleAtLeast: members; RuleShare: percent
	Key   string // RuleLabel
	Value string // RuleLabel
}

// ParseRule reads all, first (which is 1), a number of members, a percentage
// such as 66%, or a label such as zone=a.
func ParseRule(s string) (Rule, error) {
	switch s {
	case "all":
		return Rule{}, nil
	case "first":
		return Rule{Kind: RuleAtLeast, N: 1}, nil
	}
	if key, value, ok := strings.Cut(s, "="); ok {
		r := Rule{Kind: RuleLabel, Key: key, Value: value}
		return r, r.Check()
	}
	digits, percent := strings.CutSuffix(s, "%")
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || (percent && n > 100) {
		return Rule{}, fmt.Errorf("rule %q: want all, first, a number of members, 0%% to 100%%, or KEY=VALUE", s)
	}
	if percent {
		return Rule{Kind: RuleShare, N: uint32(n)}, nil
	}
	return Rule{Kind: RuleAtLeast, N: uint32(n)}, nil
}

// String is what ParseRule reads.
func (r Rule) String() string {
	switch r.Kind {
	case RuleAtLeast:
		return strconv.FormatUint(uint64(r.N), 10)
	case RuleShare:
		return strconv.FormatUint(uint64(r.N), 10) + "%"
	case RuleLabel:
		return r.Key + "=" + r.Value
	}
	return "all"
}

// Check refuses what no broker understands.
func (r Rule) Check() error {
	if r.Kind > RuleLabel || (r.Kind == RuleShare && r.N > 100) {
		return Errorf(CodeBadRule, "kind %d, n %d", r.Kind, r.N)
	}
	if r.Kind == RuleLabel {
		return CheckLabels(map[string]string{r.Key: r.Value})
	}
	return nil
}

// Counts tells whether a selected member with these labels counts for the rule.
func (r Rule) Counts(labels map[string]string) bool {
	if r.Kind != RuleLabel {
		return true
	}
	value, ok := labels[r.Key]
	return ok && value == r.Value
}

// Needed is how many OK the rule asks of so many selected members that count.
// It may be more than there are: such a call cannot be met.
func (r Rule) Needed(selected int) int {
	switch r.Kind {
	case RuleAtLeast:
		return int(r.N)
	case RuleShare:
		return (selected*int(r.N) + 99) / 100
	case RuleLabel:
		return max(1, selected)
	}
	return selected
}

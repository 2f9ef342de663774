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
)

// Rule says when a call is a success.
type Rule struct {
	Kind RuleKind
	N    uint32 // RuleAtLeast: members; RuleShare: percent
}

// ParseRule reads all, a number of members, or a percentage such as 66%.
func ParseRule(s string) (Rule, error) {
	if s == "all" {
		return Rule{}, nil
	}
	digits, percent := strings.CutSuffix(s, "%")
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || (percent && n > 100) {
		return Rule{}, fmt.Errorf("rule %q: want all, a number of members, or 0%% to 100%%", s)
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
	}
	return "all"
}

// Check refuses what no broker understands.
func (r Rule) Check() error {
	if r.Kind > RuleShare || (r.Kind == RuleShare && r.N > 100) {
		return Errorf(CodeBadRule, "kind %d, n %d", r.Kind, r.N)
	}
	return nil
}

// Needed is how many OK the rule asks of so many selected members. It may be
// more than there are: such a call cannot be met.
func (r Rule) Needed(selected int) int {
	switch r.Kind {
	case RuleAtLeast:
		return int(r.N)
	case RuleShare:
		return (selected*int(r.N) + 99) / 100
	}
	return selected
}

package protocol

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckName refuses a room's or a member's name that is empty, too long, no
// UTF-8, or that could deceive a reader's eye.
func CheckName(s string) error {
	if s == "" || len(s) > MaxName || !printable(s) || strings.TrimSpace(s) != s {
		return Errorf(CodeBadName, "%.140q: want 1 to %d bytes of printable UTF-8, no space at either end", s, MaxName)
	}
	return nil
}

// CheckLabels refuses labels beyond the limits.
func CheckLabels(labels map[string]string) error {
	if len(labels) > MaxLabels {
		return Errorf(CodeBadLabel, "%d labels; %d are allowed", len(labels), MaxLabels)
	}
	for k, v := range labels {
		if k == "" || len(k) > MaxLabelKey || !printable(k) {
			return Errorf(CodeBadLabel, "key %.80q: want 1 to %d bytes of printable UTF-8", k, MaxLabelKey)
		}
		if len(v) > MaxLabelText || !printable(v) {
			return Errorf(CodeBadLabel, "value %.80q of %s: want at most %d bytes of printable UTF-8", v, k, MaxLabelText)
		}
	}
	return nil
}

// CheckState refuses a state beyond the limits: those of labels, and MaxState in all.
func CheckState(state map[string]string) error {
	size := 0
	for k, v := range state {
		size += len(k) + len(v)
	}
	if size > MaxState {
		return Errorf(CodeBadState, "%d bytes; %d are allowed", size, MaxState)
	}
	if err := CheckLabels(state); err != nil {
		return Errorf(CodeBadState, "%v", err)
	}
	return nil
}

// CheckDeadline refuses what is outside MinDeadline..MaxDeadline; budget is in µs.
func CheckDeadline(budget uint32) error {
	if budget < uint32(MinDeadline.Microseconds()) || budget > uint32(MaxDeadline.Microseconds()) {
		return Errorf(CodeBadDeadline, "%d µs: want %v to %v", budget, MinDeadline, MaxDeadline)
	}
	return nil
}

// printable is UTF-8 without control, formatting, private and separator
// characters other than the space, and without those that are not drawn though
// they count as letters or marks: nothing that a terminal or an eye could be fooled by.
func printable(s string) bool {
	ascii := 0
	for ascii < len(s) && s[ascii] >= ' ' && s[ascii] <= '~' { // as most is, all through
		ascii++
	}
	if s = s[ascii:]; !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r >= ' ' && r <= '~' {
			continue
		}
		if !unicode.IsPrint(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			return false
		}
	}
	return true
}

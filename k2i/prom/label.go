package prom

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLabel is how many bytes of a name a label holds; the rest is cut.
const MaxLabel = 128

// label is s as a label may hold it: valid UTF-8, at most MaxLabel bytes, and
// nothing that would do something to the screen that it is printed on.
func label(s string) string {
	if plain(s) {
		return s
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s[:min(len(s), MaxLabel+utf8.UTFMax)], "\uFFFD"))
	return strings.ToValidUTF8(s[:min(len(s), MaxLabel)], "")
}

// plain tells names that need nothing: nearly all of them.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= MaxLabel
}

package dps

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks may sit on one character: enough for
// every living script, too few to bury a screen.
const maxMarks = 4

// Clean makes bytes that came from a kernel, a network or another host fit for
// a screen and for one line. Whatever could move the cursor, speak to the
// terminal, reorder text or hide is written as question marks, one for each
// byte, as ps does: C0, C1 and DEL, invalid UTF-8, every format character
// (the bidirectional and the zero-width ones, U+FEFF, tags), line and paragraph
// separators, private characters, and combining marks beyond maxMarks in a row.
func Clean(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return clean(s)
		}
	}
	return s
}

func clean(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	marks := maxMarks // a mark needs something to sit on
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1, !shown(r):
			b.WriteString(strings.Repeat("?", size))
			marks = 0
		case unicode.In(r, unicode.Mn, unicode.Me):
			if marks++; marks > maxMarks {
				b.WriteString(strings.Repeat("?", size))
			} else {
				b.WriteRune(r)
			}
		default:
			b.WriteRune(r)
			marks = 0
		}
		i += size
	}
	return b.String()
}

// shown tells whether a character may reach a screen as itself.
func shown(r rune) bool {
	if r >= 0xE0000 && r <= 0xE0FFF { // tags and variation selectors: nothing to see
		return false
	}
	return r == ' ' || unicode.IsPrint(r) && !hidden(r)
}

// hidden characters count as letters or symbols but have no shape.
func hidden(r rune) bool {
	switch r {
	case 0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800, 0xFFFC: // Hangul fillers, empty Braille, object replacement
		return true
	}
	return false
}

// wide are the ranges that take two cells on a terminal, from Unicode's
// EastAsianWidth.txt (W and F), joined where only unassigned codes lie between.
var wide = []struct{ first, last rune }{
	{0x1100, 0x115F},
	{0x2E80, 0x303E},
	{0x3041, 0x33FF},
	{0x3400, 0x4DBF},
	{0x4E00, 0xA4CF},
	{0xA960, 0xA97F},
	{0xAC00, 0xD7A3},
	{0xF900, 0xFAFF},
	{0xFE30, 0xFE6F},
	{0xFF00, 0xFF60},
	{0xFFE0, 0xFFE6},
	{0x17000, 0x18DFF},
	{0x1B000, 0x1B2FF},
	{0x1F300, 0x1F64F},
	{0x1F680, 0x1F6FF},
	{0x1F900, 0x1F9FF},
	{0x20000, 0x3FFFD},
}

// cells is how many columns of a terminal one clean character takes.
func cells(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	for _, span := range wide {
		if r < span.first {
			return 1
		}
		if r <= span.last {
			return 2
		}
	}
	return 1
}

// Width is how many columns of a terminal a clean text takes.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += cells(r)
	}
	return n
}

// Cut shortens a clean text to at most width columns of a terminal; a character
// of two columns that would not fit whole is left out.
func Cut(s string, width int) string {
	if len(s) <= width { // no character takes more columns than bytes
		return s
	}
	n := 0
	for i, r := range s {
		if n += cells(r); n > width {
			return s[:i]
		}
	}
	return s
}

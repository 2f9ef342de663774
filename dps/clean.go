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
// terminal, reorder text or hide is written as a question mark, one for each
// character, as ps does: C0, C1 and DEL, every format character (the
// bidirectional and the zero-width ones, U+FEFF, tags), line and paragraph
// separators, private characters, and combining marks beyond maxMarks in a row.
// Of what is not UTF-8 each byte is one. From a byte on that begins no character,
// or one that is not whole, nothing is trusted but ASCII, as in ps.
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
	end := trusted(s)
	for i := 0; i < end; {
		r, size := decode(s[i:end])
		switch {
		case !shown(r):
			b.WriteByte('?')
			marks = 0
		case unicode.In(r, unicode.Mn, unicode.Me):
			if marks++; marks > maxMarks {
				b.WriteByte('?')
			} else {
				b.WriteRune(r)
			}
		default:
			b.WriteRune(r)
			marks = 0
		}
		i += size
	}
	b.WriteString(cleanASCII(s[end:]))
	return b.String()
}

// cleanASCII has a question mark for every byte that is not ASCII, and a dot for
// every control character, as ps does where it trusts in ASCII alone.
func cleanASCII(s string) string {
	b := []byte(s)
	for i := range b {
		switch {
		case b[i] > 0x7f:
			b[i] = '?'
		case b[i] < ' ', b[i] == 0x7f:
			b[i] = '.'
		}
	}
	return string(b)
}

// readable has question marks for control characters, and nothing but ASCII from
// where a text is no longer to be trusted.
func readable(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return s
	}
	b, end := []byte(s), trusted(s)
	for i := range end {
		if b[i] < ' ' || b[i] == 0x7f {
			b[i] = '?'
		}
	}
	return string(b[:end]) + cleanASCII(s[end:])
}

// trusted is how much of a text could be UTF-8, by the lengths that the first
// bytes of its characters tell.
func trusted(s string) int {
	for i := 0; i < len(s); {
		size := 1
		switch b := s[i]; {
		case b < 0x80:
		case b < 0xc2, b > 0xf4:
			return i
		case b < 0xe0:
			size = 2
		case b < 0xf0:
			size = 3
		default:
			size = 4
		}
		if i+size > len(s) {
			return i
		}
		i += size
	}
	return len(s)
}

// decode is the first character of a text, unicode.MaxRune, which is never shown,
// for a byte that is part of none. What is encoded
// like a character, but beyond the last one, is taken as a whole, as by C.
func decode(s string) (rune, int) {
	r, size := utf8.DecodeRuneInString(s)
	if size > 1 || r != utf8.RuneError {
		return r, size
	}
	if len(s) >= 4 && s[0] == 0xf4 && s[1] >= 0x90 && s[1]&s[2]&s[3]&0xc0 == 0x80 && (s[1]|s[2]|s[3])&0x40 == 0 {
		return unicode.MaxRune, 4
	}
	return unicode.MaxRune, 1
}

// shown tells whether a character may reach a screen as itself.
func shown(r rune) bool {
	if r >= 0xE0000 && r <= 0xE0FFF { // tags and variation selectors: nothing to see
		return false
	}
	return unicode.Is(unicode.Zs, r) || unicode.IsPrint(r) && !hidden(r)
}

// hidden characters count as letters or symbols but have no shape.
func hidden(r rune) bool {
	switch r {
	case 0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800, 0xFFFC: // Hangul fillers, empty Braille, object replacement
		return true
	}
	return false
}

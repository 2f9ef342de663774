package query

import (
	"fmt"
	"strconv"
	"strings"
)

// Error is a text of the language that is refused, and the place that is at
// fault.
type Error struct {
	Reason string // one line
	Text   string // that was refused
	At     int    // place in Text, in characters from 0
}

// shownAround is how much of a long text an Error shows on each side of its place.
const shownAround = 36

// Error is the reason, and below it the text with a caret below the place.
func (e *Error) Error() string {
	text := []rune(strings.Map(plainSpace, e.Text))
	at := min(max(e.At, 0), len(text))
	from, to := max(at-shownAround, 0), min(at+shownAround, len(text))
	before, after := "", ""
	if from > 0 {
		before = "..."
	}
	if to < len(text) {
		after = "..."
	}
	return fmt.Sprintf("%s\n  %s%s%s\n  %s^", e.Reason, before, string(text[from:to]), after, strings.Repeat(" ", len(before)+at-from))
}

// plainSpace keeps a text on its line.
func plainSpace(r rune) rune {
	if r < ' ' {
		return ' '
	}
	return r
}

func errorAt(text string, at int, format string, args ...any) error {
	return &Error{Reason: fmt.Sprintf(format, args...), Text: text, At: at}
}

func quoteRune(r rune) string { return strconv.QuoteRune(r) }

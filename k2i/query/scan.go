package query

import (
	"strings"
	"unicode/utf8"
)

// scanned is a text that the library's parser takes: every number with a unit
// is an identifier of underscores, as long as it was, so that places stay what
// they are.
type scanned struct {
	text       string
	quantities map[int]quantity // by the place of their first character
}

// scan looks at all that stands outside of strings, and refuses what the
// library would understand and this language does not have.
func scan(text string) (scanned, error) {
	s := scanned{quantities: map[int]quantity{}}
	var out strings.Builder
	at := 0 // in characters; everything but strings is ASCII
	for i := 0; i < len(text); {
		rest := text[i:]
		var n int
		switch b := text[i]; {
		case b == '"' || b == '\'' || b == '`':
			if n = stringAt(rest); n == 0 {
				return s, errorAt(text, at, "a quote is not closed")
			}
		case isLetter(b) || b == '_':
			n = nameAt(rest)
		case digitsAt(rest) > 0:
			q, length, wrong := readQuantity(rest)
			if wrong != "" {
				return s, errorAt(text, at, "%s", wrong)
			}
			if length > 0 {
				s.quantities[at] = q
				out.WriteString(strings.Repeat("_", length))
				at += length
				i += length
				continue
			}
			n = numberAt(rest)
		default:
			length, advice := punctuationAt(rest)
			if length == 0 {
				return s, errorAt(text, at, "%s", advice)
			}
			n = length
		}
		out.WriteString(rest[:n])
		at += utf8.RuneCountInString(rest[:n])
		i += n
	}
	s.text = out.String()
	return s, nil
}

// stringAt is how long a string is, with its quotes; 0 where it does not end.
func stringAt(text string) int {
	quote := text[0]
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == quote:
			return i + 1
		case text[i] == '\\' && quote != '`':
			i++
		}
	}
	return 0
}

func nameAt(text string) int {
	n := 0
	for n < len(text) && (isLetter(text[n]) || text[n] == '_' || '0' <= text[n] && text[n] <= '9') {
		n++
	}
	return n
}

// punctuationAt is how long an operator or a bracket is, 0 with what to write
// instead where it is none of the language.
func punctuationAt(text string) (n int, advice string) {
	for _, two := range []string{"==", "!=", "<=", ">=", "&&", "||", ".."} {
		if strings.HasPrefix(text, two) {
			return 2, ""
		}
	}
	if strings.ContainsRune(" \t\n()[],.<>!-", rune(text[0])) {
		return 1, ""
	}
	switch text[0] {
	case '=':
		if strings.HasPrefix(text, "=~") {
			return 0, `no operator =~; write comm matches "^ng"`
		}
		return 0, "one = sets something; write == to compare"
	case '~':
		return 0, `no operator ~; write comm matches "^ng"`
	case '^':
		return 0, `a regular expression stands in quotes, as in comm matches "^ng"`
	case '&', '|':
		return 0, "write and, or (or && and ||)"
	case '+', '*', '/', '%':
		return 0, "nothing is calculated here: compare a name with a value, as in rss > 100MiB"
	}
	r, _ := utf8.DecodeRuneInString(text)
	return 0, "no place for " + quoteRune(r) + " outside of a string"
}

package query

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// Limits of the regular expressions of one condition, together: what a byte of
// text may cost.
const (
	MaxSteps   = 1000 // instructions of the compiled expressions
	maxPattern = 512  // bytes of one
)

// inText compiles matches, contains, startsWith and endsWith.
func (c *compiler) inText(n *ast.BinaryNode, left, right *operand) (condition, error) {
	switch {
	case left.literal || left.word == nil && left.list == nil:
		return nil, c.fail(n.Left, "%s wants a text on its left, as in comm %s %q", n.Operator, n.Operator, "ng")
	case !right.literal || right.word == nil:
		return nil, c.fail(n.Right, "%s wants a text in quotes on its right, as in %s %s %q", n.Operator, left.name, n.Operator, "ng")
	}
	want := right.text
	wanted := []byte(want)
	switch n.Operator {
	case "contains":
		return onText(left, func(b []byte) bool { return bytes.Contains(b, wanted) }, func(s string) bool { return strings.Contains(s, want) }), nil
	case "startsWith":
		return onText(left, func(b []byte) bool { return bytes.HasPrefix(b, wanted) }, func(s string) bool { return strings.HasPrefix(s, want) }), nil
	case "endsWith":
		return onText(left, func(b []byte) bool { return bytes.HasSuffix(b, wanted) }, func(s string) bool { return strings.HasSuffix(s, want) }), nil
	}
	pattern, err := c.pattern(n.Right, want)
	if err != nil {
		return nil, err
	}
	return onText(left, pattern.Match, pattern.MatchString), nil
}

// onText asks a word, or the words of a list with blanks between, which are put
// together in the row's own memory.
func onText(o *operand, inBytes func([]byte) bool, inString func(string) bool) condition {
	if o.word != nil {
		return func(r *row) truth { return truthOf(inString(o.word(r))) }
	}
	return func(r *row) truth {
		r.scratch = r.scratch[:0]
		for i, word := range o.list(r) {
			if i > 0 {
				r.scratch = append(r.scratch, ' ')
			}
			r.scratch = append(r.scratch, word...)
		}
		return truthOf(inBytes(r.scratch))
	}
}

// pattern compiles a regular expression (RE2: time linear in the text), after
// its size was told from its parts: a repetition of repetitions would be large
// before anybody could count it.
func (c *compiler) pattern(n ast.Node, text string) (*regexp.Regexp, error) {
	if c.patterns++; c.patterns > MaxPatterns {
		return nil, c.fail(n, "more than %d regular expressions", MaxPatterns)
	}
	if len(text) > maxPattern {
		return nil, c.fail(n, "a regular expression of %d bytes: %d are allowed", len(text), maxPattern)
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, c.fail(n, "no regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if c.steps += steps(parsed); c.steps > MaxSteps {
		return nil, c.fail(n, "a regular expression that repeats too much: %d steps are allowed in all", MaxSteps)
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, c.fail(n, "no regular expression: %s", err.Error())
	}
	return compiled, nil
}

// steps is how large a regular expression will be, beyond MaxSteps more or less.
func steps(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)/2
	for _, sub := range re.Sub {
		n += steps(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Max, re.Min, 1) + 1
	}
	return min(n, MaxSteps+1)
}

package query

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"ddcos/k2i"
	"ddcos/near"
)

// Limits of a Where; Compile names the one that is passed.
const (
	MaxWhere    = 4096 // bytes of text
	MaxNodes    = 512  // names, values and operators
	MaxPatterns = 16   // regular expressions
)

// Where is a condition that was understood: it may be shared, and asked for any
// host by Test.
//
// What is not known of a process is neither true nor false: comparing with it
// selects nothing, with not before it neither; == nil asks for just that.
type Where struct{ condition condition }

// Compile understands a condition such as
//
//	rss > 100MiB and (user == "www" or comm matches "^ng") and not kernel
//
// A text that is no condition is an *Error, which points at the place.
func Compile(text string) (*Where, error) { return compile(text, nil) }

// compile is Compile with names of its own; nil for those of processes.
func compile(text string, terms []Term) (*Where, error) {
	if len(text) > MaxWhere {
		return nil, errorAt(text[:MaxWhere], MaxWhere, "a condition of %d bytes: %d are allowed", len(text), MaxWhere)
	}
	s, err := scan(text)
	if err != nil {
		return nil, err
	}
	tree, err := parser.ParseWithConfig(s.text, &conf.Config{MaxNodes: MaxNodes, DisableIfOperator: true})
	if err != nil {
		return nil, translated(text, err)
	}
	c := compiler{text: text, scanned: s, terms: terms}
	run, err := c.condition(tree.Node)
	if err != nil {
		return nil, err
	}
	return &Where{run}, nil
}

// operators are those of the language, for messages.
const operators = "== != < <= > >= in matches contains startsWith endsWith, and, or, not"

// translated is the library's error as ours.
func translated(text string, err error) error {
	var at *file.Error
	if !errors.As(err, &at) {
		return errorAt(text, 0, "%s", err.Error())
	}
	reason := at.Message
	switch {
	case strings.Contains(reason, "token EOF"), strings.Contains(reason, "unexpected end"):
		reason, at.From = "it ends too early", utf8.RuneCountInString(text)
	case strings.Contains(reason, "maximum allowed nodes"):
		reason = "a condition of more than " + strconv.Itoa(MaxNodes) + " names, values and operators"
	case strings.HasPrefix(reason, "unexpected token "):
		_, token, _ := strings.Cut(reason, "(")
		token = strings.TrimSuffix(token, ")")
		reason = "not expected here: " + token
		if word, err := strconv.Unquote(token); err == nil && word != "" && isLetter(word[0]) {
			reason += "; there are " + operators
			if _, unit := measureByName(word); unit {
				reason = "a unit stands right behind its number, as in 10" + word
			}
		}
	case strings.HasPrefix(reason, "invalid float literal"), strings.HasPrefix(reason, "invalid integer literal"), strings.HasPrefix(reason, "integer literal"):
		reason = "a number beyond all bounds"
	}
	return errorAt(text, at.From, "%s", reason)
}

// Test is a Where on one host. It is for one goroutine, and allocates nothing
// for most conditions.
type Test struct {
	condition condition
	row       row
}

// On makes the Test for the processes of a host.
func (w *Where) On(host *Host) *Test {
	return &Test{condition: w.condition, row: row{host: host}}
}

// Match tells whether p is wanted.
func (t *Test) Match(p *k2i.Process) bool {
	t.row.p = p
	return t.condition(&t.row) == yes
}

// truth is what a condition says of a process.
type truth int8

const (
	no truth = iota
	yes
	unknown
)

type condition func(*row) truth

func truthOf(is bool) truth {
	if is {
		return yes
	}
	return no
}

func (t truth) not() truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

// compiler turns the parts of a text into functions.
type compiler struct {
	text     string
	scanned  scanned
	terms    []Term // the names there are; nil for those of processes
	patterns int    // regular expressions so far
	steps    int    // of them together
}

// named finds a name.
func (c *compiler) named(name string) (Term, bool) {
	if c.terms == nil {
		return TermByName(name)
	}
	i := slices.IndexFunc(c.terms, func(t Term) bool { return t.Name == name })
	if i < 0 {
		return Term{}, false
	}
	return c.terms[i], true
}

// suggestion tells which names look like one that is none, or all where they are few.
func (c *compiler) suggestion(name string) string {
	if c.terms == nil {
		return suggestion(name)
	}
	all := make([]string, len(c.terms))
	for i, t := range c.terms {
		all[i] = t.Name
	}
	if words := near.Words(name, all); len(words) > 0 {
		all = words
	}
	return "; there are " + strings.Join(all, ", ")
}

func (c *compiler) fail(n ast.Node, format string, args ...any) error {
	return errorAt(c.text, n.Location().From, format, args...)
}

// condition compiles what is true or false.
func (c *compiler) condition(n ast.Node) (condition, error) {
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			inner, err := c.condition(n.Node)
			if err != nil {
				return nil, err
			}
			return func(r *row) truth { return inner(r).not() }, nil
		}
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.BoolNode:
		always := truthOf(n.Value)
		return func(*row) truth { return always }, nil
	}
	o, err := c.operand(n)
	switch {
	case err != nil:
		return nil, err
	case o.flag != nil:
		return func(r *row) truth { return truthOf(o.flag(r)) }, nil
	case o.literal:
		return nil, c.fail(n, "a value alone is no condition; compare it with something, as in rss > 100MiB")
	}
	return nil, c.fail(n, "%s alone is no condition; compare it with something, as in %s", o.name, o.example())
}

// binary compiles and, or, and every comparison.
func (c *compiler) binary(n *ast.BinaryNode) (condition, error) {
	// The library binds not closer than comparisons: not a == b is not (a == b).
	if inner, ok := n.Left.(*ast.UnaryNode); ok && (inner.Operator == "not" || inner.Operator == "!") && !isBoolean(n.Operator) {
		compared := &ast.BinaryNode{Operator: n.Operator, Left: inner.Node, Right: n.Right}
		compared.SetLocation(n.Location())
		run, err := c.binary(compared)
		if err != nil {
			return nil, err
		}
		return func(r *row) truth { return run(r).not() }, nil
	}
	if !isBoolean(n.Operator) {
		return c.comparison(n)
	}
	left, err := c.condition(n.Left)
	if err != nil {
		return nil, err
	}
	right, err := c.condition(n.Right)
	if err != nil {
		return nil, err
	}
	decides := truthOf(n.Operator == "or" || n.Operator == "||")
	return func(r *row) truth {
		a := left(r)
		if a == decides {
			return a
		}
		b := right(r)
		if b == decides || a != unknown {
			return b
		}
		return a
	}, nil
}

func isBoolean(operator string) bool {
	return slices.Contains([]string{"and", "or", "&&", "||"}, operator)
}

package query

import (
	"cmp"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// orders are what the result of a comparison says, for less, same and more.
var orders = map[string][3]truth{
	"==": {no, yes, no},
	"!=": {yes, no, yes},
	"<":  {yes, no, no},
	"<=": {yes, yes, no},
	">":  {no, no, yes},
	">=": {no, yes, yes},
}

// mirrored are operators with their sides exchanged.
var mirrored = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// comparison compiles every operator but and, or and not.
func (c *compiler) comparison(n *ast.BinaryNode) (condition, error) {
	if n.Operator == "in" {
		return c.membership(n)
	}
	left, err := c.operand(n.Left)
	if err != nil {
		return nil, err
	}
	right, err := c.operand(n.Right)
	if err != nil {
		return nil, c.unquoted(n, left, err)
	}
	if slices.Contains([]string{"matches", "contains", "startsWith", "endsWith"}, n.Operator) {
		return c.inText(n, left, right)
	}
	if _, ok := orders[n.Operator]; !ok {
		return nil, c.fail(n, "no operator %s here", n.Operator)
	}
	return c.ordered(n, n.Operator, left, right)
}

// unquoted is the error of a comparison's right side: where a text belongs and a name
// stands that is none, its quotes are missing.
func (c *compiler) unquoted(n *ast.BinaryNode, left *operand, err error) error {
	name, ok := n.Right.(*ast.IdentifierNode)
	if !ok || left.word == nil && left.list == nil || c.scanned.quantities[name.Location().From] != (quantity{}) {
		return err
	}
	if _, known := c.named(name.Value); known {
		return err
	}
	return c.fail(name, "no name %.64q; a text stands in quotes: %s %s %.64[1]q", name.Value, left.name, n.Operator)
}

// ordered compiles ==, !=, <, <=, > and >=, with the term on the left.
func (c *compiler) ordered(n *ast.BinaryNode, operator string, left, right *operand) (condition, error) {
	if left.literal && !right.literal {
		left, right, operator = right, left, mirrored[operator]
	}
	if left.literal {
		return nil, c.fail(n, "two values are always the same or never; compare a name with a value")
	}
	equality := operator == "==" || operator == "!="
	switch {
	case right.null && equality:
		return missing(left, operator == "=="), nil
	case left.number() && right.number():
		if wrong := right.fit(left); wrong != "" {
			return nil, c.fail(c.valueOf(n), "%s", wrong)
		}
		return numbers(orders[operator], left, right), nil
	case left.flag != nil && right.flag != nil && equality:
		wanted := operator == "=="
		return func(r *row) truth { return truthOf((left.flag(r) == right.flag(r)) == wanted) }, nil
	case left.word != nil && right.word != nil:
		says := orders[operator]
		return func(r *row) truth { return says[cmp.Compare(left.word(r), right.word(r))+1] }, nil
	case left.list != nil && right.literal && right.word != nil && equality:
		wanted, want := operator == "==", right.text
		return onText(left, func(text []byte) bool { return (string(text) == want) == wanted }, nil), nil
	}
	return nil, c.fail(c.valueOf(n), "%s cannot be compared with %s; write %s", left.kind(), right.kind(), left.example())
}

// valueOf is the side of a comparison that is a value, for errors to point at.
func (c *compiler) valueOf(n *ast.BinaryNode) ast.Node {
	if o, err := c.operand(n.Left); err == nil && o.literal {
		return n.Left
	}
	return n.Right
}

// kind is what an operand is, for people.
func (o *operand) kind() string {
	what := "a number"
	switch {
	case o.null:
		return "nil"
	case o.flag != nil:
		what = "true or false"
	case o.list != nil:
		what = "a command line"
	case o.word != nil:
		what = "a text"
	}
	if o.literal {
		return what
	}
	return o.name + ", " + what + ","
}

// missing compiles == nil and != nil.
func missing(o *operand, wanted bool) condition {
	known := func(*row) bool { return true }
	switch {
	case o.integer != nil:
		known = func(r *row) bool { _, ok := o.integer(r); return ok }
	case o.fraction != nil:
		known = func(r *row) bool { _, ok := o.fraction(r); return ok }
	}
	return func(r *row) truth { return truthOf(known(r) != wanted) }
}

// numbers compares whole numbers as such, and others with fractions.
func numbers(says [3]truth, left, right *operand) condition {
	if left.integer != nil && right.integer != nil {
		a, b := left.integer, right.integer
		return func(r *row) truth {
			x, xKnown := a(r)
			y, yKnown := b(r)
			if !xKnown || !yKnown {
				return unknown
			}
			return says[cmp.Compare(x, y)+1]
		}
	}
	a, b := left.asFraction(), right.asFraction()
	return func(r *row) truth {
		x, xKnown := a(r)
		y, yKnown := b(r)
		if !xKnown || !yKnown {
			return unknown
		}
		return says[cmp.Compare(x, y)+1]
	}
}

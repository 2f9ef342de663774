package query

import (
	"strings"

	"github.com/expr-lang/expr/ast"
)

// operand is one side of a comparison: a term, or a value that was written.
type operand struct {
	name    string // the term as it was written
	literal bool
	null    bool // the value nil
	unit    string
	bare    bool // a number without unit, where one may be missing

	integer  func(*row) (int64, bool)
	fraction func(*row) (float64, bool)
	flag     func(*row) bool
	list     func(*row) []string
	word     func(*row) string

	text string // of a literal word
}

func (o *operand) number() bool { return o.integer != nil || o.fraction != nil }

// example is a comparison that the term might stand in.
func (o *operand) example() string {
	switch {
	case o.list != nil:
		return o.name + ` contains "--port"`
	case o.word != nil:
		return o.name + ` == "..."`
	}
	return o.name + " > " + quantityExample(o.unit)
}

// quantityExample is how a quantity of a unit may be written.
func quantityExample(unit string) string {
	switch unit {
	case unitBytes:
		return "100MiB"
	case unitRate:
		return "10MiB/s"
	case unitTime:
		return "5m"
	case unitCPUs:
		return "50%, half a CPU"
	case unitShare:
		return "10%"
	}
	return "1"
}

// operand compiles a name or a value.
func (c *compiler) operand(n ast.Node) (*operand, error) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if q, ok := c.scanned.quantities[n.Location().From]; ok {
			return quantityOperand(q), nil
		}
		return c.term(n, n.Value)
	case *ast.MemberNode:
		of, ok := n.Node.(*ast.IdentifierNode)
		key, isWord := n.Property.(*ast.StringNode)
		if ok && isWord && of.Value+"." == LabelTerm {
			return c.term(n, LabelTerm+key.Value)
		}
	case *ast.StringNode:
		return &operand{literal: true, text: n.Value, word: func(*row) string { return n.Value }}, nil
	case *ast.BoolNode:
		return &operand{literal: true, flag: func(*row) bool { return n.Value }}, nil
	case *ast.NilNode:
		return &operand{literal: true, null: true}, nil
	case *ast.IntegerNode:
		return integerOperand(int64(n.Value)), nil
	case *ast.FloatNode:
		return fractionOperand(n.Value), nil
	case *ast.UnaryNode:
		return c.negative(n)
	}
	return nil, c.fail(n, "not part of this language: there are names, values, "+operators)
}

// negative compiles a number with a sign.
func (c *compiler) negative(n *ast.UnaryNode) (*operand, error) {
	switch number := n.Node.(type) {
	case *ast.IntegerNode:
		if n.Operator == "-" {
			return integerOperand(-int64(number.Value)), nil
		}
	case *ast.FloatNode:
		if n.Operator == "-" {
			return fractionOperand(-number.Value), nil
		}
	}
	return nil, c.fail(n, "%s stands before a comparison or, as a sign, before a plain number", n.Operator)
}

// term compiles a name.
func (c *compiler) term(n ast.Node, name string) (*operand, error) {
	t, ok := c.named(name)
	if !ok {
		return nil, c.fail(n, "no name %.64q%s", name, c.suggestion(name))
	}
	// Who writes rss_bytes knows what is counted; of rss nobody is sure.
	bare := t.Name == name && t.Field != "" && strings.HasSuffix(name, "_"+t.Unit)
	return &operand{name: name, unit: t.Unit, bare: bare, integer: t.integer, fraction: t.fraction, flag: t.flag, list: t.list, word: t.word}, nil
}

func integerOperand(value int64) *operand {
	o := &operand{literal: true, bare: value != 0, integer: func(*row) (int64, bool) { return value, true }}
	o.fraction = func(*row) (float64, bool) { return float64(value), true }
	return o
}

func fractionOperand(value float64) *operand {
	return &operand{literal: true, bare: true, fraction: func(*row) (float64, bool) { return value, true }}
}

func quantityOperand(q quantity) *operand {
	o := &operand{literal: true, unit: q.unit, fraction: func(*row) (float64, bool) { return q.value, true }}
	if q.unit != unitShare {
		o.integer = func(*row) (int64, bool) { return q.whole, true }
	}
	return o
}

// fit brings a value to the unit of the term beside it, or says what is wrong.
func (o *operand) fit(term *operand) string {
	switch {
	case !o.literal && o.unit == term.unit, !o.number() || !term.number():
		return ""
	case !o.literal:
		return o.name + " and " + term.name + " are counted in different units"
	case o.unit == unitShare && term.unit == unitCPUs:
		percent := o.fraction
		o.unit, o.fraction = unitCPUs, func(r *row) (float64, bool) { p, ok := percent(r); return p / 100, ok }
	case o.unit == unitBytes && term.unit == unitRate, o.unit == term.unit:
	case o.unit != unitNumber:
		return term.name + " is " + inWords(term.unit) + ", as " + quantityExample(term.unit)
	case o.bare && !term.bare && (term.unit == unitBytes || term.unit == unitRate || term.unit == unitTime || term.unit == unitCPUs):
		return term.name + " is " + inWords(term.unit) + ": write the unit, as " + quantityExample(term.unit)
	}
	return ""
}

// inWords is what a unit measures.
func inWords(unit string) string {
	switch unit {
	case unitBytes:
		return "a size"
	case unitRate:
		return "a size in a second"
	case unitTime:
		return "a time"
	case unitCPUs:
		return "a number of CPUs"
	case unitShare:
		return "a share"
	}
	return "a plain number"
}

// asFraction is any number as one that may have a fraction.
func (o *operand) asFraction() func(*row) (float64, bool) {
	if o.fraction != nil {
		return o.fraction
	}
	whole := o.integer
	return func(r *row) (float64, bool) {
		n, known := whole(r)
		return float64(n), known
	}
}

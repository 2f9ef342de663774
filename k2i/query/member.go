package query

import (
	"cmp"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// membership compiles in: a name in a list of values or in a range of numbers,
// or a text in the words of a command line.
func (c *compiler) membership(n *ast.BinaryNode) (condition, error) {
	left, err := c.operand(n.Left)
	if err != nil {
		return nil, err
	}
	switch right := n.Right.(type) {
	case *ast.ArrayNode:
		if !left.literal {
			return c.inList(n, left, right)
		}
	case *ast.BinaryNode:
		if right.Operator == ".." && !left.literal {
			return c.inRange(left, right)
		}
	default:
		list, err := c.operand(right)
		if err != nil {
			return nil, err
		}
		if list.list != nil && left.literal && left.word != nil {
			return func(r *row) truth { return truthOf(slices.Contains(list.list(r), left.text)) }, nil
		}
	}
	return nil, c.fail(n.Right, `in wants a list on its right, as in user in ["www", "db"] or pid in 1..99`)
}

// inList compiles a name in a list of values of its kind.
func (c *compiler) inList(n *ast.BinaryNode, left *operand, list *ast.ArrayNode) (condition, error) {
	words := map[string]struct{}{}
	var alike []condition
	for _, node := range list.Nodes {
		value, err := c.operand(node)
		if err != nil {
			return nil, err
		}
		switch {
		case !value.literal:
			return nil, c.fail(node, "%s is no value; a list has values only", value.name)
		case left.word != nil && value.word != nil:
			words[value.text] = struct{}{}
		case left.number() && value.number():
			if wrong := value.fit(left); wrong != "" {
				return nil, c.fail(node, "%s", wrong)
			}
			alike = append(alike, numbers(orders["=="], left, value))
		default:
			return nil, c.fail(node, "%s cannot be %s", left.kind(), value.kind())
		}
	}
	if left.word != nil {
		return func(r *row) truth {
			_, has := words[left.word(r)]
			return truthOf(has)
		}, nil
	}
	if !left.number() {
		return nil, c.fail(n.Left, "%s is in no list", left.kind())
	}
	return func(r *row) truth {
		says := no
		for _, same := range alike {
			if says = same(r); says != no {
				return says
			}
		}
		return says
	}, nil
}

// inRange compiles a name in a range of numbers, both ends in it.
func (c *compiler) inRange(left *operand, n *ast.BinaryNode) (condition, error) {
	var ends [2]*operand
	for i, node := range []ast.Node{n.Left, n.Right} {
		end, err := c.operand(node)
		switch {
		case err != nil:
			return nil, err
		case !end.literal || !end.number() || !left.number():
			return nil, c.fail(node, "a range is between two numbers, as in pid in 1..99")
		}
		if wrong := end.fit(left); wrong != "" {
			return nil, c.fail(node, "%s", wrong)
		}
		ends[i] = end
	}
	if left.integer != nil && ends[0].integer != nil && ends[1].integer != nil {
		return within(left.integer, ends[0].integer, ends[1].integer), nil
	}
	return within(left.asFraction(), ends[0].asFraction(), ends[1].asFraction()), nil
}

func within[T int64 | float64](get, first, last func(*row) (T, bool)) condition {
	from, _ := first(nil)
	to, _ := last(nil)
	return func(r *row) truth {
		n, known := get(r)
		if !known {
			return unknown
		}
		return truthOf(cmp.Compare(n, from) >= 0 && cmp.Compare(n, to) <= 0)
	}
}

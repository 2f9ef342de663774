// Package dps shows the processes of many hosts as ps shows those of one: its
// options, its columns and their formats, as text and as JSON.
package dps

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// Side is where a column's text stands in its cell, and what happens to a text
// that is wider than the cell.
type Side int

const (
	// Right texts grow beyond their cell; columns after it give up their padding.
	Right Side = iota
	// Left texts do the same.
	Left
	// Name texts stand left and are cut, with a plus sign, as ps cuts users.
	Name
	// Open texts stand left, are cut, and run on where they are the last column.
	Open
	// Cropped texts do the same, and ask for their width where they are the last.
	Cropped
)

// Column is one keyword of -o and --sort.
type Column struct {
	Key    string
	Header string
	Width  int
	Side   Side
	PIDs   bool   // as wide as the largest pid of the hosts shown
	Help   string // one phrase
	Fields string // of k2i, which it is made from, with blanks between: an agent is asked for no others
	Facts  string // read on this host on demand, with commas between; see Facts
	Sum    string // facts of children which have ended, read with option S
	Mask   bool   // signals, which are told shorter where the screen is narrow
	Own    bool   // made from a name of the language of conditions, which ps does not have
	Tree   bool   // a command: the forest is drawn before it

	// Text is the cell, clean, without padding.
	Text func(l *Look, r fleet.Row) string

	// Compare is the order of --sort: by what is known, not by what is printed.
	Compare func(l *Look, a, b fleet.Row) int

	// Field orders as Compare does, so that the agents can sort and limit by it;
	// "" where only the whole table can be sorted.
	Field string
}

// Columns is every keyword, sorted. The slice is the caller's own.
func Columns() []Column {
	all := slices.Concat(tables()...)
	all = append(all, termColumns(all)...)
	slices.SortFunc(all, func(a, b Column) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// tables are the one table in its parts.
func tables() [][]Column {
	return append(telling(), dashColumns())
}

// telling are those that show something: dashes are made when they are asked for.
func telling() [][]Column {
	return [][]Column{
		idColumns, nameColumns, runColumns, timeColumns, memoryColumns, fleetColumns,
		endColumns, factColumns, signalColumns, unitColumns,
	}
}

// ColumnByKey finds a column by its keyword.
func ColumnByKey(key string) (Column, bool) {
	for _, list := range []func() [][]Column{telling, func() [][]Column { return [][]Column{dashColumns()} }} {
		for _, table := range list() {
			if i := slices.IndexFunc(table, func(c Column) bool { return c.Key == key }); i >= 0 {
				return table[i], true
			}
		}
	}
	return termColumn(key)
}

// number is the column of a plain whole number that is one of k2i's fields.
func number[T int32 | uint32 | uint64](key, header string, width int, field, help string, get func(*k2i.Process) T) Column {
	return Column{
		Key: key, Header: header, Width: width, Help: help, Fields: field, Field: field,
		Text: func(_ *Look, r fleet.Row) string { return decimal(get(r.Process)) },
		Compare: func(_ *Look, a, b fleet.Row) int {
			return cmp.Compare(get(a.Process), get(b.Process))
		},
	}
}

// pidNumber is a number as wide as pids are.
func pidNumber(key, header, field, help string, get func(*k2i.Process) int32) Column {
	c := number(key, header, 5, field, help, get)
	c.PIDs = true
	return c
}

// word is the column of a text that is one of k2i's fields, or made of some.
func word(key, header string, width int, side Side, fields, help string, text func(*Look, fleet.Row) string) Column {
	return Column{
		Key: key, Header: header, Width: width, Side: side, Help: help, Fields: fields,
		Text: func(l *Look, r fleet.Row) string { return l.clean(text(l, r)) },
		Compare: func(l *Look, a, b fleet.Row) int {
			return strings.Compare(l.ordered(text(l, a)), l.ordered(text(l, b)))
		},
	}
}

// same is a column under another keyword and header.
func same(c Column, key, header string) Column {
	c.Key, c.Header = key, header
	return c
}

// alias is a column under another keyword, with the width that this one has.
func alias(c Column, key, header string, width int) Column {
	c.Key, c.Header, c.Width = key, header, width
	return c
}

// by makes Compare of a value.
func by[T cmp.Ordered](get func(*Look, fleet.Row) T) func(*Look, fleet.Row, fleet.Row) int {
	return func(l *Look, a, b fleet.Row) int { return cmp.Compare(get(l, a), get(l, b)) }
}

func decimal[T int | int32 | int64 | uint32 | uint64](n T) string {
	if n < 0 {
		return strconv.FormatInt(int64(n), 10)
	}
	return strconv.FormatUint(uint64(n), 10)
}

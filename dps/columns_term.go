package dps

import (
	"slices"
	"strings"

	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// Whatever a condition can ask for is a column too, by the same name and in
// plain numbers, unless ps means something else by it.
const maxTermWidth = 16

// termWidths are those of words that are mostly long.
var termWidths = map[string]int{"proc": 20, "id": 56, "cgroup": 32, "exe": 24, "unit": 24, "image": 32, "pod": 36}

// termColumn is the column of a name of the language.
func termColumn(key string) (Column, bool) {
	term, ok := query.TermByName(key)
	if !ok {
		return Column{}, false
	}
	compare := query.Order([]query.Key{{Field: key}})
	c := Column{
		Key: key, Header: strings.ToUpper(key), Width: min(max(len(key), 8), maxTermWidth), Side: Left, Help: term.Help, Fields: strings.Join(term.Made, " "), Field: key, Own: true,
		Text: func(_ *Look, r fleet.Row) string { return orDash(Clean(term.Text(queried(r)))) },
		Compare: func(_ *Look, a, b fleet.Row) int {
			return compare(queried(a), queried(b))
		},
	}
	if term.Unit != "" {
		c.Help += ", " + term.Unit
	}
	if term.Number() {
		c.Side = Right
	}
	if width, ok := termWidths[key]; ok {
		c.Width = width
	}
	if term.Unit == "bytes/s" {
		c.Text = func(_ *Look, r fleet.Row) string {
			whole, _, _ := strings.Cut(term.Text(queried(r)), ".")
			return whole
		}
	}
	if key == "age" || key == "ended" {
		c.Width = 6
		c.Help = term.Help + ", seconds"
		c.Text = func(l *Look, r fleet.Row) string { return seconds(term.Text(queried(r))) }
	}
	return c, true
}

// seconds is a number of nanoseconds as whole seconds.
func seconds(ns string) string {
	const digits = len("000000000")
	switch {
	case ns == "-":
		return ns
	case len(ns) <= digits:
		return "0"
	}
	return ns[:len(ns)-digits]
}

func queried(r fleet.Row) query.Row { return query.Row{Host: r.Host.Queried(), Process: r.Process} }

// termColumns are those of names that no column has yet.
func termColumns(have []Column) []Column {
	var more []Column
	for _, term := range query.Terms() {
		if slices.ContainsFunc(have, func(c Column) bool { return c.Key == term.Name }) {
			continue
		}
		if c, ok := termColumn(term.Name); ok {
			more = append(more, c)
		}
	}
	return more
}

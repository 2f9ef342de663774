package query

import (
	"slices"
	"strings"
)

// rates are the fields that come of two samples.
func rates() []string {
	return []string{"rcpu", "rcpu_with_exited", "io_r", "io_w", "net_rx", "net_tx"}
}

// AsksRates tells whether a query asks for a rate by its name: as a field, to sort
// by, or in its condition. One for all fields does not.
func (q Query) AsksRates() bool {
	return slices.ContainsFunc(rates(), func(name string) bool {
		return slices.Contains(q.Fields, name) || strings.Contains(q.Where, name) ||
			slices.ContainsFunc(q.Sort, func(key Key) bool { return key.Field == name })
	})
}

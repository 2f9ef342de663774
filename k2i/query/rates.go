package query

import (
	"slices"
	"strings"

	"ddcos/k2i"
)

// rates are the fields that come of two samples.
func rates() []string {
	return []string{"rcpu", "rcpu_with_exited", "io_r", "io_w", "net_rx", "net_tx"}
}

// Needs are the fields that a host's rows must have to answer q: nil for all, as
// where a condition, or groups, are made of whatever they like.
func (q Query) Needs() []string {
	if len(q.Fields) == 0 || q.Where != "" || q.By != "" || q.Exited {
		return nil
	}
	needs := append(k2i.IdentityFields(), q.Fields...)
	for _, key := range q.Sort {
		t, ok := TermByName(key.Field)
		if !ok {
			return nil
		}
		needs = append(needs, t.Made...)
	}
	for name, listed := range map[string]bool{"ruid": len(q.Select.RUsers) > 0, "rgid": len(q.Select.RGroups) > 0} {
		if listed {
			needs = append(needs, name)
		}
	}
	if slices.ContainsFunc(needs, func(name string) bool { _, ok := k2i.FieldByName(name); return !ok }) {
		return nil
	}
	return append(needs, strings.Fields(selected)...)
}

// selected are what a selection may compare beside real users and groups.
const selected = "pid ppid sid user euid group egid comm tty_nr"

// AsksRates tells whether a query asks for a rate by its name: as a field, to sort
// by, or in its condition. One for all fields does not.
func (q Query) AsksRates() bool {
	return slices.ContainsFunc(rates(), func(name string) bool {
		return slices.Contains(q.Fields, name) || strings.Contains(q.Where, name) ||
			slices.ContainsFunc(q.Sort, func(key Key) bool { return key.Field == name })
	})
}

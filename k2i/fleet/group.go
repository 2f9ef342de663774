package fleet

import (
	"fmt"
	"maps"
	"slices"

	"ddcos/k2i/query"
)

// maxGroups is how many groups all hosts together may have. A host that would
// have one more has failed, and nobody else.
const maxGroups = 1 << 20

// group adds the hosts' groups up. A host is believed about its own processes
// and not about its name: a group by host is called as the host is here.
func (t *Table) group(replies []Reply, q query.Query, most int) {
	all := map[string]*query.Group{}
	for i := range replies {
		if t.Hosts[i].Status != StatusOK {
			continue
		}
		groups := replies[i].Answer.Groups
		if len(all)+len(groups) > most {
			t.Hosts[i].Status, t.Hosts[i].Err = StatusError, fmt.Sprintf("%d groups more than the %d of others are too many", len(groups), len(all))
			continue
		}
		for j := range groups {
			part := &groups[j]
			part.Hosts = 1
			if q.By == "host" {
				part.Key = t.Hosts[i].Name
			}
			sum := all[part.Key]
			if sum == nil {
				sum = query.NewGroup(part.Key)
				all[part.Key] = sum
			}
			sum.Merge(part)
		}
	}
	t.Groups = query.FirstGroups(slices.Collect(maps.Values(all)), q.Sort, q.Limit)
}

// GroupRows puts rows together as the agents would have done: for a caller that
// had to choose among them itself. The error is query.ErrTooManyGroups.
func GroupRows(rows []Row, q query.Query) ([]*query.Group, error) {
	groupers := map[*Host]*query.Grouper{}
	all := map[string]*query.Group{}
	for _, r := range rows {
		g := groupers[r.Host]
		if g == nil {
			var err error
			if g, err = query.NewGrouper(q.By, r.Host.Queried()); err != nil {
				return nil, err
			}
			groupers[r.Host] = g
		}
		if err := g.Add(r.Process); err != nil {
			return nil, err
		}
	}
	for _, g := range groupers {
		for _, part := range g.Groups() {
			if sum := all[part.Key]; sum != nil {
				sum.Merge(part)
			} else {
				all[part.Key] = part
			}
		}
	}
	return query.FirstGroups(slices.Collect(maps.Values(all)), q.Sort, q.Limit), nil
}

package fleet

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
)

// Ask puts q to every host of source and merges what comes back into one table:
// the hosts by name, the rows in q's order over all hosts (ties by host's name,
// pid and start) and at most q.Limit of them. Two hosts of the same name stay
// two. A host that gave no rows is in the table with the reason; the error is
// for a query that is wrong, or a source that could not be asked at all.
func Ask(ctx context.Context, source Source, q query.Query) (*Table, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	q.Fields = merged(q)
	asked := choiceOf(q)
	var replies []Reply
	var err error
	if s, ok := source.(Streamer); ok {
		sieve := newSieve(q, asked)
		replies, err = s.Stream(ctx, wire.Request{Query: q, Keep: sieve.keeps()}, sieve.take)
	} else {
		replies, err = source.Ask(ctx, wire.Request{Query: q})
	}
	if err != nil {
		return nil, err
	}
	return asked.table(replies, q, brokersOf(source)), nil
}

// AskEach is Ask for a query without order, limit or groups that calls each with
// the hosts that have answered and their rows, by pid, while others are awaited:
// one call at a time, before it returns. The table that it gives has every host,
// and the rows of those of whom each was not told: all of them where the source
// cannot hand them on.
func AskEach(ctx context.Context, source Source, q query.Query, each func(*Table)) (*Table, error) {
	s, ok := source.(Streamer)
	if !ok || len(q.Sort) > 0 || q.Limit > 0 || q.By != "" {
		return Ask(ctx, source, q)
	}
	if err := q.Check(); err != nil {
		return nil, err
	}
	q.Fields = merged(q)
	asked := choiceOf(q)
	var mu sync.Mutex // one call of each at a time
	replies, err := s.Stream(ctx, wire.Request{Query: q}, func(r Reply) Reply {
		if r.Status != StatusOK || r.Answer == nil || len(r.Answer.Processes) == 0 || !asked.has(&r) {
			return r
		}
		part := merge([]Reply{r}, q)
		mu.Lock()
		defer mu.Unlock()
		each(part)
		r.Answer.Processes = nil
		return r
	})
	if err != nil {
		return nil, err
	}
	return asked.table(replies, q, brokersOf(source)), nil
}

// merged are the fields that q asks for, with those that its order over all hosts
// is made of; none where it asks for the basic ones.
func merged(q query.Query) []string {
	if len(q.Fields) == 0 || q.By != "" {
		return q.Fields
	}
	needed := k2i.IdentityFields()
	for _, key := range q.Sort {
		if t, ok := query.TermByName(key.Field); ok {
			needed = append(needed, t.Made...)
		}
	}
	fields := slices.Clone(q.Fields)
	for _, name := range needed {
		if f, ok := k2i.FieldByName(name); ok && !f.In(fields) {
			fields = append(fields, name)
		}
	}
	return fields
}

// merge does not trust a host to have sorted or limited its rows: it does both
// again over all of them.
func merge(replies []Reply, q query.Query) *Table {
	table := &Table{Hosts: make([]*Host, 0, len(replies))}
	slices.SortStableFunc(replies, func(a, b Reply) int { return cmp.Compare(a.Host, b.Host) })
	if q.By != "" {
		for i := range replies {
			table.Hosts = append(table.Hosts, newHost(&replies[i]))
		}
		table.group(replies, q, maxGroups)
		return table
	}
	var rows []ranked
	for i := range replies {
		r := &replies[i]
		table.Hosts = append(table.Hosts, newHost(r))
		if r.Status != StatusOK || r.Answer == nil {
			continue
		}
		host := table.Hosts[i].Queried()
		rows = slices.Grow(rows, len(r.Answer.Processes)+len(r.rows))
		for j := range r.Answer.Processes {
			rows = append(rows, ranked{i, query.Row{Host: host, Process: &r.Answer.Processes[j]}})
		}
		for _, p := range r.rows {
			rows = append(rows, ranked{i, query.Row{Host: host, Process: p}})
		}
	}
	rows = query.First(rows, q.Limit, overHosts(q))
	table.Rows = make([]Row, len(rows))
	for i, r := range rows {
		table.Rows[i] = Row{Host: table.Hosts[r.host], Process: r.Process}
	}
	return table
}

// ranked is a row with its host's place in the order of names, which sorts
// faster than the name and tells apart two hosts that share one.
type ranked struct {
	host int
	query.Row
}

func overHosts(q query.Query) func(a, b ranked) int {
	byKeys := query.Order(q.Sort)
	return func(a, b ranked) int {
		if c := byKeys(a.Row, b.Row); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.host, b.host), query.ByIdentity(a.Process, b.Process))
	}
}

// newHost is what a reply says of its host.
func newHost(r *Reply) *Host {
	h := &Host{Name: r.Host, Status: r.Status, Err: r.Err, BusyCPUs: k2i.NoRate(), Lost: r.Lost}
	h.queried = &query.Host{Name: h.Name, Info: &h.Info}
	a := r.Answer
	if r.Status != StatusOK {
		return h
	}
	if a == nil {
		h.Status, h.Err = StatusError, "it said ok and gave no answer"
		return h
	}
	h.Age, h.Info, h.Mode, h.Visibility = time.Duration(a.AgeNS), a.Host, a.Mode, a.Visibility
	h.Missing, h.BusyCPUs, h.Events, h.Total = a.Missing, a.BusyCPUs, a.Events, a.Total
	h.Version, h.Labels = a.Version, a.Labels
	h.queried.Labels = a.Labels
	if !r.Asked.IsZero() {
		theirs := time.Unix(0, a.SampledNS).Add(h.Age)
		h.Offset, h.OffsetWithin = theirs.Sub(r.Asked.Add(r.Took/2)), max(r.Took/2, 1)
	}
	return h
}

// Queried is a host as the language of queries sees it.
func (h *Host) Queried() *query.Host {
	if h.queried == nil {
		h.queried = &query.Host{Name: h.Name, Info: &h.Info, Labels: h.Labels}
	}
	return h.queried
}

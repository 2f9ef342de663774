package wire

import (
	"context"
	"slices"
	"strings"

	"ddcos/k2i"
	"ddcos/k2i/query"
)

// Reader reads what no sample holds, of rows that are its caller's own, and says
// of how many it could not and why.
type Reader interface {
	Fill(ctx context.Context, rows []*k2i.Process, fields []string) []k2i.Gap
	Threads(ctx context.Context, processes []*k2i.Process) ([]*k2i.Process, []k2i.Gap)
}

// Demands tells whether a query asks for what has to be read first: fields of
// k2i.DemandGroup, or threads.
func Demands(q query.Query) bool {
	return !q.Exited && (q.Threads || len(demanded(q)) > 0)
}

// Demand gives the snapshot and the request that a request comes to once what it
// demands is read: the snapshot has the rows that were selected, filled in, or
// their threads, and what is left to the request is their order and number.
// They are snap and req where nothing is demanded, and without a Reader, when
// such fields stay unread. The errors are query.Run's.
func Demand(ctx context.Context, r Reader, snap *k2i.Snapshot, req Request) (*k2i.Snapshot, Request, error) {
	q := req.Query
	if r == nil || !Demands(q) || !q.Asks(query.HostOf(snap)) {
		return snap, req, nil
	}
	fields := demanded(q)
	selected := q
	selected.By = ""
	if mentioned(q.Where) {
		selected.Where = ""
	}
	if q.Threads && len(q.Sort) > 0 || q.By != "" || mentioned(q.Where) || slices.ContainsFunc(q.Sort, func(key query.Key) bool { return slices.Contains(fields, key.Field) }) {
		selected.Sort, selected.Limit = nil, 0 // what they are ordered by is not known yet; threads without an order begin with those of the first
	}
	found, err := query.Run(selected, snap)
	if err != nil {
		return nil, req, err
	}
	made := *snap
	made.Processes = copies(found)
	if len(fields) > 0 {
		made.Gaps = r.Fill(ctx, made.Processes, fields)
	}
	if q.Threads {
		var gaps []k2i.Gap
		made.Processes, gaps = r.Threads(ctx, made.Processes)
		made.Gaps = append(made.Gaps, gaps...)
		slices.SortFunc(made.Processes, query.ByIdentity)
	}
	q.Select = query.Selection{} // that is done
	if selected.Where != "" {
		q.Where = ""
	}
	return &made, Request{Version: req.Version, Query: q}, nil
}

// columnsFor are the fields that a query's rows have: those that it asks for, and
// what was read for it.
func columnsFor(q query.Query) columns {
	words := q.Fields
	if !Demands(q) {
		return columnsOf(words)
	}
	if len(words) == 0 {
		words = []string{k2i.BasicFields}
	}
	words = append(slices.Clone(words), demanded(q)...)
	if q.Threads {
		words = append(words, tidField)
	}
	return columnsOf(words)
}

// tidField is what rows of threads have besides.
const tidField = "tid"

// demanded are the fields of a query that have to be read on demand.
func demanded(q query.Query) []string {
	var names []string
	for _, f := range fields {
		sorts := slices.ContainsFunc(q.Sort, func(key query.Key) bool { return key.Field == f.Name })
		if f.Group == k2i.DemandGroup && f.Name != tidField &&
			(sorts || slices.Contains(q.Fields, f.Name) || slices.Contains(q.Fields, f.Group) || strings.Contains(q.Where, f.Name)) {
			names = append(names, f.Name)
		}
	}
	return names
}

// mentioned tells whether a condition may speak of a field that is read on
// demand; one that does so in a string only costs time.
func mentioned(where string) bool {
	return slices.ContainsFunc(fields, func(f k2i.Field) bool {
		return f.Group == k2i.DemandGroup && f.Name != tidField && strings.Contains(where, f.Name)
	})
}

func copies(rows []*k2i.Process) []*k2i.Process {
	own := make([]k2i.Process, len(rows))
	list := make([]*k2i.Process, len(rows))
	for i, p := range rows {
		own[i], list[i] = *p, &own[i]
	}
	return list
}

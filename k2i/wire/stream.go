package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
)

// streamBytes is what is kept of an answer before it is written.
const streamBytes = 32 << 10

// WriteJSON writes an Answer as JSON: one object, a row a line, while the rows
// are walked, so that a slow reader of a large table costs a buffer and not the
// table. The query of req has passed Check. Groups are in order, unlike those that are to be
// added to other hosts'. An error is the writer's own, or one that query.IsLimit
// knows: nothing is written then.
func WriteJSON(w io.Writer, snap *k2i.Snapshot, req Request, now time.Time) error {
	a, found, err := respond(snap, req.Query, now)
	if err != nil {
		return err
	}
	a.Groups = firstGroups(a.Groups, req.Query)
	head, err := json.Marshal(a)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, streamBytes) // it keeps its first error until Flush
	_, _ = out.Write(bytes.TrimSuffix(head, []byte("null}")))
	_, _ = out.WriteString("[\n")
	list := columnsFor(req.Query)
	for i, p := range found {
		line := out.AvailableBuffer()
		if i > 0 {
			line = append(line, ',')
		}
		if line, err = list.appendJSON(line, p); err != nil {
			return err
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	_, _ = out.WriteString("]}\n")
	return out.Flush()
}

// firstGroups are the groups that a query leaves of one host alone.
func firstGroups(groups Groups, q query.Query) Groups {
	list := make([]*query.Group, len(groups))
	for i := range groups {
		list[i] = &groups[i]
	}
	var first Groups
	for _, g := range query.FirstGroups(list, q.Sort, q.Limit) {
		first = append(first, *g)
	}
	return first
}

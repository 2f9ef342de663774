package dps

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// peerRow is a line of --peers: a connection, or all whose ends have a name in common.
type peerRow struct {
	Link        *fleet.Link // nil of several
	From, To    string      // what the ends are called
	Connections int
	Sent        k2i.Count // from From to To, as far as it is known
	Received    k2i.Count
}

// peerWords are what --peers takes after --by.
const peerWords = "host, process or comm"

// peerBy is what an end that somebody holds is called. Who is outside of the fleet
// is called by the address.
var peerBy = map[string]func(*fleet.End) string{
	"host":    func(e *fleet.End) string { return e.Host.Name },
	"process": endProcess,
	"comm":    func(e *fleet.End) string { return e.Holders[0].Comm },
}

// endProcess is host:pid and the command of the first that holds the socket.
func endProcess(e *fleet.End) string {
	return e.Host.Name + ":" + strconv.Itoa(int(e.Holders[0].PID)) + " " + e.Holders[0].Comm
}

// endProcesses is the same, and how many more hold it.
func endProcesses(e *fleet.End) string {
	text := endProcess(e)
	if more := len(e.Holders) - 1; more > 0 {
		text += " +" + strconv.Itoa(more)
	}
	return text
}

func endName(e *fleet.End, of func(*fleet.End) string) string {
	if e.Host == nil {
		return e.Addr.Addr().String()
	}
	return of(e)
}

// peerRows are the lines for links: in the order that is asked for, and as many.
func (c *Command) peerRows(links []fleet.Link) []peerRow {
	of := endProcesses
	if c.By != "" {
		of = peerBy[c.By]
	}
	rows := make([]peerRow, 0, len(links))
	for i := range links {
		l := &links[i]
		row := peerRow{Link: l, From: endName(&l.From, of), To: endName(&l.To, of), Connections: 1, Sent: l.Sent(), Received: l.Received()}
		if l.Ambiguous {
			row.markAmbiguous()
		}
		rows = append(rows, row)
	}
	if c.By != "" {
		rows = sumPeers(rows)
	}
	slices.SortStableFunc(rows, func(a, b peerRow) int {
		for _, key := range c.GroupSort {
			column := peerColumnByKey(key.Field)
			n := column.compare(&a, &b)
			if key.Descending {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return 0
	})
	if c.Limit > 0 {
		rows = rows[:min(len(rows), c.Limit)]
	}
	return rows
}

// markAmbiguous says beside the address why nobody is named.
func (r *peerRow) markAmbiguous() {
	if r.Link.From.Host == nil {
		r.From += " (several)"
	} else {
		r.To += " (several)"
	}
}

// sumPeers adds up rows with the same two names, in the order of these.
func sumPeers(rows []peerRow) []peerRow {
	type pair struct{ from, to string }
	place := map[pair]int{}
	var sums []peerRow
	for _, r := range rows {
		at, known := place[pair{r.From, r.To}]
		if !known {
			r.Link = nil
			place[pair{r.From, r.To}] = len(sums)
			sums = append(sums, r)
			continue
		}
		s := &sums[at]
		s.Connections++
		s.Sent, s.Received = addCounts(s.Sent, r.Sent), addCounts(s.Received, r.Received)
	}
	slices.SortFunc(sums, func(a, b peerRow) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return sums
}

// addCounts is the sum of what is known.
func addCounts(a, b k2i.Count) k2i.Count {
	if a < 0 || b < 0 {
		return max(a, b)
	}
	return a + b
}

// peerColumn is a column of --peers.
type peerColumn struct {
	key    string
	where  string // text, csv, or both; "sum" of those that groups have, too
	right  bool
	number func(*peerRow) k2i.Count // of what is one
	word   func(*peerRow) string
}

func (c *peerColumn) in(where string) bool { return strings.Contains(c.where, where) }

func (c *peerColumn) compare(a, b *peerRow) int {
	if c.number != nil {
		return cmp.Compare(c.number(a), c.number(b))
	}
	return strings.Compare(c.word(a), c.word(b))
}

// plain is the cell for programs.
func (c *peerColumn) plain(r *peerRow) string {
	if c.number != nil {
		return countText(c.number(r))
	}
	return Clean(c.word(r))
}

// endWord is a word about an end that somebody holds; "" about others.
func endWord(of func(*peerRow) *fleet.End, word func(*fleet.End) string) func(*peerRow) string {
	return func(r *peerRow) string {
		if e := of(r); e.Host != nil {
			return word(e)
		}
		return ""
	}
}

func peerEnds(name string, label func(*peerRow) string, of func(*peerRow) *fleet.End) []peerColumn {
	return []peerColumn{
		{key: name, where: "text sum", word: label},
		{key: name + "_host", where: "csv", word: endWord(of, func(e *fleet.End) string { return e.Host.Name })},
		{key: name + "_pid", where: "csv", word: endWord(of, func(e *fleet.End) string { return strconv.Itoa(int(e.Holders[0].PID)) })},
		{key: name + "_comm", where: "csv", word: endWord(of, func(e *fleet.End) string { return e.Holders[0].Comm })},
		{key: name + "_addr", where: "text csv", word: func(r *peerRow) string { return of(r).Addr.String() }},
		{key: name + "_port", number: func(r *peerRow) k2i.Count { return k2i.Count(of(r).Addr.Port()) }}, // for --sort
	}
}

// peerColumns are all, in their order.
func peerColumns() []peerColumn {
	return slices.Concat(
		peerEnds("from", func(r *peerRow) string { return r.From }, func(r *peerRow) *fleet.End { return &r.Link.From }),
		peerEnds("to", func(r *peerRow) string { return r.To }, func(r *peerRow) *fleet.End { return &r.Link.To }),
		[]peerColumn{
			{key: "state", where: "text csv", word: func(r *peerRow) string { return linkState(r.Link) }},
			{key: "connections", where: "sum", right: true, number: func(r *peerRow) k2i.Count { return k2i.Count(r.Connections) }},
			{key: "sent", where: "text csv sum", right: true, number: func(r *peerRow) k2i.Count { return r.Sent }},
			{key: "received", where: "text csv sum", right: true, number: func(r *peerRow) k2i.Count { return r.Received }},
			{key: "ambiguous", where: "csv", word: func(r *peerRow) string { return strconv.FormatBool(r.Link.Ambiguous) }},
		})
}

// linkState is that of both ends where they differ.
func linkState(l *fleet.Link) string {
	a, b := l.From.State, l.To.State
	if a == "" || b == "" || a == b {
		return cmp.Or(a, b)
	}
	return a + "/" + b
}

func peerColumnByKey(key string) peerColumn {
	all := peerColumns()
	if i := slices.IndexFunc(all, func(c peerColumn) bool { return c.key == key }); i >= 0 {
		return all[i]
	}
	return peerColumn{}
}

// sortPeers is --sort with --peers.
func (p *parser) sortPeers(list string) error {
	words, ok := items(list)
	if !ok {
		return usage("improper sort list")
	}
	for _, word := range words {
		key := query.Key{Field: strings.TrimLeft(word[:1], "+-") + word[1:], Descending: word[0] == '-'}
		column := peerColumnByKey(key.Field)
		if column.key == "" || p.out.By != "" && !column.in("sum") || p.out.By == "" && column.key == "connections" {
			return own(fmt.Sprintf("--peers --sort %q: want %s", Clean(key.Field), strings.Join(p.peerKeys(), ", ")))
		}
		p.out.GroupSort = append(p.out.GroupSort, key)
	}
	return nil
}

// peerKeys are what connections, or sums of them, are sorted by.
func (p *parser) peerKeys() []string {
	var keys []string
	for _, c := range peerColumns() {
		if p.out.By != "" && c.in("sum") || p.out.By == "" && c.key != "connections" {
			keys = append(keys, c.key)
		}
	}
	return keys
}

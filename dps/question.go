package dps

import (
	"bufio"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// Question is what is asked of a fleet beside what ps can say.
type Question struct {
	Where  string   // a condition; "" for none
	Procs  []string // conditions of which one is true
	By     string   // what makes groups; "" for processes
	On     string   // a pattern of hosts
	Labels map[string]string
	Fleet  bool   // the hosts themselves
	Peers  bool   // connections
	Links  string // a condition on these; "" for none

	GroupSort []query.Key   // of groups
	Output    string        // json, ndjson, csv; "" for text
	Watch     time.Duration // from one listing to the next; 0 for one alone
}

// condition is all that a process has to be.
func (q *Question) condition() string {
	switch one := strings.Join(q.Procs, " or "); {
	case one == "":
		return q.Where
	case q.Where == "":
		return one
	default:
		return joinAnd(one, q.Where)
	}
}

// asks tells whether a condition or groups stand alone: where nothing else selects
// they are of every process, not of those of this terminal.
func (c *Command) asks() bool {
	s := c.Select
	return (c.condition() != "" || c.By != "") && !s.simplyGiven() && !s.listed && !s.thisTerminal && len(s.groups) == 0 && !s.quick && !s.lists.Negate
}

// pattern is which hosts of a fleet are asked. With Via they are the fleet.
func (c *Command) pattern() string {
	if c.Via != "" {
		return ""
	}
	return c.On
}

// question checks what options say together.
func (p *parser) question() error {
	q := &p.out.Question
	if p.out.JSON {
		if q.Output != "" {
			return own("give one of --json, --ndjson and --csv")
		}
		q.Output = "json"
	}
	p.out.JSON = q.Output == "json"
	if err := p.peersAlone(); err != nil {
		return err
	}
	switch {
	case q.Fleet && q.By != "":
		return own("--fleet shows hosts, --by groups of processes: give one of them")
	case q.By != "" && (p.out.Tree != NoTree || p.out.ThreadsAlike || p.out.ThreadsBelow || p.asksFormat()):
		return own("--by shows sums, which have columns of their own: leave out formats, threads and trees")
	}
	ask := query.Query{Where: q.condition(), By: q.By, On: p.out.pattern(), Labels: q.Labels}
	if q.Peers {
		ask.By = "" // of connections, peersAlone has seen to it
	}
	if err := ask.Check(); err != nil {
		var at *query.Error
		if errors.As(err, &at) {
			return pointed("--proc", err)
		}
		return own(strings.TrimPrefix(Clean(err.Error()), "where: "))
	}
	return p.asNamed()
}

// asksFormat tells whether any option asks for columns.
func (p *parser) asksFormat() bool {
	return p.as != "" || slices.ContainsFunc(p.requests, func(r asked) bool { return r.how != askSort })
}

// sortGroups is --sort where there are groups.
func (p *parser) sortGroups(list string) error {
	words, ok := items(list)
	if !ok {
		return usage("improper sort list")
	}
	for _, word := range words {
		key := query.Key{Field: strings.TrimLeft(word[:1], "+-") + word[1:], Descending: word[0] == '-'}
		p.out.GroupSort = append(p.out.GroupSort, key)
	}
	if err := (query.Query{By: p.out.By, Sort: p.out.GroupSort}).Check(); err != nil {
		return own(Clean(err.Error()))
	}
	return nil
}

// query is what the agents are asked, where they are to settle as much as they
// can; and a condition that has to wait until something was settled here.
func (c *Command) query(p plan) (q query.Query, later string) {
	q = query.Query{Select: p.ask, Exited: c.Exited, SinceNS: c.Since.Nanoseconds(), On: c.pattern(), Labels: c.Labels}
	whole := p.keep == nil
	switch {
	case c.Fleet:
		q.Select, q.Where = query.Selection{}, "false"
		return q, ""
	case whole || c.Remote(): // what is settled here does not depend on other rows
		q.Where = c.condition()
	default:
		later = c.condition()
	}
	if c.By != "" {
		if whole {
			q.By, q.Sort, q.Limit = c.By, c.GroupSort, c.Limit
		}
		return q, later
	}
	if c.Remote() || later == "" {
		q.Fields = c.fields(p)
	}
	if keys, ok := c.agentKeys(); ok {
		q.Sort = keys
		if whole && !c.needsAll() {
			q.Limit = c.Limit
		}
	}
	return q, later
}

// AsksRates tells whether the command shows, sorts by or asks for a rate by its name.
func (c *Command) AsksRates() bool {
	q := query.Query{Where: c.condition(), Fields: FieldsOf(c.columns()), Sort: c.GroupSort}
	return !c.Peers && !c.Fleet && q.AsksRates()
}

// settle does with the rows what the agents were not asked for.
func (c *Command) settle(table *fleet.Table, later string) error {
	if later != "" {
		where, err := query.Compile(later)
		if err != nil {
			return err
		}
		all := table.Rows
		table.Rows = table.Rows[:0]
		for _, r := range all {
			if where.On(r.Host.Queried()).Match(r.Process) {
				table.Rows = append(table.Rows, r)
			}
		}
	}
	if c.By == "" || table.Groups != nil || len(table.Rows) == 0 {
		return nil
	}
	groups, err := fleet.GroupRows(table.Rows, query.Query{By: c.By, Sort: c.GroupSort, Limit: c.Limit})
	if err != nil {
		return err
	}
	table.Groups, table.Rows = groups, nil
	return nil
}

// write writes the listing as it is asked for.
func (l *Listing) write(out *bufio.Writer, table *fleet.Table) error {
	c := l.Command
	look := NewLook(table, l.location(), !c.Remote())
	if !c.Fleet && c.By == "" {
		l.show(table, look)
	}
	if c.Warning != "" {
		fmt.Fprintln(l.Stderr, c.Warning)
	}
	switch {
	case c.Output == "json":
		return c.writeJSON(out, table)
	case c.Output == "ndjson":
		return c.writeLines(out, table)
	case c.Output == "csv":
		return c.writeCSV(out, table, look)
	case c.Fleet:
		l.writeGrid(out, hostGrid(table))
	case c.By != "":
		l.writeGrid(out, groupGrid(c.By, table))
	default:
		l.writeText(out, table, look)
	}
	return nil
}

// exit is the status that a table ends with.
func (c *Command) exit(table *fleet.Table) int {
	return c.exitOf(table, len(table.Rows)+len(table.Groups))
}

// exitOf is the same where so many rows and groups were written.
func (c *Command) exitOf(table *fleet.Table, rows int) int {
	switch {
	case len(table.Failed()) > 0:
		return ExitPartial
	case c.Fleet && len(table.Hosts) > 0, rows > 0:
		return ExitOK
	}
	return ExitFailed
}

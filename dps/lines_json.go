package dps

import (
	"bufio"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// The records of --ndjson.
type (
	rowRecord struct {
		Record string `json:"record"` // row
		Host   string `json:"host"`
		*k2i.Process
	}
	groupRecord struct {
		Record string `json:"record"` // group
		By     string `json:"by"`
		*query.Group
	}
	hostRecord struct {
		Record string `json:"record"` // host
		jsonHost
	}
	endRecord struct {
		Record  string `json:"record"` // end
		Partial bool   `json:"partial"`
		Exit    int    `json:"exit"`
		Rows    int    `json:"rows"`
		Groups  int    `json:"groups"`
		Hosts   int    `json:"hosts"`

		Brokers []fleet.BrokerState `json:"brokers,omitempty"` // of several
	}
)

// writeLines writes a record a line: rows or groups first, then every host, and
// the end, without which a reader knows that something is missing.
func (c *Command) writeLines(out *bufio.Writer, table *fleet.Table) error {
	var err error
	write := recorder(out, &err)
	for _, r := range table.Rows {
		write(rowRecord{"row", r.Host.Name, r.Process})
	}
	for _, g := range table.Groups {
		write(groupRecord{"group", c.By, g})
	}
	if err != nil {
		return err
	}
	return c.writeEnd(out, table, len(table.Rows))
}

// writeEnd writes the records of the hosts and of the end, after so many rows.
func (c *Command) writeEnd(out *bufio.Writer, table *fleet.Table, rows int) error {
	var err error
	write := recorder(out, &err)
	for _, h := range table.Hosts {
		write(hostRecord{"host", jsonHostOf(h)})
	}
	groups := len(table.Groups)
	write(endRecord{"end", len(table.Failed()) > 0, c.exitOf(table, rows+groups), rows, groups, len(table.Hosts), table.Brokers})
	return err
}

// recorder writes a value a line, until the first error.
func recorder(out *bufio.Writer, err *error) func(v any) {
	return func(v any) {
		if *err == nil {
			if *err = writeSafe(out, v); *err == nil {
				*err = out.WriteByte('\n')
			}
		}
	}
}

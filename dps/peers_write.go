package dps

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"strings"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// The JSON forms of --peers.
type (
	jsonEnd struct {
		Address   string         `json:"address"`
		Port      uint16         `json:"port"`
		Host      *string        `json:"host"` // null where nobody in the fleet has told this end
		Processes []fleet.Holder `json:"processes"`
		State     string         `json:"state"`
		Listens   bool           `json:"listens"`
		NetNS     uint64         `json:"netns"`
	}
	jsonLink struct {
		From      jsonEnd   `json:"from"` // who opened it
		To        jsonEnd   `json:"to"`
		Sent      k2i.Count `json:"sent_bytes"`
		Received  k2i.Count `json:"received_bytes"`
		Ambiguous bool      `json:"ambiguous"` // several sockets could be the other end
	}
	jsonPair struct {
		From        string    `json:"from"`
		To          string    `json:"to"`
		Connections int       `json:"connections"`
		Sent        k2i.Count `json:"sent_bytes"`
		Received    k2i.Count `json:"received_bytes"`
	}
	linkRecord struct {
		Record string `json:"record"` // link
		jsonLink
	}
	pairRecord struct {
		Record string `json:"record"` // pair
		By     string `json:"by"`
		jsonPair
	}
)

func jsonEndOf(e *fleet.End) jsonEnd {
	j := jsonEnd{
		Address: e.Addr.Addr().String(), Port: e.Addr.Port(), State: e.State, Listens: e.Listens, NetNS: e.NetNS,
		Processes: append([]fleet.Holder{}, e.Holders...),
	}
	if e.Host != nil {
		j.Host = &e.Host.Name
	}
	return j
}

func jsonLinkOf(r *peerRow) jsonLink {
	return jsonLink{jsonEndOf(&r.Link.From), jsonEndOf(&r.Link.To), r.Sent, r.Received, r.Link.Ambiguous}
}

func jsonPairOf(r *peerRow) jsonPair {
	return jsonPair{r.From, r.To, r.Connections, r.Sent, r.Received}
}

// writePeers writes connections, or sums of them, as they are asked for.
func (l *Listing) writePeers(out *bufio.Writer, peers *fleet.Peers, rows []peerRow) error {
	c := l.Command
	switch c.Output {
	case "json":
		return c.writePeersJSON(out, peers, rows)
	case "ndjson":
		return c.writePeersLines(out, peers, rows)
	case "csv":
		return c.writePeersCSV(out, rows)
	}
	l.writeGrid(out, c.peerGrid(rows))
	return nil
}

// shownColumns are those of a form: text or csv.
func (c *Command) shownColumns(form string) []peerColumn {
	if c.By != "" {
		form = "sum"
	}
	var shown []peerColumn
	for _, column := range peerColumns() {
		if column.in(form) {
			shown = append(shown, column)
		}
	}
	return shown
}

func (c *Command) peerGrid(rows []peerRow) grid {
	var g grid
	columns := c.shownColumns("text")
	for _, column := range columns {
		g.headers, g.right = append(g.headers, strings.ToUpper(column.key)), append(g.right, column.right)
	}
	for i := range rows {
		var row []string
		for _, column := range columns {
			var text string
			switch n := column.number; {
			case n == nil:
				text = orDash(Clean(column.word(&rows[i])))
			case column.key == "connections":
				text = countText(n(&rows[i]))
			default:
				text = groupText("bytes", n(&rows[i]))
			}
			row = append(row, text)
		}
		g.rows = append(g.rows, row)
	}
	return g
}

func (c *Command) writePeersJSON(out *bufio.Writer, peers *fleet.Peers, rows []peerRow) error {
	if err := writeHead(out, peers.Hosts, peers.Brokers, len(peers.Failed()) > 0, exitPeers(peers, len(rows))); err != nil {
		return err
	}
	if c.By != "" {
		fmt.Fprintf(out, `,"by":%q`, c.By)
		return writeList(out, "pairs", rows, func(r peerRow) any { return jsonPairOf(&r) })
	}
	return writeList(out, "links", rows, func(r peerRow) any { return jsonLinkOf(&r) })
}

func (c *Command) writePeersLines(out *bufio.Writer, peers *fleet.Peers, rows []peerRow) error {
	var err error
	write := recorder(out, &err)
	end := endRecord{Record: "end", Partial: len(peers.Failed()) > 0, Exit: exitPeers(peers, len(rows)), Hosts: len(peers.Hosts), Brokers: peers.Brokers}
	for i := range rows {
		if c.By != "" {
			write(pairRecord{"pair", c.By, jsonPairOf(&rows[i])})
			end.Groups++
		} else {
			write(linkRecord{"link", jsonLinkOf(&rows[i])})
			end.Rows++
		}
	}
	for _, h := range peers.Hosts {
		write(hostRecord{"host", jsonHostOf(h)})
	}
	write(end)
	return err
}

func (c *Command) writePeersCSV(out *bufio.Writer, rows []peerRow) error {
	w := csv.NewWriter(out)
	columns := c.shownColumns("csv")
	cells := make([]string, len(columns))
	for i := range columns {
		cells[i] = columns[i].key
	}
	_ = w.Write(cells) // told by Error, as the others
	for i := range rows {
		for j := range columns {
			cells[j] = plainCell(columns[j].plain(&rows[i]))
		}
		_ = w.Write(cells)
	}
	w.Flush()
	return w.Error()
}

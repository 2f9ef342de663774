package dps

import (
	"bufio"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// jsonHost is one host in the JSON form.
type jsonHost struct {
	Host       string            `json:"host"`
	Status     fleet.Status      `json:"status"`
	Error      string            `json:"error"`
	AgeMS      *float64          `json:"age_ms"` // of its sample when it answered; null without an answer
	Mode       k2i.Mode          `json:"mode"`
	Visibility k2i.Visibility    `json:"visibility"`
	Events     k2i.Events        `json:"events"` // how complete the account of what ran is
	Total      int               `json:"total"`  // processes that could have been selected
	Version    string            `json:"version"`
	Labels     map[string]string `json:"labels"`
	OffsetMS   *float64          `json:"offset_ms"` // how far its clock is ahead of ours; null where that is not known
	WithinMS   *float64          `json:"offset_within_ms"`
	LostMS     *float64          `json:"lost_ms"` // how long ago it was lost; null where it was not
	HostID     k2i.HostID        `json:"host_id"`
}

func jsonHostOf(h *fleet.Host) jsonHost {
	j := jsonHost{
		Host: h.Name, Status: h.Status, Error: h.Err, Mode: h.Mode, Visibility: h.Visibility, Events: h.Events, Total: h.Total,
		Version: h.Version, Labels: h.Labels, HostID: h.Info.ID,
	}
	if h.Status == fleet.StatusOK {
		j.AgeMS = milliseconds(h.Age)
	}
	if h.OffsetWithin > 0 {
		j.OffsetMS, j.WithinMS = milliseconds(h.Offset), milliseconds(h.OffsetWithin)
	}
	if h.Status == fleet.StatusAbsent {
		j.LostMS = milliseconds(h.Lost)
	}
	return j
}

func milliseconds(d time.Duration) *float64 {
	ms := float64(d) / float64(time.Millisecond)
	return &ms
}

// jsonRow is a process with its host before it.
type jsonRow struct {
	Host string `json:"host"`
	*k2i.Process
}

// writeJSON writes one object, a row a line, row by row so that a large table is
// never held twice. Bytes that are not UTF-8 become U+FFFD.
func (c *Command) writeJSON(out *bufio.Writer, table *fleet.Table) error {
	if err := writeHead(out, table.Hosts, table.Brokers, len(table.Failed()) > 0, c.exit(table)); err != nil {
		return err
	}
	switch {
	case c.Fleet:
		_, err := out.WriteString("}\n")
		return err
	case c.By != "":
		fmt.Fprintf(out, `,"by":`)
		if err := writeSafe(out, c.By); err != nil {
			return err
		}
		return writeList(out, "groups", table.Groups, func(g *query.Group) any { return g })
	}
	return writeList(out, "rows", table.Rows, func(r fleet.Row) any { return jsonRow{Host: r.Host.Name, Process: r.Process} })
}

// writeHead begins an object with who was asked, and what became of that.
func writeHead(out *bufio.Writer, asked []*fleet.Host, brokers []fleet.BrokerState, partial bool, exit int) error {
	hosts := make([]jsonHost, 0, len(asked))
	for _, h := range asked {
		hosts = append(hosts, jsonHostOf(h))
	}
	_, _ = out.WriteString(`{"hosts":`)
	if err := writeSafe(out, hosts); err != nil {
		return err
	}
	if len(brokers) > 0 {
		_, _ = out.WriteString(`,"brokers":`)
		if err := writeSafe(out, brokers); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, `,"partial":%v,"exit":%d`, partial, exit)
	return err
}

// writeList writes a list as the last member of an object, an element a line.
func writeList[T any](out *bufio.Writer, name string, list []T, of func(T) any) error {
	fmt.Fprintf(out, `,"%s":[`, name)
	for i, one := range list {
		if i > 0 {
			_ = out.WriteByte(',')
		}
		_ = out.WriteByte('\n')
		if err := writeSafe(out, of(one)); err != nil {
			return err
		}
	}
	_, err := out.WriteString("]}\n")
	return err
}

// writeSafe writes one value as JSON that a terminal may show.
func writeSafe(out *bufio.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = out.Write(asciiControls(text))
	return err
}

// asciiControls escapes in JSON what Clean would not let pass, so that JSON may
// be read on a terminal too. Such characters stand in strings only.
func asciiControls(text []byte) []byte {
	if !slices.ContainsFunc(text, func(b byte) bool { return b > '~' }) {
		return text
	}
	safe := make([]byte, 0, len(text)+len(text)/8)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r < 0x7f || shown(r):
			safe = append(safe, text[:size]...)
		case r <= 0xffff:
			safe = fmt.Appendf(safe, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			safe = fmt.Appendf(safe, `\u%04x\u%04x`, high, low)
		}
		text = text[size:]
	}
	return safe
}

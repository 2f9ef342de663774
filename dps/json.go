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
)

// jsonHost is one host in the JSON form.
type jsonHost struct {
	Host       string         `json:"host"`
	Status     fleet.Status   `json:"status"`
	Error      string         `json:"error"`
	AgeMS      *float64       `json:"age_ms"` // of its sample when it answered; null without an answer
	Mode       k2i.Mode       `json:"mode"`
	Visibility k2i.Visibility `json:"visibility"`
	Events     k2i.Events     `json:"events"` // how complete the account of what ran is
	Total      int            `json:"total"`  // processes that could have been selected
}

// jsonRow is a process with its host before it.
type jsonRow struct {
	Host string `json:"host"`
	*k2i.Process
}

// writeJSON writes one object, a row a line, row by row so that a large table is
// never held twice. Bytes that are not UTF-8 become U+FFFD.
func writeJSON(out *bufio.Writer, table *fleet.Table) error {
	hosts := make([]jsonHost, 0, len(table.Hosts))
	for _, h := range table.Hosts {
		j := jsonHost{Host: h.Name, Status: h.Status, Error: h.Err, Mode: h.Mode, Visibility: h.Visibility, Events: h.Events, Total: h.Total}
		if h.Status == fleet.StatusOK {
			ms := float64(h.Age) / float64(time.Millisecond)
			j.AgeMS = &ms
		}
		hosts = append(hosts, j)
	}
	head, err := json.Marshal(hosts)
	if err != nil {
		return err
	}
	_, _ = out.WriteString(`{"hosts":`)
	_, _ = out.Write(asciiControls(head))
	_, _ = out.WriteString(`,"rows":[`)
	for i, r := range table.Rows {
		row, err := json.Marshal(jsonRow{Host: r.Host.Name, Process: r.Process})
		if err != nil {
			return err
		}
		if i > 0 {
			_ = out.WriteByte(',')
		}
		_ = out.WriteByte('\n')
		_, _ = out.Write(asciiControls(row))
	}
	_, err = out.WriteString("]}\n")
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

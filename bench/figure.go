package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Figure is one measured number beside a peer's, as --json prints it.
type Figure struct {
	Name      string  `json:"name"`
	Value     float64 `json:"value"`
	Unit      string  `json:"unit"`
	Peer      string  `json:"peer"`           // none: nothing to compare with
	PeerValue float64 `json:"peer_value"`     // in the same unit
	Ratio     float64 `json:"ratio"`          // ours / the peer's
	Runs      int     `json:"runs,omitempty"` // of which value and peer_value are the medians; none: of one
	Low       float64 `json:"low,omitempty"`  // the lowest ratio of those runs, or value where there is no peer
	High      float64 `json:"high,omitempty"` // and the highest
	Note      string  `json:"note,omitempty"` // what a reader has to know to judge it
}

// A point is one number that is taken of every subject.
type point struct {
	name, unit string
	value      func(*subject) float64
}

// callFigures are how long calls took.
func callFigures(subjects []*subject) []Figure {
	return compare(subjects, []point{
		{"call-p50", "ms", func(s *subject) float64 { return milliseconds(s.latencies.ValueAtQuantile(50)) }},
		{"call-p99", "ms", func(s *subject) float64 { return milliseconds(s.latencies.ValueAtQuantile(99)) }},
		{"call-max", "ms", func(s *subject) float64 { return milliseconds(s.latencies.Max()) }},
	})
}

// compare puts the first subject beside each of the others.
func compare(subjects []*subject, points []point) []Figure {
	ours, others := subjects[0], subjects[1:]
	var all []Figure
	for _, p := range points {
		f := Figure{Name: p.name, Value: p.value(ours), Unit: p.unit}
		if len(others) == 0 {
			all = append(all, f)
		}
		for _, peer := range others {
			f.Peer, f.PeerValue, f.Note = peer.name, p.value(peer), peer.remark(ours)
			f.Ratio = ratio(f.Value, f.PeerValue)
			all = append(all, f)
		}
	}
	return all
}

func milliseconds(ns int64) float64 { return float64(ns) / 1e6 }

// remark is what a reader has to know of this peer beside ours.
func (s *subject) remark(ours *subject) string {
	note := s.note
	if s.transport != ours.transport {
		note += "; its figures are over " + s.transport
	}
	if c, ok := s.caller.(interface{ remark() string }); ok {
		note += c.remark()
	}
	return note
}

// report prints the figures, as objects or as a table.
func (o Setting) report(title string, figures []Figure) error {
	if !o.JSON {
		return writeTable(o.Out, title, figures)
	}
	return writeLines(o.Out, figures)
}

// writeLines prints figures for programs, an object a line.
func writeLines(w io.Writer, figures []Figure) error {
	e := json.NewEncoder(w)
	for _, f := range figures {
		if err := e.Encode(f); err != nil {
			return err
		}
	}
	return nil
}

// spread tells how far the ratios of several runs lie apart.
func (f Figure) spread() string {
	if f.Runs < 2 || f.Peer == "" {
		return ""
	}
	return fmt.Sprintf(" (%.2f to %.2f)", f.Low, f.High)
}

// writeTable prints figures for people, a line each, and each note once.
func writeTable(w io.Writer, title string, figures []Figure) error {
	var b strings.Builder
	b.WriteString(title + "\n")
	t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "FIGURE\tOURS\tPEER\tITS FIGURE\tRATIO") // a Builder does not fail
	var notes []string
	for _, f := range figures {
		ours := fmt.Sprintf("%s\t%.3f %s", f.Name, f.Value, f.Unit)
		if f.Peer == "" {
			_, _ = fmt.Fprintf(t, "%s\t-\t-\t-\n", ours)
		} else {
			_, _ = fmt.Fprintf(t, "%s\t%s\t%.3f %s\t%.2f%s\n", ours, f.Peer, f.PeerValue, f.Unit, f.Ratio, f.spread())
		}
		if f.Note != "" && !strings.Contains(strings.Join(notes, "\n"), f.Note) {
			notes = append(notes, f.Note)
		}
	}
	_ = t.Flush()
	for _, note := range notes {
		b.WriteString(note + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

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
	Peer      string  `json:"peer,omitempty"`       // none: nothing to compare with
	PeerValue float64 `json:"peer_value,omitempty"` // in the same unit
	Ratio     float64 `json:"ratio,omitempty"`      // ours / the peer's
	Note      string  `json:"note,omitempty"`       // what a reader has to know to judge it
}

// callFigures compares the first subject with each of the others.
func callFigures(subjects []*subject) []Figure {
	ours, others := subjects[0], subjects[1:]
	points := []struct {
		name  string
		value func(*subject) float64 // ms
	}{
		{"call-p50", func(s *subject) float64 { return milliseconds(s.latencies.ValueAtQuantile(50)) }},
		{"call-p99", func(s *subject) float64 { return milliseconds(s.latencies.ValueAtQuantile(99)) }},
		{"call-max", func(s *subject) float64 { return milliseconds(s.latencies.Max()) }},
	}
	var all []Figure
	for _, p := range points {
		f := Figure{Name: p.name, Value: p.value(ours), Unit: "ms"}
		if len(others) == 0 {
			all = append(all, f)
		}
		for _, peer := range others {
			f.Peer, f.PeerValue, f.Note = peer.name, p.value(peer), peer.remark(ours)
			f.Ratio = f.Value / f.PeerValue
			all = append(all, f)
		}
	}
	return all
}

func milliseconds(ns int64) float64 { return float64(ns) / 1e6 }

// remark is what a reader has to know of this peer beside ours.
func (s *subject) remark(ours *subject) string {
	if s.transport != ours.transport {
		return s.note + "; it has no Unix sockets: its figures are over " + s.transport
	}
	return s.note
}

// report prints the figures, as objects or as a table.
func (o CallOptions) report(subjects []*subject) error {
	figures := callFigures(subjects)
	if o.JSON {
		e := json.NewEncoder(o.Out)
		for _, f := range figures {
			if err := e.Encode(f); err != nil {
				return err
			}
		}
		return nil
	}
	title := fmt.Sprintf("A call to %d members over %s, %d bytes each way: %d calls in %d rounds, every account complete.",
		o.Members, o.Transport, o.Bytes, o.Calls, o.Rounds)
	return writeTable(o.Out, title, figures)
}

// writeTable prints figures for people, a line each, and each note once.
func writeTable(w io.Writer, title string, figures []Figure) error {
	var b strings.Builder
	b.WriteString(title + "\n")
	t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "FIGURE\tMIDDLECON\tPEER\tITS FIGURE\tRATIO") // a Builder does not fail
	var notes []string
	for _, f := range figures {
		ours := fmt.Sprintf("%s\t%.3f %s", f.Name, f.Value, f.Unit)
		if f.Peer == "" {
			_, _ = fmt.Fprintf(t, "%s\t-\t-\t-\n", ours)
			continue
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%.3f %s\t%.2f\n", ours, f.Peer, f.PeerValue, f.Unit, f.Ratio)
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

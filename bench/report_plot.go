package bench

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"ddcos/bench/chart"
)

// plotted is one picture of a step.
type plotted struct{ title, file string }

// drawing is how the curves, or the bars, of one name are drawn.
type drawing struct {
	name  string // of the curves; or else of the figure whose values are bars
	bars  bool
	chart chart.Chart
}

func drawings() []drawing {
	return []drawing{
		{name: "call", chart: chart.Chart{Title: "A call to all members", X: "percent of the calls", Y: "took at most, ms", Percentiles: true, Log: true}},
		{name: "one", chart: chart.Chart{Title: "One member: a message and its reply", X: "percent of the messages", Y: "took at most, µs", Percentiles: true, Log: true}},
		{name: "stream", chart: chart.Chart{Title: "One member, many messages in flight", X: "percent of the messages", Y: "took at most, µs", Percentiles: true, Log: true}},
		{name: "stream-rate", bars: true, chart: chart.Chart{Title: "One member, many messages in flight", Y: "messages a second"}},
		{name: "idle-session", bars: true, chart: chart.Chart{Title: "An idle session's share of the broker's memory", Y: "bytes", Log: true}},
		{name: "storm", chart: chart.Chart{Title: "After the broker was killed", X: "seconds since", Y: "percent of the clients are back"}},
		{name: "full-resume-max", bars: true, chart: chart.Chart{Title: "After the file table was full: the longest until somebody was accepted", Y: "ms", Log: true}},
		{name: "k2i-pass", bars: true, chart: chart.Chart{Title: "One look at all processes", Y: "ms", Log: true}},
		{name: "k2i-steady-cpu", bars: true, chart: chart.Chart{Title: "A look at 500 processes every second", Y: "percent of a core", Log: true}},
		{name: "stuck", chart: chart.Chart{Title: "Members beside some that are stopped", X: "percent of the replies", Y: "came within, ms", Percentiles: true, Log: true}},
	}
}

// plot draws what has been measured, and says which pictures belong to which step.
func (o ReportOptions) plot(all []measured) (map[string][]plotted, error) {
	pictures := map[string][]plotted{}
	for _, m := range all {
		for _, d := range drawings() {
			file := m.name + ".svg"
			if d.name != m.name && len(pictures[m.name]) > 0 {
				file = m.name + "-" + d.name + ".svg"
			}
			drawn, err := d.draw(filepath.Join(o.Dir, file), m)
			if err != nil {
				return nil, err
			}
			if drawn {
				pictures[m.name] = append(pictures[m.name], plotted{d.chart.Title, file})
			}
		}
	}
	return pictures, nil
}

// draw draws what a step has of it; false: it has nothing.
func (d drawing) draw(path string, m measured) (bool, error) {
	lines, bars := m.lines(d.name), m.bars(d.name)
	if d.bars && len(bars) == 0 || !d.bars && len(lines) == 0 {
		return false, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return false, err
	}
	if d.bars {
		err = chart.Bars(file, d.chart, bars)
	} else {
		err = chart.Lines(file, d.chart, lines)
	}
	return true, errors.Join(err, file.Close())
}

func (m measured) lines(name string) []chart.Line {
	var all []chart.Line
	for _, c := range m.curves {
		if c.name == name {
			all = append(all, chart.Line{Name: c.system, X: c.x, Y: c.y})
		}
	}
	return all
}

// oursIn is what a figure is about.
func oursIn(figure string) string {
	if strings.HasPrefix(figure, "k2i-") {
		return "k2i"
	}
	return middleconName
}

// bars are the values of one figure, ours first.
func (m measured) bars(name string) []chart.Bar {
	var all []chart.Bar
	for _, f := range m.figures {
		if f.Name != name {
			continue
		}
		if len(all) == 0 && f.Value > 0 {
			all = append(all, chart.Bar{Name: oursIn(name), Value: f.Value})
		}
		if f.Peer != "" && f.PeerValue > 0 {
			all = append(all, chart.Bar{Name: f.Peer, Value: f.PeerValue})
		}
	}
	return all
}

package dtop

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"ddcos/dps"
	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// maxFailures is how many failed hosts the screen names; dps names all of them.
const maxFailures = 4

// minHostRows is how many rows of processes a small screen keeps, whatever failed.
const minHostRows = 3

// View is the screen as lines, at most Height of them and Width wide. It depends
// on the state alone.
func View(s *State) string {
	if s.Help {
		return strings.Join(s.help(), "\n")
	}
	lines := s.head()
	rows := s.rows()
	if s.Table != nil {
		layout := s.layout()
		lines = append(lines, s.header(layout))
		end := min(s.offset+s.page(), len(rows))
		for i := s.offset; i < end; i++ {
			lines = append(lines, s.row(layout, i))
		}
	}
	foot := s.foot()
	for s.Height > 0 && len(lines)+len(foot) < s.Height {
		lines = append(lines, "")
	}
	return strings.Join(s.clip(append(lines, foot...)), "\n")
}

// clip leaves what fits a screen.
func (s *State) clip(lines []string) []string {
	if s.Height > 0 && len(lines) > s.Height {
		return lines[:s.Height]
	}
	return lines
}

// layout fits the columns to the hosts.
func (s *State) layout() *dps.Layout {
	return dps.NewLayout(s.cells, s.Table, dps.NewLook(s.Table, time.Local, false), s.Width)
}

// header is the line of column names, in reverse video.
func (s *State) header(layout *dps.Layout) string {
	line := s.cut(layout.Header())
	if s.Plain {
		return line
	}
	return lipgloss.NewStyle().Reverse(true).Render(s.fill(line))
}

// row is one process; the selected one is in reverse video, or marked where there are no styles.
func (s *State) row(layout *dps.Layout, i int) string {
	line := s.cut(layout.Line(s.rows()[i]))
	switch {
	case !s.pinned || pinOf(s.rows()[i]) != s.selected:
		return s.tinted(line, s.rows()[i].Process)
	case s.Plain:
		return s.fill(line) + " <"
	}
	return lipgloss.NewStyle().Reverse(true).Bold(true).Render(s.fill(line))
}

// tinted is a line in the colour that its process has in dps.
func (s *State) tinted(line string, p *k2i.Process) string {
	if on := dps.Tint(p); on != "" && !s.Plain && !s.Colorless {
		return on + line + dps.TintOff
	}
	return line
}

// head is what stands above the table: a summary, and the hosts that gave no rows.
func (s *State) head() []string {
	if s.Table == nil {
		if s.Err != nil {
			return []string{s.warn("no answer: " + dps.Clean(s.Err.Error()))}
		}
		return []string{"asking the hosts"}
	}
	lines := []string{s.cut(s.summary())}
	if s.Err != nil {
		lines = append(lines, s.warn(fmt.Sprintf("no answer since %s: %s", s.At.Format(time.TimeOnly), dps.Clean(s.Err.Error()))))
	}
	troubles := s.troubles()
	room := maxFailures
	if s.Height > 0 {
		room = max(min(room, s.Height-minHostRows-len(lines)-2), 1)
	}
	if more := len(troubles) - room + 1; more > 1 {
		troubles = append(troubles[:room-1], fmt.Sprintf("and %d more hosts failed; dps names all", more))
	}
	for _, text := range troubles {
		lines = append(lines, s.warn(text))
	}
	return lines
}

// troubles are lines about brokers that were of no use, whose hosts may be known to
// nobody, and about hosts that gave no rows.
func (s *State) troubles() []string {
	lines := dps.BrokerFailures(s.Table.Brokers)
	for _, h := range s.Table.Failed() {
		lines = append(lines, dps.Failure(h))
	}
	return lines
}

// summary is the first line: when, how many hosts, processes, CPUs and memory.
func (s *State) summary() string {
	t := sum(s.Table)
	at := "dtop " + s.At.Format(time.TimeOnly)
	if s.Paused {
		at += " PAUSED" // where no screen is too narrow for it
	}
	parts := []string{at, hostsText(t) + s.brokersText(), fmt.Sprintf("%d processes", t.processes), cpusText(t)}
	if t.memory > 0 {
		parts = append(parts, fmt.Sprintf("%.1f of %.1f GiB used", gib(t.used), gib(t.memory)))
	}
	return strings.Join(parts, " | ")
}

func hostsText(t totals) string {
	text := plural(t.ok, "host")
	if t.failed > 0 {
		text += fmt.Sprintf(", %d failed", t.failed)
	}
	return text
}

// brokersText tells how many brokers were of no use.
func (s *State) brokersText() string {
	bad := len(dps.BrokerFailures(s.Table.Brokers))
	if bad == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of %s failed", bad, plural(len(s.Table.Brokers), "broker"))
}

func cpusText(t totals) string {
	if t.measured == 0 {
		return fmt.Sprintf("- of %d CPUs busy", t.cpus)
	}
	return fmt.Sprintf("%.2f of %d CPUs busy", t.busy, t.cpus)
}

// foot is the last line: the sort key, and the keys that matter most.
func (s *State) foot() []string {
	if s.Height == 0 {
		return nil
	}
	if s.typing {
		return s.condition()
	}
	direction := "up"
	if s.descending() {
		direction = "down"
	}
	text := fmt.Sprintf("by %s, %s | every %v | q quit  ? help  r reverse  / where  space pause", sorts[s.Sort].name, direction, s.Interval)
	if s.Where != "" {
		text = "where " + dps.Clean(s.Where) + " | " + text
	}
	for _, o := range sorts {
		text += "  " + o.key + " " + o.name
	}
	return []string{s.cut(text)}
}

// help is the part of the help that fits the screen, and how to see the rest.
func (s *State) help() []string {
	lines := helpLines()
	if s.Height == 0 || len(lines) <= s.Height {
		return lines
	}
	page := s.Height - 1
	top := min(s.helpTop, len(lines)-page)
	return append(lines[top:top+page:top+page], fmt.Sprintf("  %d of %d lines; up and down show the others", page, len(lines)))
}

// helpLines is the table of keys, for people.
func helpLines() []string {
	lines := []string{"dtop shows the processes of many hosts, live. Its keys:", ""}
	for _, b := range bindings() {
		lines = append(lines, fmt.Sprintf("  %-14s %s", strings.Join(b.keys, " "), b.help))
	}
	return append(lines, fmt.Sprintf("  %-14s %s", strings.Join(quitKeys, " "), "quit"))
}

// totals are sums over the hosts that answered.
type totals struct {
	ok, failed, processes, cpus int
	measured                    int     // hosts whose CPU rate is known
	busy                        float64 // CPUs
	memory, used                uint64  // bytes
}

func sum(table *fleet.Table) totals {
	var t totals
	for _, h := range table.Hosts {
		if h.Status != fleet.StatusOK {
			t.failed++
			continue
		}
		t.ok++
		t.processes += h.Total
		t.cpus += h.Info.CPUs
		t.memory += h.Info.MemTotalBytes
		t.used += h.Info.MemTotalBytes - min(h.Info.MemAvailableBytes, h.Info.MemTotalBytes)
		if h.BusyCPUs.Known() {
			t.measured++
			t.busy += float64(h.BusyCPUs)
		}
	}
	return t
}

func gib(bytes uint64) float64 { return float64(bytes) / (1 << 30) }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// cut shortens a line to the screen.
func (s *State) cut(line string) string {
	if s.Width <= 0 {
		return line
	}
	return dps.Cut(line, s.Width)
}

// fill pads a line to the screen, so that its style reaches the edge.
func (s *State) fill(line string) string {
	return line + strings.Repeat(" ", max(s.Width-dps.Width(line), 0))
}

// warn is a line that should be seen.
func (s *State) warn(text string) string {
	text = s.cut(text)
	if s.Plain {
		return text
	}
	style := lipgloss.NewStyle().Bold(true)
	if !s.Colorless {
		style = style.Foreground(lipgloss.Red)
	}
	return style.Render(text)
}

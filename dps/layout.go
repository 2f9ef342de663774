package dps

import (
	"slices"
	"strings"

	"ddcos/k2i/fleet"
)

// Limits of a line.
const (
	minPIDWidth  = 5
	minHostWidth = 4
	maxHostWidth = 64 // HOST_NAME_MAX
	minLastWidth = 3  // what a last column gets on a screen that is too narrow, else the line wraps
)

// Cell is a column as one listing shows it.
type Cell struct {
	Column

	// Fixed is set where the width was given with the keyword: a wider header
	// then does not widen the column.
	Fixed bool

	short     bool // masks have half their digits
	rightward bool // what stands left as a rule stands right: ids instead of names
}

// Layout is the columns of one listing with their final widths.
type Layout struct {
	cells  []Cell
	look   *Look
	screen int
}

// NewLayout fits cells to the hosts and rows of table: ids get the digits that
// the largest pid of any host needs, HOST the longest name. screen is the width
// of a line, 0 for no limit.
func NewLayout(cells []Cell, table *fleet.Table, look *Look, screen int) *Layout {
	fitted := make([]Cell, len(cells))
	for i, c := range cells {
		switch {
		case c.Fixed:
		case c.PIDs:
			c.Width = max(c.Width, pidWidth(table))
		case c.Key == HostKey:
			c.Width = max(Width(c.Header), hostWidth(table))
		}
		fitted[i] = c
	}
	shortenMasks(fitted, screen)
	return &Layout{cells: fitted, look: look, screen: screen}
}

// shortenMasks gives the masks of signals half their digits where that saves
// lines of the screen; a last column that may run on counts for little.
func shortenMasks(cells []Cell, screen int) {
	total, saved := len(cells)-1, 0
	for i, c := range cells {
		switch {
		case i == len(cells)-1 && c.Side == Open:
			total += minLastWidth
		case c.Mask:
			total += c.Width + maskWidth - shortWidth
			saved += maskWidth - shortWidth
		default:
			total += c.Width
		}
	}
	short := screen > 0 && (total-1)/screen > (total-saved-1)/screen
	for i := range cells {
		c := &cells[i]
		c.short = c.Mask && short
		if c.Mask && !c.short {
			c.Width += maskWidth - shortWidth
		}
	}
}

// pidWidth is the number of digits of the largest pid that any host allows.
func pidWidth(table *fleet.Table) int {
	var most int64
	for _, h := range table.Hosts {
		most = max(most, h.Info.PIDMax)
	}
	return max(minPIDWidth, len(decimal(most)))
}

// hostWidth is that of the longest name among the hosts that gave rows.
func hostWidth(table *fleet.Table) int {
	width := minHostWidth
	for _, h := range table.Hosts {
		if h.Status == fleet.StatusOK {
			width = max(width, Width(Clean(h.Name)))
		}
	}
	return min(width, maxHostWidth)
}

// Header is the line of headers, "" where every header is empty.
func (l *Layout) Header() string {
	if !slices.ContainsFunc(l.cells, func(c Cell) bool { return c.Header != "" }) {
		return ""
	}
	return l.headers()
}

// headers is the line of headers, also where all are empty.
func (l *Layout) headers() string {
	return l.line(func(c *Cell, _ int) string { return Clean(c.Header) })
}

// Line is one process.
func (l *Layout) Line(r fleet.Row) string {
	var line part
	if e := l.look.extras[r.Process]; e != nil {
		line = e.line
	}
	return l.line(func(c *Cell, room int) string {
		if !c.told(line) {
			return "-"
		}
		text := c.Text(l.look, r)
		if c.short {
			text = shortMask(text)
		}
		return c.fit(text, room)
	})
}

// line sets texts at the places of their columns. A text that is wider than its
// column pushes on what follows, and what follows gives up its padding for it.
// room is how far the last column may run, -1 for without end, 0 elsewhere.
func (l *Layout) line(text func(c *Cell, room int) string) string {
	var b strings.Builder
	place, at := 0, 0 // where the column begins, where the line is
	for i := range l.cells {
		c := &l.cells[i]
		room := 0
		if i == len(l.cells)-1 {
			room = l.room(max(place, at+min(i, 1)))
		}
		s := text(c, room)
		width := Width(s)
		start := place
		switch {
		case c.Side == Right, c.rightward:
			start += max(c.Width-width, 0)
		case c.short:
			start += max(shortWidth-width, 0)
		case c.Mask:
			start += max(maskWidth-width, 0)
		}
		if i > 0 {
			start = max(start, at+1)
		}
		b.WriteString(strings.Repeat(" ", start-at))
		b.WriteString(s)
		at = start + width
		place += c.Width + 1
	}
	return b.String()
}

// room is what a line leaves to its last column. Where nearly nothing is left the
// line is let wrap.
func (l *Layout) room(at int) int {
	if l.screen <= 0 {
		return -1
	}
	left := l.screen - at%l.screen
	if left < minLastWidth {
		left += l.screen
	}
	return left
}

// fit cuts the texts of those columns that are cut; room as for line.
func (c *Cell) fit(s string, room int) string {
	if c.Side != Name && c.Side != Open || room < 0 {
		return s
	}
	width := c.Width
	if room > 0 {
		width = room
	}
	if c.Side == Name && Width(s) > width {
		return Cut(s, width-1) + "+"
	}
	return Cut(s, width)
}

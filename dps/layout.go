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
	maxHostWidth = 64        // HOST_NAME_MAX
	minLastWidth = 3         // what a last column that may run on asks of the screen
	maxLine      = 128 << 10 // columns of a line where the screen sets no limit, as in ps
	maxGap       = 144       // blanks between two columns, as in ps
)

// Cell is a column as one listing shows it.
type Cell struct {
	Column

	// Fixed is set where the width was given with the keyword: a wider header
	// then does not widen the column.
	Fixed bool

	filler    bool // the text between the codes of AIX: its header, in every line
	rightward bool // what stands left as a rule stands right: ids instead of names
	names     bool // signals by name instead of a mask
}

// Layout is the columns of one listing with their final widths. It is for one goroutine,
// as its Look is.
type Layout struct {
	Delimiter string // stands between columns instead of blanks; "" for blanks

	cells  []Cell
	look   *Look
	active int  // columns of a line: the screen's, or a multiple where the cells need more
	wide   bool // masks have all their digits
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
		if c.Mask && look.SignalNames {
			c.Mask, c.names, c.Side, c.Width = false, true, Open, max(c.Width, signalNamesWidth)
		}
		fitted[i] = c
	}
	l := &Layout{cells: fitted, look: look}
	l.fill(screen)
	return l
}

// fill takes as many lines of the screen for one of the listing as its columns
// need, and gives the masks of signals all their digits where that leaves room.
func (l *Layout) fill(screen int) {
	total, masks, gap := 0, 0, 0
	for i, c := range l.cells {
		switch {
		case c.filler:
			total += c.Width
			gap = 0
			continue
		case c.Side == Open && i == len(l.cells)-1:
			total += minLastWidth
		default:
			total += c.Width
		}
		if c.Mask {
			masks++
		}
		total += gap
		gap = 1
	}
	if screen <= 0 || screen > maxLine {
		screen = maxLine
	}
	l.active = screen
	for l.active < total && l.active < maxLine/2 {
		l.active += screen
	}
	l.wide = total+masks*(maskWidth-shortWidth) <= l.active
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
	if !slices.ContainsFunc(l.cells, func(c Cell) bool { return c.Header != "" && !c.filler }) {
		return ""
	}
	return l.headers()
}

// headers is the line of headers, also where all are empty. Their bytes count,
// not their characters, as in ps.
func (l *Layout) headers() string {
	return string(l.line(nil, func(c *Cell, _ int) (string, int) { return l.look.clean(c.Header), len(c.Header) }))
}

// Line is one process.
func (l *Layout) Line(r fleet.Row) string { return string(l.Append(nil, r)) }

// Append is Line behind b.
func (l *Layout) Append(b []byte, r fleet.Row) []byte {
	var line part
	if e := l.look.extras[r.Process]; e != nil {
		line = e.line
	}
	return l.line(b, func(c *Cell, room int) (string, int) { return l.text(c, r, line, room) })
}

// text is what a cell shows of a process in room columns, and how many it takes.
func (l *Layout) text(c *Cell, r fleet.Row, line part, room int) (string, int) {
	switch {
	case c.filler:
		return l.look.clean(c.Header), len(c.Header)
	case !c.told(line):
		return "-", 1
	}
	text := c.Text(l.look, r)
	switch {
	case c.names:
		text = signalNames(text, room)
	case c.Mask && !l.wide:
		text = shortMask(text)
	case c.Tree:
		text = l.look.command(c, r, text, room)
	default:
		text = c.fit(text, room)
	}
	return text, Width(text)
}

// line sets texts behind b, at the places of their columns. A text that is wider than its
// column pushes on what follows, and what follows gives up its padding for it.
func (l *Layout) line(b []byte, text func(c *Cell, room int) (string, int)) []byte {
	if l.Delimiter != "" {
		return append(b, l.delimited(text)...)
	}
	place, at, gap := 0, 0, 0 // where the column begins, where the line is, what must stand between
	for i := range l.cells {
		c, last := &l.cells[i], i == len(l.cells)-1
		room, slack := c.Width, 0
		if last {
			slack = place - at
			if slack < 1 {
				slack = gap
			}
			room = l.active - at - slack
		}
		beyond := last && room < 0 // pushed off the screen, it is not cut, as in ps
		if beyond {
			room = maxLine
		}
		s, width := text(c, min(max(room, 0), maxLine-1))
		if (c.Side == Open || c.Side == Cropped && !c.rightward) && l.active-at-slack < 1 && !beyond {
			s = firstLetter(s)
		}
		space := place - at + l.padding(c, width)
		if space < 1 {
			space = gap
		}
		space = min(space, maxGap)
		b = append(append(b, gaps[:space]...), s...)
		at += space + width
		place += c.Width
		if c.Mask && l.wide {
			place += maskWidth - shortWidth
		}
		if gap = 0; !last && !c.filler && !l.cells[i+1].filler {
			place++
			gap = 1
		}
	}
	return b
}

// gaps are as many blanks as there may be between two columns.
var gaps = strings.Repeat(" ", maxGap)

// padding is what stands before a text that belongs to the right.
func (l *Layout) padding(c *Cell, width int) int {
	switch {
	case c.Mask && l.wide:
		return max(maskWidth-width, 0)
	case c.Mask:
		return max(shortWidth-width, 0)
	case c.filler:
	case c.Side == Right, c.rightward:
		return max(c.Width-width, 0)
	}
	return 0
}

// delimited sets texts without padding, and nothing is cut.
func (l *Layout) delimited(text func(c *Cell, room int) (string, int)) string {
	texts := make([]string, len(l.cells))
	for i := range l.cells {
		s, _ := text(&l.cells[i], maxLine)
		texts[i] = strings.TrimSpace(s)
	}
	return strings.Join(texts, l.Delimiter)
}

// firstLetter is all that is left of a column beyond the end of the screen.
func firstLetter(s string) string {
	for i := range s {
		if i > 0 {
			return s[:i]
		}
	}
	return s
}

// fit cuts the texts of those columns that are cut.
func (c *Cell) fit(s string, room int) string {
	switch {
	case c.Side == Name && Width(s) > room:
		return Cut(s, room-1) + "+"
	case c.Side == Open, c.Side == Cropped:
		return Cut(s, room)
	}
	return s
}

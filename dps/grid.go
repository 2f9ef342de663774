package dps

import (
	"bufio"
	"strings"
)

// grid is a small table of texts that are clean: of groups, or of hosts.
type grid struct {
	headers []string
	right   []bool // numbers
	rows    [][]string
	bad     []bool // rows that are shown as such in colour; nil for none
}

// Red, for what is wrong.
const redOn = "\x1b[31m"

// writeGrid writes a grid, every column as wide as its widest text. At the end of the
// screen a text is cut; a number, which would be another one then, is left out, with
// what follows.
func (l *Listing) writeGrid(out *bufio.Writer, g grid) {
	widths := make([]int, len(g.headers))
	for i, h := range g.headers {
		widths[i] = Width(h)
	}
	for _, row := range g.rows {
		for i, text := range row {
			widths[i] = max(widths[i], Width(text))
		}
	}
	fit := g.fitting(widths, l.width())
	widths = widths[:fit]
	if !l.Command.NoHeader {
		l.writeGridLine(out, g, g.headers, widths, boldOn)
	}
	for i, row := range g.rows {
		style := ""
		if g.bad != nil && g.bad[i] {
			style = redOn
		}
		l.writeGridLine(out, g, row, widths, style)
	}
}

// fitting is how many columns are shown on a screen, 0 columns wide where it has no end.
func (g grid) fitting(widths []int, screen int) int {
	end := 0
	for i, width := range widths {
		begin := end
		if i > 0 {
			begin++
		}
		end = begin + width
		if i > 0 && screen > 0 && (begin >= screen || g.right[i] && end > screen) {
			return i
		}
	}
	return len(widths)
}

func (l *Listing) writeGridLine(out *bufio.Writer, g grid, row []string, widths []int, style string) {
	var b strings.Builder
	for i, text := range row[:len(widths)] {
		if i > 0 {
			b.WriteByte(' ')
		}
		pad := strings.Repeat(" ", widths[i]-Width(text))
		switch {
		case g.right[i]:
			b.WriteString(pad + text)
		case i == len(widths)-1:
			b.WriteString(text)
		default:
			b.WriteString(text + pad)
		}
	}
	line := strings.TrimRight(b.String(), " ")
	if width := l.width(); width > 0 {
		line = Cut(line, width)
	}
	if l.Color && style != "" {
		line = style + line + boldOff
	}
	_, _ = out.WriteString(line + "\n")
}

package dps

import (
	"slices"
	"strconv"
	"strings"
)

// Limits of one listing; a limit that is passed is an error of the command line.
const (
	maxCells      = 256
	maxCellWidth  = 1 << 16
	maxHeaderText = 1024
)

// styles are the formats that have letters of their own.
type styles struct {
	full, extra, long, noFlags, jobs bool   // -f, -F, -l, -y, -j
	bsd                              []byte // u, l, j
}

// userFormat is -o: keywords with commas or blanks between, each with a width
// after a colon or a header after an equals sign.
func userFormat(p *parser, format string) error {
	words := strings.FieldsFunc(format, isSeparator)
	if len(words) == 0 || strings.Contains(format, ",,") || format[0] == ',' {
		return usage("improper format list")
	}
	for _, word := range words {
		cell, err := userCell(word)
		if err != nil {
			return err
		}
		if p.user = append(p.user, cell); len(p.user) > maxCells {
			return usage("too many columns, " + strconv.Itoa(maxCells) + " are allowed")
		}
	}
	return nil
}

func userCell(word string) (Cell, error) {
	spec, header, renamed := strings.Cut(word, "=")
	key, width, sized := strings.Cut(spec, ":")
	column, ok := ColumnByKey(key)
	if !ok {
		return Cell{}, unknownKey(key, "unknown user-defined format specifier "+strconv.Quote(Clean(key)))
	}
	cell := Cell{Column: column}
	if sized {
		n, err := strconv.ParseUint(width, 10, 31)
		if err != nil || n == 0 || n > maxCellWidth {
			return Cell{}, usage("column widths must be unsigned decimal numbers")
		}
		cell.Width, cell.Fixed = int(n), true
	}
	if renamed {
		if len(header) > maxHeaderText {
			return Cell{}, usage("header too long, " + strconv.Itoa(maxHeaderText) + " bytes are allowed")
		}
		cell.Header = header
		if !sized {
			cell.Width = max(cell.Width, Width(Clean(header)))
		}
	}
	return cell, nil
}

// unknownKey tells what dps does not do yet from what nobody does.
func unknownKey(key, text string) error {
	if key != "" && strings.Contains(laterKeys, " "+key+" ") {
		return &UsageError{Text: "column " + strconv.Quote(key) + " of ps is not supported yet", final: true}
	}
	return usage(text)
}

// sortKeys is --sort: keywords, each with + or - before it.
func sortKeys(p *parser, list string) error {
	words := strings.FieldsFunc(list, isSeparator)
	if len(words) == 0 || strings.Contains(list, ",,") || list[0] == ',' {
		return usage("improper sort list")
	}
	if len(p.out.Sort) > 0 {
		return usage("multiple sort options")
	}
	for _, word := range words {
		key := SortKey{Descending: word[0] == '-'}
		name := strings.TrimLeft(word[:1], "+-") + word[1:]
		column, ok := ColumnByKey(name)
		if !ok {
			return unknownKey(name, "unknown sort specifier "+strconv.Quote(Clean(name)))
		}
		key.Column = column
		if p.out.Sort = append(p.out.Sort, key); len(p.out.Sort) > maxCells {
			return usage("too many sort keys, " + strconv.Itoa(maxCells) + " are allowed")
		}
	}
	return nil
}

// finish settles the columns.
func (p *parser) finish() error {
	s, selected := p.styles, p.out.Select
	switch {
	case selected.simple != 0 && selected.simple&unixAll == 0 && (selected.others || selected.detached):
		return usage("process selection options conflict")
	case s.noFlags && !s.long && len(s.bsd) == 0 && len(p.user) == 0:
		return usage("modifier -y without format -l makes no sense")
	case len(s.bsd) > 1, len(s.bsd) == 1 && (s.full || s.long || len(p.user) > 0), len(p.user) > 0 && (s.long || s.full):
		return usage("conflicting format options")
	case len(p.user) > 0 && (s.jobs || s.noFlags):
		return usage("can not use output modifiers with user-defined output")
	case len(s.bsd) == 1 && s.jobs:
		return &UsageError{Text: "-j together with formats of BSD is not supported yet", final: true}
	}
	keys := strings.Fields(unixFormat(s, p.bsd))
	if len(s.bsd) == 1 {
		keys = strings.Fields(bsdFormats[s.bsd[0]])
	}
	p.out.Cells = p.user
	if len(p.user) == 0 {
		p.out.Cells = cellsOf(keys)
	}
	if !p.out.NoHost && !slices.ContainsFunc(p.out.Cells, func(c Cell) bool { return c.Key == HostKey }) {
		p.out.Cells = append(cellsOf([]string{HostKey}), p.out.Cells...)
		if !slices.ContainsFunc(p.out.Cells[1:], func(c Cell) bool { return c.Header != "" }) {
			p.out.Cells[0].Header = "" // pid= asks for lines without headers
		}
	}
	p.out.Select.bsd = p.bsd
	return nil
}

// bsdFormats are the formats of BSD by their letters.
var bsdFormats = map[byte]string{
	'u': "user pid %cpu %mem vsz rss tname stat start_time bsdtime command",
	'l': "f uid pid ppid priority ni vsz rss wchan stat tname bsdtime command",
	'j': "ppid pid pgid sid tname tpgid stat uid bsdtime command",
}

// unixFormat is what the dashed letters make together; an option of BSD beside
// them adds the state and asks for the command line.
func unixFormat(s styles, bsd bool) string {
	var b strings.Builder
	add := func(when bool, keys string) {
		if when {
			b.WriteString(keys + " ")
		}
	}
	wordy := s.full || s.long
	add(s.long && !s.noFlags, "f")
	add(s.long, "s")
	add(s.full, "uid_hack")
	add(s.long && !s.full, "uid")
	add(true, "pid")
	add(wordy, "ppid")
	add(s.jobs, "pgid sid")
	add(wordy, "c")
	add(s.long, "opri ni")
	add(s.long && s.noFlags, "rss sz wchan")
	add(s.long && !s.noFlags, "addr_1 sz wchan")
	add(s.extra && !s.long, "sz")
	add(s.extra && !s.noFlags, "rss")
	add(s.extra, "psr")
	add(s.full, "stime")
	add(true, "tname")
	add(bsd && !s.long, "stat")
	add(bsd, "bsdtime")
	add(!bsd, "time")
	switch {
	case s.full, s.long && bsd:
		b.WriteString("cmd")
	case bsd:
		b.WriteString("command")
	default:
		b.WriteString("ucmd")
	}
	return b.String()
}

// cellsOf makes cells of keywords that are known to exist.
func cellsOf(keys []string) []Cell {
	cells := make([]Cell, 0, len(keys))
	for _, key := range keys {
		column, ok := ColumnByKey(key)
		if !ok {
			continue
		}
		cells = append(cells, Cell{Column: column})
	}
	return cells
}

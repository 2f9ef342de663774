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

// userFormat is -o: keywords with commas or blanks between, each with a width
// after a colon or a header after an equals sign.
func userFormat(p *parser, format string) error {
	cells, err := formatCells(format)
	if err != nil {
		return err
	}
	if p.user = append(p.user, cells...); len(p.user) > maxCells {
		return usage("too many columns, " + strconv.Itoa(maxCells) + " are allowed")
	}
	return nil
}

// formatCells reads what stands behind -o.
func formatCells(format string) ([]Cell, error) {
	words := strings.FieldsFunc(format, isSeparator)
	if len(words) == 0 || strings.Contains(format, ",,") || format[0] == ',' {
		return nil, usage("improper format list")
	}
	cells := make([]Cell, 0, min(len(words), maxCells))
	for _, word := range words[:min(len(words), maxCells+1)] {
		cell, err := userCell(word)
		if err != nil {
			return nil, err
		}
		cells = append(cells, cell)
	}
	return cells, nil
}

// addedFormat is -O: columns between the process id and the rest of what is
// shown without a format.
func addedFormat(p *parser, format string) error {
	if len(p.user) > 0 {
		return usage("option -O can not follow other format options")
	}
	return p.addFormat(format, "args")
}

// addedOrSorted is O of BSD: the letters by which old systems sorted, or else
// columns as above.
func addedOrSorted(p *parser, spec string) error {
	keys, ok := letterKeys(spec)
	switch {
	case ok && len(p.out.Sort) > 0:
		return usage("multiple sort options")
	case ok:
		p.out.Sort = keys
		return nil
	case len(p.user) > 0:
		return usage("option O is neither first format nor sort order")
	case p.addFormat(spec, "comm") != nil:
		return usage("bad sorting code")
	}
	return nil
}

func (p *parser) addFormat(format, command string) error {
	cells, err := formatCells(format)
	if err != nil {
		return err
	}
	p.user = slices.Concat(cellsOf([]string{"pid"}), cells, cellsOf([]string{"s", "tname", "time", command}))
	return nil
}

// letters are the keys of old systems: pairs of a letter and a keyword.
const letters = "c:cmd C:pcpu f:flags g:pgrp G:tpgid j:time J:time k:time K:time m:min_flt M:maj_flt " +
	"n:min_flt N:maj_flt o:session p:pid P:ppid r:rss R:rss s:size S:size t:tty T:start_time U:uid u:user v:vsize y:priority"

// letterKeys reads letters, each once and with + or - before it.
func letterKeys(spec string) ([]SortKey, bool) {
	var keys []SortKey
	descending := false
	for _, letter := range spec {
		if letter == '+' || letter == '-' {
			descending = letter == '-'
			continue
		}
		_, after, known := strings.Cut(" "+letters+" ", " "+string(letter)+":")
		name, _, _ := strings.Cut(after, " ")
		column, found := ColumnByKey(name)
		if !known || !found || strings.Count(spec, string(letter)) > 1 {
			return nil, false
		}
		keys = append(keys, SortKey{Column: column, Descending: descending})
		descending = false
	}
	return keys, len(keys) > 0
}

func userCell(word string) (Cell, error) {
	spec, header, renamed := strings.Cut(word, "=")
	key, width, sized := strings.Cut(spec, ":")
	column, ok := ColumnByKey(key)
	if !ok {
		return Cell{}, usage("unknown user-defined format specifier " + strconv.Quote(Clean(key)))
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
			return usage("unknown sort specifier " + strconv.Quote(Clean(name)))
		}
		key.Column = column
		if p.out.Sort = append(p.out.Sort, key); len(p.out.Sort) > maxCells {
			return usage("too many sort keys, " + strconv.Itoa(maxCells) + " are allowed")
		}
	}
	return nil
}

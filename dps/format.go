package dps

import (
	"slices"
	"strconv"
	"strings"

	"ddcos/near"
)

// Limits of one listing; a limit that is passed is an error of the command line.
const (
	maxCells      = 256
	maxCellWidth  = 1 << 16
	maxHeaderText = 1024
)

// asked is a request for columns or sort keys: they are understood once
// everything is read, in their order.
type asked struct {
	how  how
	text string
}

// how something was asked for.
type how int

const (
	askFormat        how = iota // -o: keywords, formats by name, codes of AIX
	askAdded                    // -O: columns behind the process id and the default ones
	askAddedOrSorted            // O of BSD: the same, or letters to sort by
	askSort                     // --sort: keywords
)

func request(as how) func(*parser, string) error {
	return func(p *parser, text string) error {
		p.requests = append(p.requests, asked{as, text})
		return nil
	}
}

// specified understands the requests.
func (p *parser) specified() error {
	for _, r := range p.requests {
		var err error
		switch r.how {
		case askFormat:
			err = p.format(r.text)
		case askAdded:
			err = p.added(r.text)
		case askAddedOrSorted:
			err = p.addedOrSorted(r.text)
		case askSort:
			switch {
			case p.out.Peers:
				err = p.sortPeers(r.text)
			case p.out.By != "":
				err = p.sortGroups(r.text)
			default:
				err = p.sort(r.text)
			}
		}
		if err != nil {
			return err
		}
	}
	if len(p.out.Cells) > maxCells {
		return tooManyColumns()
	}
	return nil
}

func tooManyColumns() error {
	return usage("too many columns, " + strconv.Itoa(maxCells) + " are allowed")
}

func (p *parser) format(text string) error {
	cells, err := formatCells(text)
	p.out.Cells = append(p.out.Cells, cells...)
	p.formatted = p.formatted || err == nil
	return err
}

func (p *parser) added(text string) error {
	if p.formatted {
		return usage("option -O can not follow other format options")
	}
	return p.wrapped(text, "END_SYS5")
}

// addedOrSorted takes letters to sort by where all are such, and columns else.
func (p *parser) addedOrSorted(text string) error {
	err := usage("multiple sort options")
	if !p.sorted && !slices.ContainsFunc(p.requests, func(r asked) bool { return r.how == askSort }) {
		err = p.letterKeys(text)
	}
	switch {
	case err == nil:
		p.sorted = true
		return nil
	case p.formatted:
		return usage("option O is neither first format nor sort order")
	case p.wrapped(text, "END_BSD") == nil:
		return nil
	}
	return err
}

// wrapped has columns between the process id and what else ps shows by default.
func (p *parser) wrapped(text, trailer string) error {
	cells, err := formatCells(text)
	if err != nil {
		return err
	}
	p.out.Cells = append(p.out.Cells, slices.Concat(cellsOf([]string{"pid"}), cells, namedCells(trailer))...)
	p.formatted = true
	return nil
}

// formatCells reads a format: keywords and formats by name with commas or blanks
// between, each perhaps with a width after a colon or a header after an equals
// sign; or else, where a percent sign stands in it, codes of AIX.
func formatCells(format string) ([]Cell, error) {
	cells, err := keywordCells(format)
	if err != nil && strings.Contains(format, "%") {
		return codeCells(format)
	}
	return cells, err
}

func keywordCells(format string) ([]Cell, error) {
	words, ok := items(format)
	if !ok {
		return nil, usage("improper format list")
	}
	var cells []Cell
	for _, word := range words {
		more, err := wordCells(word)
		if err != nil {
			return nil, err
		}
		if cells = append(cells, more...); len(cells) > maxCells {
			return nil, tooManyColumns()
		}
	}
	return cells, nil
}

// isSeparator tells what stands between keywords.
func isSeparator(r rune) bool { return isListSeparator(r) || r == '\n' }

// items takes a list of keywords apart; one separator may end it.
func items(list string) ([]string, bool) {
	if last := len(list) - 1; last > 0 && isSeparator(rune(list[last])) {
		list = list[:last]
	}
	words := strings.FieldsFunc(list, isSeparator)
	separators := strings.Count(list, " ") + strings.Count(list, ",") + strings.Count(list, "\t") + strings.Count(list, "\n")
	return words, len(words) > 0 && separators == len(words)-1
}

// letterNames are the sort keys of old systems: pairs of a letter and a keyword.
// Keywords that show nothing leave the order as it is, and what is no keyword
// ends the list, as in ps.
const letterNames = "C:pcpu G:tpgid J:cstime K: M:maj_flt N:cmaj_flt P:ppid R:resident S:share T:start_time U:uid c:cmd f:flags g:pgrp " +
	"j:cutime k:utime m:min_flt n:cmin_flt o:session p:pid r:rss s:size t:tty u:user v:vsize y:priority"

// letterKeys reads letters, each once and with + or - before it. Of two letters
// without a sign the second does not count, as in ps.
func (p *parser) letterKeys(spec string) error {
	for i, letter := range spec {
		signed := letter == '+' || letter == '-'
		switch {
		case !signed && !strings.Contains(" "+letterNames, " "+string(letter)+":"),
			signed && (i == len(spec)-1 || strings.ContainsAny(spec[i+1:i+2], "+-")):
			return usage("bad sorting code")
		case letter == 'P' && p.out.Tree != NoTree:
			return usage("PPID sort and forest output conflict")
		case !signed && strings.Count(spec, string(letter)) > 1:
			return usage("bad sorting code")
		}
	}
	direction := byte('+')
	for _, letter := range []byte(spec) {
		if letter == '+' || letter == '-' {
			direction = letter
			continue
		}
		_, after, _ := strings.Cut(" "+letterNames+" ", " "+string(letter)+":")
		name, _, _ := strings.Cut(after, " ")
		column, known := ColumnByKey(name)
		if !known {
			return nil
		}
		if direction != 0 {
			p.out.Sort = append(p.out.Sort, SortKey{Column: column, Descending: direction == '-'})
		}
		direction = 0
	}
	return nil
}

// wordCells is one word of a format: a column, or those of a format by its name.
func wordCells(word string) ([]Cell, error) {
	spec, header, renamed := strings.Cut(word, "=")
	key, width, sized := strings.Cut(spec, ":")
	if _, isName := named[key]; !isName {
		cell, err := userCell(word)
		return []Cell{cell}, err
	}
	if sized {
		if _, err := columnWidth(width); err != nil {
			return nil, err
		}
		return nil, usage("can not set width for a macro (multi-column) format specifier")
	}
	cells := namedCells(key)
	for i := range cells {
		if renamed {
			if err := cells[i].rename(header); err != nil {
				return nil, err
			}
			cells[i].Width = max(cells[i].Width, len(header))
		}
	}
	return cells, nil
}

func userCell(word string) (Cell, error) {
	spec, header, renamed := strings.Cut(word, "=")
	key, width, sized := strings.Cut(spec, ":")
	fixed := 0
	if sized {
		var err error
		if fixed, err = columnWidth(width); err != nil {
			return Cell{}, err
		}
	}
	column, ok := ColumnByKey(key)
	if !ok {
		return Cell{}, noColumn("unknown user-defined format specifier ", key)
	}
	cell := Cell{Column: column}
	if sized {
		cell.Width, cell.Fixed = fixed, true
	}
	if renamed {
		if err := cell.rename(header); err != nil {
			return Cell{}, err
		}
		if !sized {
			cell.Width = max(cell.Width, len(header))
		}
	}
	return cell, nil
}

// noColumn says that no column has that keyword, and which it may have been.
func noColumn(what, key string) error {
	var all []string
	for _, c := range Columns() {
		all = append(all, c.Key)
	}
	return &UsageError{Text: what + strconv.Quote(Clean(key)) + near.Hint("", key, all), see: "L"}
}

// columnWidth is what stands behind the colon of a keyword.
func columnWidth(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || text[0] == '0' || n > maxCellWidth {
		return 0, usage("column widths must be unsigned decimal numbers")
	}
	return int(n), nil
}

func (c *Cell) rename(header string) error {
	if len(header) > maxHeaderText {
		return usage("header too long, " + strconv.Itoa(maxHeaderText) + " bytes are allowed")
	}
	c.Header = header
	return nil
}

// sort is --sort: keywords, each with + or - before it.
func (p *parser) sort(list string) error {
	words, ok := items(list)
	switch {
	case p.sorted:
		return usage("multiple sort options")
	case !ok:
		return usage("improper sort list")
	}
	p.sorted = true
	for _, word := range words {
		key := SortKey{Descending: word[0] == '-'}
		name := strings.TrimLeft(word[:1], "+-") + word[1:]
		column, ok := ColumnByKey(name)
		if !ok {
			return noColumn("unknown sort specifier ", name)
		}
		key.Column = column
		if p.out.Sort = append(p.out.Sort, key); len(p.out.Sort) > maxCells {
			return usage("too many sort keys, " + strconv.Itoa(maxCells) + " are allowed")
		}
	}
	return nil
}

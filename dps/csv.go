package dps

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"strings"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// writeCSV writes a header of keywords and a line for each row, as RFC 4180 has
// it but for lines that end with a line feed alone. What is not known is empty.
func (c *Command) writeCSV(out *bufio.Writer, table *fleet.Table, look *Look) error {
	w := csv.NewWriter(out)
	write := cleanWriter(w)
	switch {
	case c.Fleet:
		g := hostGrid(table)
		for i := range g.headers {
			g.headers[i] = strings.ToLower(g.headers[i])
		}
		write(g.headers)
		for _, row := range g.rows {
			write(row)
		}
	case c.By != "":
		header := []string{c.By}
		for _, m := range query.Measures() {
			header = append(header, m.Field)
		}
		write(header)
		for _, g := range table.Groups {
			row := []string{Clean(g.Key)}
			for _, m := range query.Measures() {
				row = append(row, countText(m.Of(g)))
			}
			write(row)
		}
	default:
		c.csvRows(write, table, look, true)
	}
	w.Flush()
	return w.Error()
}

// cleanWriter writes lines that no spreadsheet takes for formulas; w tells the error.
func cleanWriter(w *csv.Writer) func(cells []string) {
	return func(cells []string) {
		for i := range cells {
			cells[i] = plainCell(cells[i])
		}
		_ = w.Write(cells) // told by Error
	}
}

// csvRows writes the lines of rows, and of headers before them.
func (c *Command) csvRows(write func([]string), table *fleet.Table, look *Look, headed bool) {
	var header []string
	for _, cell := range c.Cells {
		if !cell.filler {
			header = append(header, csvName(cell.Key))
		}
	}
	if headed {
		write(header)
	}
	for _, r := range table.Rows {
		var row []string
		for _, cell := range c.Cells {
			if !cell.filler {
				row = append(row, strings.TrimSpace(cell.Text(look, r)))
			}
		}
		write(row)
	}
}

func countText(n k2i.Count) string {
	if n < 0 {
		return ""
	}
	return decimal(int64(n))
}

// plainCell is a cell that no spreadsheet takes for a formula: what begins as one
// and is no plain number has an apostrophe before it. A lone dash, which stands
// for what is not known, is nothing.
func plainCell(text string) string {
	switch {
	case text == "-":
		return ""
	case text == "" || !strings.ContainsRune("=+-@\t\r\n|%", rune(text[0])) || isPlainNumber(text):
		return text
	}
	return "'" + text
}

// isPlainNumber tells -5 and -0.5 from what might be calculated.
func isPlainNumber(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	return digits != "" && strings.Trim(digits, "0123456789.") == "" && strings.Count(digits, ".") < 2 && digits[0] != '.'
}

// csvNames are what columns are called for programs whose keyword is known to ps
// alone: it has them in its formats, and nobody asks for them.
var csvNames = map[string]string{"uid_hack": "user", "tname": "tty", "addr_1": "addr"}

func csvName(key string) string { return cmp.Or(csvNames[key], key) }

package dtop

import (
	"slices"

	"ddcos/dps"
)

// rssWidth lets a process have 95 GiB before its line goes out of step.
const rssWidth = 8

// usual are what a row shows where nothing else is asked for, by dps's keywords.
var usual = []string{"host", "pid", "user", "rcpu", "%mem", "rss", "time", "s", "args"}

// Cells are the columns of a format as dps takes it after -o, the host first, which
// tells rows of many hosts apart; the usual ones for "".
func Cells(format string) ([]dps.Cell, error) {
	if format == "" {
		return cellsOf(usual), nil
	}
	command, err := dps.Parse([]string{"-e", "-o", format}, dps.Env{})
	if err != nil {
		return nil, err
	}
	cells := command.Cells
	if !slices.ContainsFunc(cells, func(c dps.Cell) bool { return c.Key == "host" }) {
		cells = append(cellsOf([]string{"host"}), cells...)
	}
	return cells, nil
}

func cellsOf(keys []string) []dps.Cell {
	cells := make([]dps.Cell, 0, len(keys))
	for _, key := range keys {
		if c, ok := dps.ColumnByKey(key); ok {
			if key == "rss" {
				c.Width = rssWidth
			}
			cells = append(cells, dps.Cell{Column: c})
		}
	}
	return cells
}

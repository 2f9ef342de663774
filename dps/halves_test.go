package dps

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Many rows are written as few are: in their order, one header above each page, wherever
// the halves meet, and with names that are looked up for both.
func TestHalves(t *testing.T) {
	for _, page := range []int{0, 7, manyRows / 2, 3 * manyRows} {
		for _, rows := range []int{0, 1, manyRows - 1, manyRows, manyRows + 1, 2 * manyRows} {
			table := rowsOf(1 + rows/400)
			table.Rows = table.Rows[:rows]
			for i, r := range table.Rows {
				r.Process.PID, r.Process.User, r.Process.EUID = int32(i), "", uint32(i%3)
			}
			look := NewLook(table, time.UTC, true)
			command := &Command{Cells: cellsOf([]string{"pid", "user", "args"}), Repeat: page > 0, Rows: page + 1}
			l := &Listing{Command: command}
			var got bytes.Buffer
			out := bufio.NewWriter(&got)
			l.writeText(out, table, look)
			if err := out.Flush(); err != nil {
				t.Fatal(err)
			}
			layout := l.newLayout(table, look)
			var want strings.Builder
			fmt.Fprintln(&want, layout.Header())
			for i, r := range table.Rows {
				if i > 0 && page > 0 && i%page == 0 {
					fmt.Fprintln(&want, layout.Header())
				}
				fmt.Fprintln(&want, layout.Line(r))
			}
			if got.String() != want.String() {
				t.Errorf("%d rows, pages of %d: %d bytes are not the %d that they should be", rows, page, got.Len(), want.Len())
			}
		}
	}
}

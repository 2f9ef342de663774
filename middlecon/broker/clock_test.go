package broker

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNoWallClock: the broker, the client and what they listen with measure by the
// monotonic clock only. Nothing of package time that makes, parses or prints a time of
// the wall is used, but where somebody is told the time: so a clock that is moved
// moves no deadline.
func TestNoWallClock(t *testing.T) {
	monotonic := []string{
		"Duration", "Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour",
		"Time", "Now", "Since", "Until", "After", "AfterFunc", "Timer", "NewTimer", "Ticker", "NewTicker",
	}
	wall := []string{"Unix", "UnixMilli", "UnixMicro", "UnixNano", "Format", "AppendFormat", "Date", "Clock", "UTC", "Weekday", "YearDay"}
	told := map[string]bool{
		"accountline.go Format":      true, // of a line of the account log
		"accountline.go RFC3339Nano": true,
		"accountlog.go Unix":         true, // a deadline that is long past
		"conn.go Unix":               true, // likewise
	}
	looked, excused := 0, map[string]bool{}
	for _, dir := range []string{".", "..", "../listen"} {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			looked++
			ast.Inspect(file, func(n ast.Node) bool {
				of, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				x, _ := of.X.(*ast.Ident)
				bad := slices.Contains(wall, of.Sel.Name)
				if x != nil && x.Name == "time" {
					bad = !slices.Contains(monotonic, of.Sel.Name)
				}
				use := filepath.Base(name) + " " + of.Sel.Name
				switch {
				case bad && told[use]:
					excused[use] = true
				case bad:
					t.Errorf("%s: the wall clock", use)
				}
				return true
			})
		}
	}
	if looked < 40 || len(excused) != len(told) {
		t.Errorf("%d files were looked at; %v is used of %v", looked, excused, told)
	}
}

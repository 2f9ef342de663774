package room

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestNoClock: no clock can reach the rooms but the one that Step is given. Of
// package time they use the type and units of a duration, and of what could tell
// the time, wait or choose by chance nothing is imported: a wall clock that is
// moved cannot move a deadline.
func TestNoClock(t *testing.T) {
	allowed := map[string]bool{
		"Duration": true, "Nanosecond": true, "Microsecond": true, "Millisecond": true, "Second": true, "Minute": true, "Hour": true,
	}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	used := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil || spec.Name != nil {
				t.Errorf("%s: %s is imported under another name", name, spec.Path.Value)
			}
			switch imported {
			case "context", "net", "os", "runtime", "math/rand", "math/rand/v2", "syscall", "unsafe":
				t.Errorf("%s imports %s", name, imported)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if of, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := of.X.(*ast.Ident); ok && x.Name == "time" {
					used++
					if !allowed[of.Sel.Name] {
						t.Errorf("%s uses time.%s", name, of.Sel.Name)
					}
				}
			}
			return true
		})
	}
	if used == 0 {
		t.Error("package time is not used at all: this test looks at nothing")
	}
}

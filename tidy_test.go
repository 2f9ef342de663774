// The tests named tidy hold the tree to its own rules: the import law that
// ARCHITECTURE.md writes down (tidy_law_test.go), the sizes and shapes of files
// and functions (tidy_shape_test.go), variables that never change
// (tidy_vars_test.go), and documents that name only what exists
// (tidy_docs_test.go). Each rule is a function over a tree; each is shown here
// to find nothing in the repository and to find what is planted in a tree of
// its own.
package ddcos_test

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// A rule returns one line for each violation, `path:line: what`.
type rule func(*tree) []string

// rules are all that the repository is held to.
var rules = map[string]rule{
	"import law":        importLaw,
	"library law":       libraryLaw,
	"file sizes":        fileSizes,
	"function sizes":    functionSizes,
	"no init":           noInit,
	"no blank import":   noBlankImport,
	"package names":     packageNames,
	"constant globals":  constantGlobals,
	"identifiers exist": identifiersExist,
	"paths exist":       pathsExist,
	"links lead":        linksLead,
	"targets exist":     targetsExist,
}

func TestTidy(t *testing.T) {
	repository, err := readTree(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for name, check := range rules {
		t.Run(name, func(t *testing.T) {
			for _, finding := range check(repository) {
				t.Error(finding)
			}
		})
	}
}

// A planting is a tree that breaks one rule in the ways that want tells, or in
// none.
type planting struct {
	files map[string]string
	want  []string // each a part of one finding, in any order
}

// plant runs a rule over planted trees.
func plant(t *testing.T, check rule, plantings map[string]planting) {
	t.Helper()
	for name, p := range plantings {
		t.Run(name, func(t *testing.T) {
			planted, err := readTree(mapFS(p.files))
			if err != nil {
				t.Fatal(err)
			}
			got := check(planted)
			for _, want := range p.want {
				i := slices.IndexFunc(got, func(finding string) bool { return strings.Contains(finding, want) })
				if i < 0 {
					t.Errorf("not found: %s", want)
					continue
				}
				got = slices.Delete(got, i, i+1)
			}
			for _, finding := range got {
				t.Errorf("found where nothing is wrong: %s", finding)
			}
		})
	}
}

// mapFS is a file system of the given files.
func mapFS(files map[string]string) fs.FS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}
